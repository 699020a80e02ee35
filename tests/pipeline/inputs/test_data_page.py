"""The page of the data: where it lies, and that one is written when no picture can be decoded."""

from __future__ import annotations

from pathlib import Path

import pytest

from kaggle_face.config import LoadedConfig
from kaggle_face.errors import MissingExtraError
from kaggle_face.pipeline.inputs.check import check_competition
from kaggle_face.pipeline.inputs.data_page import default_page, require_page_is_possible
from tests.support.progress import Told


def test_it_lies_beside_the_runs(loaded: LoadedConfig) -> None:
    assert default_page(loaded) == Path("runs/tiny/data.html")


def test_without_a_readable_picture_it_names_the_files(loaded: LoadedConfig) -> None:
    pytest.importorskip("plotly", reason="plotly is not installed")
    files = sorted(Path("data/tiny").rglob("*.jpg"))
    for path in files:
        path.write_bytes(b"nothing")
    check = check_competition(loaded.config, Told(), page=Path("page.html"))
    assert check.page is not None and check.page.num_bytes == Path("page.html").stat().st_size
    text = Path("page.html").read_text(encoding="utf-8")
    assert f"{len(files)} of {len(files)} files." in text and "no picture can be read" in text
    assert not Path("packs").exists()


def test_a_missing_extra_is_named_before_the_images_are_read(
    loaded: LoadedConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> str:
        raise MissingExtraError("plotly", "report")

    monkeypatch.setattr("kaggle_face.plotly_script.plotly_script", missing)
    with pytest.raises(MissingExtraError, match="report"):
        check_competition(loaded.config, Told(), page=Path("page.html"))
    with pytest.raises(MissingExtraError):
        require_page_is_possible(Path("page.html"))

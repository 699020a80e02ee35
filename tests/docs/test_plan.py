"""The commands of the quick start and of the plan of ten days run in their order on generated faces."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import pytest

from kaggle_face.cli.main import main
from kaggle_face.config import dump_config, load_config
from kaggle_face.synthetic.dataset import EmbeddedSize, write_embedded_dataset
from tests.support.documents import DOCS, command_lines

SIZE = EmbeddedSize(
    num_identities=8,
    train_images_per_identity=10,
    dev_images_per_identity=4,
    test_images_per_identity=2,
    num_verification_identities=8,
    images_per_verification_identity=4,
    num_val_pairs=40,
    num_test_pairs=40,
    image_size_px=32,
)
SMALL = ("folds.count=2", "train.epochs=2", "train.batch_size=8", "train.threads=1", "device=cpu")
LEFT_OUT = {
    "download": "it asks Kaggle",
    "leaderboard": "it asks Kaggle",
    "run": "it takes half an hour",
    "tune": "it takes thirty trainings",
    "pseudo-label": "two epochs make no network sure",
    "demo": "it takes minutes; with one epoch it is run here",
}


def commands_of(page: str) -> list[list[str]]:
    """The words of a page's commands of this package, in its order."""
    return [words[1:] for words in command_lines(DOCS / page) if words[0] == "kaggle-face"]


def is_run(words: Sequence[str]) -> bool:
    """Whether a command can be run here: it uploads nothing, and needs no result of one that is left out."""
    is_upload = words[0] == "submit" and "--dry-run" not in words
    return words[0] not in LEFT_OUT and not is_upload and "faces-2026-30min" not in words


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory of somebody without credentials."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KAGGLE_FACE_CONFIG", raising=False)
    return tmp_path


@pytest.mark.slow
def test_the_plan_of_ten_days_runs(folder: Path) -> None:
    pytest.importorskip("plotly", reason="plotly is not installed (extra report)")
    write_embedded_dataset(folder / "data/faces-2026", SIZE, seed=3)
    ran = []
    for words in filter(is_run, commands_of("zero-to-medal.md")):
        assert main(words) == 0, shlex.join(words)
        ran.append(words[0])
        if words[0] == "init":  # what it wrote, made small
            path = folder / "configs/faces-2026.yaml"
            path.write_text(dump_config(load_config("faces-2026", SMALL).config), encoding="utf-8")
    assert {"init", "check", "train", "predict", "ensemble", "report", "evaluate", "soup"} <= set(ran)
    assert len(ran) >= 14 and (folder / "runs/faces-2026/base/report.html").is_file()


@pytest.mark.slow
def test_the_quick_start_runs(folder: Path) -> None:
    pytest.importorskip("plotly", reason="plotly is not installed (extra report)")
    first = [words for words in commands_of("quick-start.md") if "faces-2026" not in words]
    assert first[:2] == [["demo"], ["report"]]
    assert main(["demo", "train.epochs=1"]) == 0
    assert main(["report"]) == 0
    assert len(list((folder / "submissions/demo").glob("*.csv"))) > 2

"""A project checks its data and previews its augmentation as the commands do."""

from __future__ import annotations

from pathlib import Path

import pytest

import kaggle_face as kf
from kaggle_face.errors import InputError
from kaggle_face.project.project import Project


@pytest.fixture
def project(tiny_faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    settings = [f"data.root={tiny_faces}", "data.image_size=16", "data.workers=0", "device=cpu"]
    return kf.open_project("demo", settings)


def test_the_check_returns_counts_and_problems(project: Project, tmp_path: Path) -> None:
    found = project.check(images=False)
    assert found.counts[0].split == "train" and found.problems == () and found.page is None
    with pytest.raises(InputError, match="--no-images"):
        project.check(images=False, pictures=True)


def test_a_path_asks_for_a_page(project: Project, tmp_path: Path) -> None:
    pytest.importorskip("plotly", reason="plotly is not installed")
    page = project.check(path=tmp_path / "faces.html").page
    assert page is not None and page.path.stat().st_size == page.num_bytes > 10_000


def test_the_preview_is_a_picture(project: Project) -> None:
    sheet = project.preview_augmentation(images=2, versions=1)
    assert sheet.mode == "RGB" and sheet.width > 300

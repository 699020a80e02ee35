"""Budgets and notebooks, on noise instead of faces."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.budgets.__main__ import main
from benchmarks.budgets.notebook import read_faces, run_notebook
from benchmarks.face_folders import FaceFolders, lay_out_faces
from kaggle_face.pipeline.budget.run import run_within
from kaggle_face.progress import SilentProgress
from tests.benchmarks.conftest import write_faces
from tests.support.budgets import FakeTrial


@pytest.fixture
def faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pairs.txt").write_text("1 1\nv0 1 2\nv1 1 2\nv0 1 v1 2\nv1 1 v2 1\n", encoding="utf-8")
    measured, verified = Path(write_faces(tmp_path / "m", 3, 10)), Path(write_faces(tmp_path / "v", 3, 2))
    (measured / "m0").rename(measured / "M. 0 Jr.")
    lay_out_faces(FaceFolders(measured, (), verified, tmp_path / "pairs.txt"), tmp_path / "faces")
    return tmp_path / "faces"


def test_names_of_people_may_have_dots(faces: Path) -> None:
    found = read_faces(faces)
    assert found.num_classes == 3 and sorted(set(found.labels[0].tolist())) == [0, 1, 2]
    assert len(found.images[0]) + len(found.images[1]) == 30


@pytest.mark.slow
def test_the_notebook_trains_at_least_an_epoch_and_measures_both_tasks(faces: Path) -> None:
    found = run_notebook(faces, 0.1, 0, SilentProgress())
    assert found.epochs == 1 and found.seconds > 0
    assert 0.0 <= found.accuracy <= 1.0 and 0.0 <= found.eer <= 1.0 and 0.0 <= found.auc <= 1.0


def test_a_folder_of_another_kind_is_refused(faces: Path, refused: Callable[..., str]) -> None:
    assert "has no faces as `python -m benchmarks.recipes` lays them out" in refused(main, "m")
    assert refused(main, str(faces), "--minutes", "0") == "--minutes must be > 0, got 0"


@pytest.mark.slow
def test_one_command_trains_both_and_tabulates_and_goes_on_where_it_was(
    faces: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # A clock that stands still and a trial that pretends: the plan is small, and is carried out for real.
    trial = FakeTrial(seconds_a_megapixel=100.0)
    monkeypatch.setattr(run_within, "__defaults__", (trial.clock, trial.as_context, lambda planned: None))
    monkeypatch.setattr(
        "benchmarks.budgets.notebook.run_notebook",
        lambda root, seconds, *more: run_notebook(root, 1.0, *more),
    )
    words = [str(faces), "--minutes", "2", "--seeds", "0"]
    assert main(words) == 0
    values = json.loads(Path("budgets.json").read_text(encoding="utf-8"))["rows"]
    assert [row["way"] for row in values] == ["notebook", "run for both"]
    assert values[1]["recipe"] == "small-2-both" and values[1]["epochs"] > 0
    assert "| 2 | run for both | small-2-both |" in Path("budgets.md").read_text(encoding="utf-8")
    capsys.readouterr()
    assert main(words) == 0
    assert "seed 0: notebook" not in capsys.readouterr().out, "finished rows are kept"

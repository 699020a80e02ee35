"""Blends of several runs: what they say when a record changed, and how they are made again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kaggle_face.artifacts.blends import command_of_blend, require_current_blend, seal_blend
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.errors import RunError


@pytest.fixture
def runs(tmp_path: Path, two_runs: Path) -> list[RunFolder]:
    """Runs a and b, with the seal of a blend of both in the folder of a."""
    shutil.copytree(two_runs, tmp_path / "runs")
    runs = [RunFolder(tmp_path / "runs" / "demo" / name) for name in "ab"]
    runs[0].ensemble_folder.mkdir()
    seal_blend(runs[0].ensemble_folder, [(fold, "best_ver") for run in runs for fold in run.started_folds()])
    return runs


def test_a_blend_is_made_again_of_all_its_runs(runs: list[RunFolder]) -> None:
    require_current_blend(runs[0])
    shutil.rmtree(runs[1].fold(1).record_folder("test", "best_ver", "pairs"))
    with pytest.raises(RunError) as error:
        require_current_blend(runs[0])
    assert "demo/b/fold1/test/best_ver/pairs is gone, since it was made on" in str(error.value)
    predict, ensemble = "predict --folds 1 --run b -c demo", "ensemble --run a --run b -c demo"
    how = f"; predict again: kaggle-face {predict}, then blend again: kaggle-face {ensemble}"
    assert str(error.value).endswith(how)


def test_runs_of_other_settings_are_named_with_them(runs: list[RunFolder]) -> None:
    shutil.copytree(runs[1].path, runs[1].path.parents[1] / "other" / "c")
    other = RunFolder(runs[1].path.parents[1] / "other" / "c")
    networks = [(run.fold(0), "best_ver") for run in (other, *runs)]
    seal_blend(runs[0].ensemble_folder, networks)  # type: ignore[arg-type]
    assert command_of_blend(runs[0]) == "kaggle-face ensemble --run a --run b --run other/c -c demo"
    again = command_of_blend(runs[0], "--method", "mean", runs=runs)
    assert again == "kaggle-face ensemble --method mean --run a --run b -c demo"
    shutil.rmtree(runs[0].ensemble_folder)
    assert command_of_blend(runs[0]) == "kaggle-face ensemble --run a -c demo"

"""`evaluate` and `runs` as a person types them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.cli.main import main


@pytest.fixture
def runs(demo_folder: Path, two_runs: Path) -> list[RunFolder]:
    shutil.copytree(two_runs, demo_folder / "runs")
    return [RunFolder(demo_folder / "runs" / "demo" / name) for name in "ab"]


def test_two_runs_are_measured_and_compared(
    runs: list[RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "a", "b"]) == 0
    out = capsys.readouterr().out
    for expected in (
        "demo/a@best_cls  accuracy",
        "demo/b@best_ver  auc",
        "ten-fold accuracy",
        "demo/b@best_cls less demo/a@best_cls:",
        "not more than noise",
        "gallery",
    ):
        assert expected in out
    thresholds = json.loads((runs[0].path / "thresholds.json").read_text())
    rules = [each["rule"] for each in thresholds["pairs"]]
    assert rules[:2] == ["eer", "accuracy"] and thresholds["checkpoint"] == "best_ver"
    assert thresholds["gallery"]["num_enrolled"] == 4  # two of three people in each of two folds


def test_a_threshold_is_found_for_each_wanted_rate(
    runs: list[RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "a", "--fpr", "0.2,0.05"]) == 0
    rules = [each["rule"] for each in json.loads((runs[0].path / "thresholds.json").read_text())["pairs"]]
    assert rules == ["eer", "accuracy", "fpr=0.2", "fpr=0.05"]
    assert main(["evaluate", "a", "--fpr", "0.2,often"]) == 2
    assert "a rate is a number between 0 and 1, got 'often'" in capsys.readouterr().err


def test_one_run_is_measured_alone(runs: list[RunFolder], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "b", "--folds", "0"]) == 0
    out = capsys.readouterr().out
    assert "demo/b@best_cls" in out and "less" not in out


def test_a_run_named_like_a_setting_is_a_run(
    runs: list[RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    runs[0].path.rename(runs[0].path.with_name("optim.lr=0.1"))
    assert main(["evaluate", "optim.lr=0.1", "seed=3"]) == 0
    assert "demo/optim.lr=0.1@best_cls" in capsys.readouterr().out
    runs[0].path.parent.parent.rename("my runs")
    assert main(["evaluate", "b", "optim.lr=0.1", "paths.runs=my runs"]) == 0
    assert "demo/optim.lr=0.1@best_cls less demo/b@best_cls" in capsys.readouterr().out
    shutil.rmtree("my runs/demo/b/fold1")
    assert main(["evaluate", "b", "demo/optim.lr=0.1", "paths.runs=my runs"]) == 2
    how = "choose --folds 0, or train it: kaggle-face train --fold 1 --run b -c demo 'paths.runs=my runs'"
    assert capsys.readouterr().err.strip().endswith(how)


def test_a_run_of_other_settings_is_found_by_both_names(
    runs: list[RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    runs[0].path.parent.rename(runs[0].path.parent.with_name("other"))
    assert main(["evaluate", "other/a"]) == 0
    assert "other/a@best_cls" in capsys.readouterr().out


def test_a_run_without_records_is_named(runs: list[RunFolder], capsys: pytest.CaptureFixture[str]) -> None:
    for fold in runs[0].finished_folds():
        shutil.rmtree(fold.path / "oof")
    assert main(["evaluate", "a"]) == 2
    assert "demo/a has no labelled out-of-fold records" in capsys.readouterr().err


def test_runs_are_listed(runs: list[RunFolder], capsys: pytest.CaptureFixture[str]) -> None:
    for fold in runs[0].finished_folds():
        results = {"best_cls": {"accuracy": 0.5 + 0.1 * fold.fold}, "best_ver": {"eer": 0.2}}
        fold.write_info({**fold.read_info(), "results": results, "num_parameters": 1_500_000})
    assert main(["runs"]) == 0
    out = capsys.readouterr().out
    assert "0.5500 ± 0.0707" in out and "1.50 M" in out and "demo/b" in out


def test_no_runs_are_one_line(demo_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs"]) == 2
    assert "train one first" in capsys.readouterr().err

"""Blends as a program makes them: typed options in, rows out, and nothing printed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from kaggle_face.artifacts.record_io import read_predictions
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.artifacts.tables import read_table, write_table
from kaggle_face.config import load_config
from kaggle_face.errors import InputError, RunError
from kaggle_face.pipeline.ensemble import EnsembleOptions, ensemble_runs
from kaggle_face.progress import SilentProgress


@pytest.fixture
def runs(demo_folder: Path, two_runs: Path) -> list[RunFolder]:
    shutil.copytree(two_runs, demo_folder / "runs")
    return [RunFolder(demo_folder / "runs" / "demo" / name) for name in "ab"]


def test_the_rows_of_a_blend_are_those_of_its_file(
    runs: list[RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    result = ensemble_runs(load_config("demo"), runs, EnsembleOptions(), SilentProgress())
    kept = json.loads((runs[0].ensemble_folder / "ensemble.json").read_text())
    for blend in result.tasks:
        of_task = kept["tasks"][blend.task]
        assert [row.name for row in blend.candidates] == [each["name"] for each in of_task["candidates"]]
        assert [row.nested for row in blend.candidates] == [each["nested"] for each in of_task["candidates"]]
        chosen = [row.name for row in blend.candidates if row.is_chosen]
        assert chosen == [blend.chosen] == [of_task["winner"]]
        weights = {row.member: row.weight for row in blend.members if row.weight > 0}
        assert weights == {each["name"]: each["weight"] for each in of_task["members"]}
        gains = [each["gain"] for each in of_task["candidates"]]
        assert [(row.gain, row.low, row.high) for row in blend.candidates] == [
            (None, None, None) if gain is None else (gain["value"], gain["low"], gain["high"])
            for gain in gains
        ]
    assert len(result.table) == sum(len(blend.candidates) for blend in result.tasks)
    assert result.score == kept["score"] and result.num_parameters == kept["num_parameters"]
    assert {path.name for path in result.paths} == {
        "predictions", "pairs", "ensemble.json", "thresholds.json"
    }  # fmt: skip
    assert all(path.exists() for path in result.paths) and result.warnings == ()
    printed = capsys.readouterr()
    assert printed.out == printed.err == ""


def test_members_alone_are_known_where_nothing_is_held_out(runs: list[RunFolder]) -> None:
    for fold in runs[0].finished_folds():
        shutil.rmtree(fold.path / "oof")
    result = ensemble_runs(load_config("demo"), runs[:1], EnsembleOptions(), SilentProgress())
    assert result.table == () and result.steps == () and result.score is None
    assert [(row.member, row.folds, row.weight) for row in result.members] == [
        ("demo/a@best_cls", (0, 1), 1.0),
        ("demo/a@best_ver", (0, 1), 1.0),
    ]


def test_the_blend_is_measured_on_labelled_test_images(runs: list[RunFolder]) -> None:
    fold = runs[0].fold(0)
    record = read_predictions(fold.record_folder("test", "best_cls", "predictions"))
    classes = np.roll(record.class_names, 1)[np.arange(10) % len(record.class_names)]
    write_table(fold.path / "test" / "labels.csv", {"image_id": record.image_ids[5:15], "class": classes})
    options = EnsembleOptions(method="mean")
    result = ensemble_runs(load_config("demo"), runs[:1], options, SilentProgress())
    blended = read_predictions(runs[0].ensemble_folder / "predictions")
    rows = [blended.image_ids.tolist().index(name) for name in record.image_ids[5:15]]
    expected = np.mean(blended.class_names[blended.logits[rows].argmax(axis=1)] == classes)
    assert result.labelled_test is not None and result.labelled_test.images == 10
    assert result.labelled_test.accuracy == pytest.approx(expected)
    assert read_table(fold.path / "test" / "labels.csv", ["class"])["class"].tolist() == classes.tolist()


def test_a_task_that_is_left_out_is_named_with_what_to_do(runs: list[RunFolder]) -> None:
    for fold in runs[0].finished_folds():
        shutil.rmtree(fold.path / "test" / "best_ver")
    result = ensemble_runs(load_config("demo"), runs[:1], EnsembleOptions(), SilentProgress())
    assert [blend.task for blend in result.tasks] == ["classification"]
    (line,) = result.warnings
    assert line.startswith("verification is left out: demo/a@best_ver has no test predictions for it")
    assert "kaggle-face predict --run a -c demo --checkpoints best_ver" in line


def test_wrong_options_are_one_line() -> None:
    with pytest.raises(InputError, match=r"^a method is one of auto, mean, hill, constrained, got 'best'$"):
        EnsembleOptions(method="best")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"^a checkpoint is one of last, best_cls, .*, got 'first'$"):
        EnsembleOptions(checkpoints=["first"])  # type: ignore[list-item]


def test_runs_without_test_records_are_refused(runs: list[RunFolder]) -> None:
    options = EnsembleOptions(checkpoints=["last"])
    with pytest.raises(
        RunError, match="demo/a has no test predictions; make them first: kaggle-face predict"
    ):
        ensemble_runs(load_config("demo"), runs[:1], options, SilentProgress())

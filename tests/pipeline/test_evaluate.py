"""Evaluation as a program calls it: one row for each figure, and nothing printed."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from kaggle_face.artifacts.record_io import read_predictions
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.artifacts.tables import read_labels, write_table
from kaggle_face.cli.main import main
from kaggle_face.config import load_config
from kaggle_face.errors import InputError, RunError
from kaggle_face.pipeline.evaluate import EvaluateOptions, evaluate_runs, run_table
from kaggle_face.pipeline.evaluation_rows import DifferenceRow
from kaggle_face.progress import SilentProgress
from tests.support.progress import Told


@pytest.fixture
def runs(demo_folder: Path, two_runs: Path) -> list[RunFolder]:
    shutil.copytree(two_runs, demo_folder / "runs")
    return [RunFolder(demo_folder / "runs" / "demo" / name) for name in "ab"]


def accuracies_of_folds(run: RunFolder) -> list[float]:
    """Worked out from the files."""
    found = []
    for fold in run.finished_folds():
        predictions = read_predictions(fold.record_folder("oof", "best_cls", "predictions"))
        ids, labels = read_labels(fold.labels_file, len(predictions.class_names))
        rows = [predictions.image_ids.tolist().index(name) for name in ids]
        found.append(float(np.mean(predictions.logits[rows].argmax(axis=1) == labels)))
    return found


def test_the_weakest_classes_and_the_confusions_are_those_of_the_records(runs: list[RunFolder]) -> None:
    (row,) = evaluate_runs(runs[:1], EvaluateOptions(), SilentProgress()).tasks[0].mistakes
    hits, mistakes = Counter[str](), Counter[tuple[str, str]]()
    images = Counter[str]()
    for fold in runs[0].finished_folds():
        predictions = read_predictions(fold.record_folder("oof", "best_cls", "predictions"))
        ids, labels = read_labels(fold.labels_file, len(predictions.class_names))
        found = dict(zip(predictions.image_ids.tolist(), predictions.logits.argmax(axis=1), strict=True))
        for name, label in zip(ids.tolist(), labels.tolist(), strict=True):
            true, predicted = (str(predictions.class_names[k]) for k in (label, found[name]))
            images[true] += 1
            hits[true] += true == predicted
            mistakes[true, predicted] += true != predicted
    assert row.member == "demo/a@best_cls" and 0 <= row.calibration_error <= 1
    accuracies = sorted(hits[name] / images[name] for name in images)
    assert [value for _, value in row.weakest] == pytest.approx([v for v in accuracies[:5] if v < 1])
    assert all(hits[name] / images[name] == pytest.approx(value) for name, value in row.weakest)
    assert all(mistakes[true, predicted] == count for true, predicted, count in row.confusions)
    assert [count for *_, count in row.confusions] == [n for _, n in mistakes.most_common(5) if n]


def test_each_figure_is_a_row(runs: list[RunFolder], capsys: pytest.CaptureFixture[str]) -> None:
    result = evaluate_runs(runs, EvaluateOptions(), SilentProgress())
    folds = accuracies_of_folds(runs[1])
    row = next(row for row in result.metrics if (row.member, row.metric) == ("demo/b@best_cls", "accuracy"))
    assert row.task == "classification" and row.mean == pytest.approx(np.mean(folds))
    assert row.deviation == pytest.approx(np.std(folds, ddof=1))
    assert row.low is not None and row.high is not None and row.low <= row.value <= row.high
    by_task = [(each.task, each.members) for each in result.tasks]
    assert by_task == [
        ("classification", ("demo/a@best_cls", "demo/b@best_cls")),
        ("verification", ("demo/a@best_ver", "demo/b@best_ver")),
    ]
    values = {(row.member, row.metric): row.value for row in result.metrics}
    for each in result.differences:
        assert each.value == pytest.approx(values[each.member, each.metric] - values[each.first, each.metric])
    printed = capsys.readouterr()
    assert printed.out == printed.err == ""


def test_thresholds_are_rows_and_files(runs: list[RunFolder]) -> None:
    result = evaluate_runs(runs[:1], EvaluateOptions(fprs=[0.2]), SilentProgress())
    assert [row.rule for row in result.thresholds] == ["eer", "accuracy", "fpr=0.2", "gallery"]
    path = result.tasks[1].threshold_files["demo/a@best_ver"]
    kept = json.loads(path.read_text())
    assert path == runs[0].path / "thresholds.json"
    assert [row.threshold for row in result.thresholds[:3]] == [each["threshold"] for each in kept["pairs"]]
    assert [row.low for row in result.thresholds[:3]] == [each["low"] for each in kept["pairs"]]
    assert result.thresholds[3].fpr is None and result.thresholds[3].accuracy == kept["gallery"]["accuracy"]


@pytest.mark.parametrize(
    ("metric", "value", "verdict"),
    [
        ("eer", -0.02, "better"),
        ("log_loss", 0.3, "worse"),
        ("accuracy", 0.02, "better"),
        ("auc", -0.1, "worse"),
    ],
)
def test_a_difference_is_judged_in_the_direction_of_its_metric(
    metric: str, value: float, verdict: str
) -> None:
    ends = sorted([0.5 * value, 1.5 * value])
    row = DifferenceRow("verification", "b", "a", metric, value, *ends)
    assert row.verdict == verdict
    assert DifferenceRow("verification", "b", "a", metric, value, -1.0, 1.0).verdict == "not more than noise"


def test_networks_and_a_current_blend_are_measured_on_labelled_test_images(runs: list[RunFolder]) -> None:
    assert main(["ensemble", "--run", "a", "--method", "mean"]) == 0
    blended = read_predictions(runs[0].ensemble_folder / "predictions")
    classes = blended.class_names[blended.logits.argmax(axis=1)]  # what the blend answers
    for fold in runs[0].finished_folds():
        write_table(fold.path / "test" / "labels.csv", {"image_id": blended.image_ids, "class": classes})
    progress = Told()
    found = evaluate_runs(runs[:1], EvaluateOptions(), progress).labelled_tests
    assert [row.name for row in found] == [
        "demo/a@best_cls fold 0",
        "demo/a@best_cls fold 1",
        "the blend of demo/a",
    ]
    assert found[2].accuracy == 1.0 and found[2].num_images == len(classes) and progress.lines == []
    shutil.rmtree(runs[0].fold(1).path / "test" / "best_cls")
    found = evaluate_runs(runs[:1], EvaluateOptions(), progress).labelled_tests
    assert [row.name for row in found] == ["demo/a@best_cls fold 0"]
    assert len(progress.lines) == 1
    assert progress.lines[0].startswith("the blend of demo/a is not measured: ")


def test_wrong_rates_and_runs_without_records_are_one_line(runs: list[RunFolder]) -> None:
    with pytest.raises(InputError, match=r"^a rate is a number between 0 and 1, got 1$"):
        EvaluateOptions(fprs=[0.1, 1.0])
    for fold in runs[0].finished_folds():
        shutil.rmtree(fold.path / "oof")
    with pytest.raises(RunError, match="demo/a has no labelled out-of-fold records; train it again"):
        evaluate_runs(runs[:1], EvaluateOptions(), SilentProgress())


def test_the_run_table_has_the_runs_of_these_settings_or_of_all(runs: list[RunFolder]) -> None:
    other = runs[0].path.parent.parent / "other"
    other.mkdir()
    runs[1].path.rename(other / "b")
    loaded = load_config("demo")
    assert [row.name for row in run_table(loaded)] == ["demo/a"]
    assert sorted(row.name for row in run_table(loaded, of_all_settings=True)) == ["demo/a", "other/b"]
    shutil.rmtree(runs[0].path)
    with pytest.raises(RunError, match="no run of 'demo' under runs; train one first"):
        run_table(loaded)

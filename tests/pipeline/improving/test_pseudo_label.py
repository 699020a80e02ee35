"""Pseudo-labels and doubtful labels as a program asks for them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kaggle_face.artifacts.record_io import read_predictions
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.cli.main import main
from kaggle_face.config import load_config
from kaggle_face.errors import InputError, RunError
from kaggle_face.pipeline.improving.label_noise import find_doubtful_labels
from kaggle_face.pipeline.improving.pseudo_label import PseudoLabelOptions, pseudo_label_run
from kaggle_face.progress import SilentProgress

After = Callable[[str], Any]


def test_the_surest_images_of_each_class_are_labelled(
    after: After, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunFolder(after("predict").run)
    assert main(["ensemble", "--method", "mean"]) == 0
    capsys.readouterr()
    options = PseudoLabelOptions(min_confidence=0.01, most_per_class=1)
    result = pseudo_label_run(load_config("tiny"), run, options, SilentProgress())
    blended = read_predictions(run.ensemble_folder / "predictions")
    logits = np.asarray(blended.logits, np.float64)
    likeliest = blended.class_names[logits.argmax(axis=1)]
    with result.path.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["class"] for row in rows} == set(likeliest.tolist())
    assert result.num_images == result.num_classes == len(rows)
    assert (result.num_test_images, result.num_labelled) == (len(logits), 0)
    printed = capsys.readouterr()
    assert printed.out == printed.err == ""


def test_a_blend_that_is_sure_of_nothing_leaves_no_file(after: After) -> None:
    run = RunFolder(after("predict").run)
    assert main(["ensemble", "--method", "mean"]) == 0
    message = r"none of \d+ test images has a class of probability 1 or more \(the surest has 0\.\d+\)"
    with pytest.raises(RunError, match=message):
        pseudo_label_run(load_config("tiny"), run, PseudoLabelOptions(1.0), SilentProgress())
    assert not (run.path / "pseudo").exists()


def test_ranks_are_not_probabilities(after: After) -> None:
    run = RunFolder(after("ensemble").run)
    path = run.ensemble_folder / "ensemble.json"
    values = json.loads(path.read_text())
    values["tasks"]["classification"]["space"] = "ranks"
    path.write_text(json.dumps(values))
    with pytest.raises(
        RunError, match="is one of ranks, not of probabilities; make one: kaggle-face ensemble"
    ):
        pseudo_label_run(load_config("tiny"), run, PseudoLabelOptions(), SilentProgress())


@pytest.mark.parametrize("confidence", [0.0, 1.5, float("nan")])
def test_a_confidence_is_a_probability(confidence: float) -> None:
    with pytest.raises(InputError, match="--confidence must be > 0 and <= 1"):
        PseudoLabelOptions(confidence)


def test_doubtful_labels_are_rows_and_files(after: After, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kaggle_face.evaluation.label_noise.doubtful.__defaults__", (0.1,))
    run = RunFolder(after("train").run)
    found = find_doubtful_labels(load_config("tiny"), run, SilentProgress())
    labelled = (run.fold(0).path / "oof" / "labels.csv").read_text().splitlines()
    assert (found.num_folds, found.num_images) == (1, len(labelled) - 1)
    assert found.images and found.sheet_file is not None and found.sheet_file.is_file()
    deviations = [each.deviations for each in found.images]
    assert deviations == sorted(deviations) and all(each.logit_gap < 0 for each in found.images)
    assert found.list_file.read_text().split() == [each.image_id for each in found.images]
    with found.table_file.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["class"], row["looks_like"]) for row in rows] == [
        (each.label, each.looks_like) for each in found.images
    ]


def test_doubtful_labels_need_a_finished_fold(after: After) -> None:
    after("train")
    with pytest.raises(RunError, match="tiny/other has no finished fold; train one first: kaggle-face train"):
        find_doubtful_labels(load_config("tiny"), RunFolder(Path("runs/tiny/other")), SilentProgress())

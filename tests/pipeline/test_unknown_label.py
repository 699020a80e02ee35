"""The threshold of the label for unknown people: chosen on the probabilities that it is compared with."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kaggle_face.artifacts.files.atomic import write_json
from kaggle_face.artifacts.record_io import read_predictions, write_predictions
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.artifacts.tables import read_labels
from kaggle_face.competitions.submission.formats import FormatPart, SubmissionFormat
from kaggle_face.metrics.unknowns import choose_unknown_threshold
from kaggle_face.pipeline.unknown_label import unknown_threshold
from kaggle_face.progress import SilentProgress
from kaggle_face.records import CompetitionData, FloatArray, Gallery, IntArray
from kaggle_face.submission.outputs import Output
from tests.support.progress import Told
from tests.support.worlds import World, tables_of

WEIGHTS, SHARE = (0.75, 0.25), 0.3
FORM = SubmissionFormat(
    ("image", "predictions"), (FormatPart("classification", ("{id}", "{label}")),), labels_per_row=5
)


@pytest.fixture
def runs(tmp_path: Path, two_runs: Path) -> list[RunFolder]:
    """Runs a and b, and a blend of both in the folder of a."""
    shutil.copytree(two_runs, tmp_path / "runs")
    runs = [RunFolder(tmp_path / "runs" / "demo" / name) for name in "ab"]
    members = [
        {"run": f"demo/{name}", "checkpoint": "best_cls", "folds": [0, 1], "weight": weight}
        for name, weight in zip("ab", WEIGHTS, strict=True)
    ]
    task = {"space": "probabilities", "members": members, "temperatures": [1.0, 1.0]}
    first = read_predictions(runs[0].fold(0).record_folder("test", "best_cls", "predictions"))
    write_predictions(runs[0].ensemble_folder / "predictions", first)
    write_json(runs[0].ensemble_folder / "ensemble.json", {"tasks": {"classification": task}})
    return runs


def with_unknown(data: CompetitionData) -> CompetitionData:
    names = data.classes.names[:1]
    images = data.test_rows.image_ids
    nobody = np.full(len(images), "", np.str_)
    return replace(data, test_gallery=Gallery(images[:1], names, images, images, nobody, "new"))


def held_out(run: RunFolder) -> tuple[FloatArray, IntArray]:
    shares, labels = [], []
    for fold in run.started_folds():
        found = read_predictions(fold.record_folder("oof", "best_cls", "predictions"))
        ids, of_fold = read_labels(fold.labels_file, len(found.class_names))
        exponentials = np.exp(found.aligned_to(ids).logits.astype(np.float64))
        shares.append(exponentials / exponentials.sum(axis=1, keepdims=True))
        labels.append(of_fold)
    return np.concatenate(shares), np.concatenate(labels)


def test_that_of_a_blend_is_chosen_on_the_blends_own_probabilities(
    runs: list[RunFolder], world: World
) -> None:
    data = with_unknown(tables_of(world).data)
    blend = Output(FORM, "a_ensemble", {"classification": runs[0].ensemble_folder / "predictions"})
    found = unknown_threshold(blend, runs[0], data, SHARE, SilentProgress())
    (first, labels), (second, _) = map(held_out, runs)
    mean = WEIGHTS[0] * first + WEIGHTS[1] * second
    expected = choose_unknown_threshold(mean, labels, SHARE, 5).threshold
    assert found is not None and found.threshold == pytest.approx(expected, abs=1e-5)
    network = runs[1].fold(0).record_folder("test", "best_cls", "predictions")
    single = Output(FORM, "b_fold0_best_cls", {"classification": network})
    found = unknown_threshold(single, runs[1], data, SHARE, SilentProgress())
    count = len(read_labels(runs[1].fold(0).labels_file, first.shape[1])[0])
    of_fold = choose_unknown_threshold(second[:count], labels[:count], SHARE, 5).threshold
    assert found is not None and found.threshold == pytest.approx(of_fold, abs=1e-5)
    assert abs(of_fold - expected) > 1e-3


def test_a_blend_with_a_run_that_holds_nothing_out_has_none(runs: list[RunFolder], world: World) -> None:
    """As one that was imported without --oof."""
    told = Told()
    for fold in runs[1].started_folds():
        shutil.rmtree(fold.path / "oof")
    data = with_unknown(tables_of(world).data)
    blend = Output(FORM, "a_ensemble", {"classification": runs[0].ensemble_folder / "predictions"})
    assert unknown_threshold(blend, runs[0], data, SHARE, told) is None
    (line,) = told.lines
    assert "a_ensemble has no row with 'new': a network behind it has no out-of-fold predictions" in line

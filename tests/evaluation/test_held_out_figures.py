"""A checkpoint's figure in the competition's metric, worked out by hand from a small run folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kaggle_face.artifacts import record_io
from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.artifacts.tables import write_table
from kaggle_face.competitions.catalogue.ranking import OwnMetrics
from kaggle_face.evaluation.held_out_figures import Estimate, figure_of_both, figure_of_checkpoint
from kaggle_face.metrics.intervals.bootstrap import Interval
from kaggle_face.records import Embeddings, Gallery, Predictions

PAIRS, PLACES = OwnMetrics("accuracy", "auc"), OwnMetrics("map@5", "eer")
RESULTS = {
    "best_cls": {"accuracy": 0.75, "eer": 0.4, "auc": 0.6},
    "best_ver": {"accuracy": 0.5, "eer": 0.25, "auc": 0.8},
}


@pytest.fixture
def fold(tmp_path: Path) -> FoldFolder:
    folder = FoldFolder(tmp_path / "runs" / "tiny" / "main" / "fold0")
    folder.write_info({"status": "finished", "results": RESULTS})
    return folder


def write_gallery(fold: FoldFolder, truth: list[str]) -> None:
    """Ann along x, Bob along y; the probes lie at 10 and 80 degrees and, a stranger, at 45."""
    degrees = {"ann": 0, "bob": 90, "x": 10, "y": 80, "z": 45}
    turns = np.radians(list(degrees.values()))
    ids, vectors = np.array(list(degrees)), np.stack([np.cos(turns), np.sin(turns)], axis=1)
    record_io.write_embeddings(
        fold.record_folder("test", "best_ver", "embeddings"), Embeddings(ids, vectors.astype(np.float32))
    )
    probes = np.array(["0", "1", "2"])
    gallery = Gallery(ids[:2], np.array(["n1", "n2"]), probes, ids[2:], np.array(truth), "nobody")
    record_io.write_gallery(fold.gallery_folder("dev"), gallery)


def test_each_task_has_its_own_metric(fold: FoldFolder) -> None:
    assert figure_of_checkpoint(fold, "best_cls", "classification", PAIRS) == Estimate("accuracy", 0.75)
    assert figure_of_checkpoint(fold, "best_ver", "verification", PAIRS) == Estimate("auc", 0.8)
    assert figure_of_checkpoint(fold, "best_ver", "verification", PLACES) == Estimate("eer", 0.25)
    assert figure_of_checkpoint(fold, "last", "verification", PLACES) is None


@pytest.mark.parametrize(("truth", "accuracy"), [(["n1", "n2", "nobody"], 1.0), (["n1", "n1", "n1"], 2 / 3)])
def test_names_from_a_gallery_are_measured_on_dev(
    fold: FoldFolder, truth: list[str], accuracy: float
) -> None:
    # n1, n1, n1: 10 and 45 degrees are named n1 (of equals the first), 80 degrees is named n2
    write_gallery(fold, truth)
    figure = figure_of_checkpoint(fold, "best_ver", "verification", PAIRS)
    assert figure is not None and figure.metric == "accuracy"
    assert figure.value == pytest.approx(accuracy)


def test_without_records_of_predict_nothing_is_known_of_names(fold: FoldFolder) -> None:
    names = OwnMetrics("accuracy", "eer", names_people=True)
    assert figure_of_checkpoint(fold, "best_ver", "verification", names) is None
    write_gallery(fold, ["n1", "", "nobody"])
    assert figure_of_checkpoint(fold, "best_ver", "verification", names) is None


def test_a_gallery_without_probes_asks_for_no_names(fold: FoldFolder) -> None:
    # as in competitions whose rankings have an unknown label
    nobody = np.array([], np.str_)
    record_io.write_gallery(
        fold.gallery_folder("test"), Gallery(nobody, nobody, nobody, nobody, nobody, "new")
    )
    assert figure_of_checkpoint(fold, "best_ver", "verification", PLACES) == Estimate("eer", 0.25)


def test_places_among_five(fold: FoldFolder) -> None:
    # the true class is first, third and seventh: (1 + 1/3 + 0) / 3
    logits = np.tile(-np.arange(8, dtype=np.float32), (3, 1))
    ids, names = np.array(["a", "b", "c"]), np.array([f"n{c}" for c in range(8)])
    record_io.write_predictions(
        fold.record_folder("oof", "best_cls", "predictions"), Predictions(ids, logits, names)
    )
    write_table(fold.labels_file, {"image_id": ids[::-1], "label": np.array([6, 2, 0])})
    figure = figure_of_checkpoint(fold, "best_cls", "classification", PLACES)
    assert figure is not None and figure.metric == "map@5" and figure.value == pytest.approx(4 / 9)


def test_the_interval_of_both_tasks_adds_their_halves_as_squares() -> None:
    """Halves 0.03 and 0.04 of the accuracy and the EER, each weighted by a half: sqrt(0.015² + 0.02²)."""
    classes = Estimate("accuracy", 0.75, Interval(0.75, 0.72, 0.78))
    pairs = Estimate("eer", 0.25, Interval(0.25, 0.21, 0.29))
    both = figure_of_both(classes, pairs, OwnMetrics("accuracy", "eer"))
    assert both is not None and both.interval is not None
    assert both.interval.low == pytest.approx(0.725) and both.interval.high == pytest.approx(0.775)


def test_both_tasks_together() -> None:
    both = figure_of_both(Estimate("accuracy", 0.75), Estimate("eer", 0.25), OwnMetrics("accuracy", "eer"))
    assert both == Estimate("0.5*accuracy + 0.5*(1-eer)", 0.75) and both.higher_is_better
    assert figure_of_both(Estimate("accuracy", 0.75), Estimate("eer", 0.25), PAIRS) is None
    assert figure_of_both(Estimate("accuracy", 0.75), None, PAIRS) is None


def test_one_fold_has_no_deviation():
    assert Estimate("eer", 0.1, folds=(0.1,)).spread is None
    assert Estimate("eer", 0.2, folds=(0.1, 0.3)).spread == pytest.approx(0.02**0.5)

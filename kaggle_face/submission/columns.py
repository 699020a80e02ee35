"""Columns of a submission from records: classes, rankings, pair scores, or names from a gallery."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kaggle_face.artifacts.record_io import read_embeddings, read_pair_scores, read_predictions
from kaggle_face.artifacts.runs import RecordKind
from kaggle_face.artifacts.tables import write_table
from kaggle_face.competitions.submission.formats import SubmissionFormat, fields_of
from kaggle_face.competitions.submission.tables import (
    TaskColumns,
    classification_columns,
    gallery_columns,
    topk_columns,
    verification_columns,
)
from kaggle_face.errors import DataError
from kaggle_face.evaluation.held_out_figures import matches_of
from kaggle_face.metrics.galleries import accuracy_of, choose_threshold
from kaggle_face.metrics.identification import GalleryThreshold
from kaggle_face.metrics.unknowns import UnknownThreshold
from kaggle_face.records import CompetitionData, StrArray
from kaggle_face.tasks import Task


@dataclass(frozen=True, eq=False)
class NamedProbes:
    """The answer for each probe of the test gallery, and how it was found.

    `threshold` is the cosine below which a probe is not named (-inf: all are), `dev_accuracy` what it reaches
    on the dev gallery, on which it was chosen, or None without one, `curve` the accuracy at each threshold.
    """

    probe_ids: StrArray
    names: StrArray
    threshold: float
    dev_accuracy: float | None
    curve: GalleryThreshold | None

    def __str__(self) -> str:
        if self.dev_accuracy is None:
            return "every probe is named: there is no dev gallery to choose a threshold on"
        kept = "" if self.curve is None else f"threshold {self.threshold:.4f} chosen there, "
        return f"dev gallery: {kept}accuracy {100 * self.dev_accuracy:.1f} %"


@dataclass(frozen=True, eq=False)
class SubmissionTask:
    """A CSV to fill: the competition, the format, and the threshold of the unknown label in a ranking."""

    data: CompetitionData
    form: SubmissionFormat
    unknown: UnknownThreshold | None = None


def columns_of(task: Task, records: Path, wanted: SubmissionTask) -> tuple[TaskColumns, tuple[str, ...]]:
    """The columns of a task from its record, and notes on how they were found.

    Raises:
        DataError: A test image, pair or probe has no prediction.
    """
    data, per_row = wanted.data, wanted.form.labels_per_row
    if task == "classification":
        predictions = read_predictions(records)
        if per_row == 1:
            return classification_columns(data, predictions), ()
        likely = replace(predictions, logits=probabilities_of(predictions.logits))
        label = data.test_gallery.no_match if data.test_gallery is not None else None
        threshold = wanted.unknown.threshold if wanted.unknown is not None else None
        return topk_columns(data, likely, label, threshold, per_row), ()
    if data.test_gallery is None:
        return verification_columns(data, read_pair_scores(records)), ()
    named = name_probes(data, records)
    if named.curve is not None:
        curve = {"threshold": named.curve.thresholds, "dev_accuracy": named.curve.accuracies}
        write_table(records.parent / "gallery_curve.csv", curve)
    return gallery_columns(data, named.probe_ids, named.names), (str(named),)


def record_kind(task: Task, data: CompetitionData) -> RecordKind:
    """The kind of record behind the columns of a task."""
    if task == "classification":
        return "predictions"
    return "pairs" if data.test_gallery is None else "embeddings"


def has_unknown_label(data: CompetitionData, form: SubmissionFormat) -> bool:
    """Whether the rankings of a CSV hold a label for unknown people."""
    has_label = data.test_gallery is not None and data.test_gallery.no_match is not None
    return form.labels_per_row > 1 and has_label


def needs_probabilities(data: CompetitionData, form: SubmissionFormat) -> bool:
    """Whether a CSV shows class probabilities, or compares them with a threshold: ranks would not do."""
    cells = (cell for part in form.parts for cell in part.cells)
    return has_unknown_label(data, form) or any("probability" in fields_of(cell) for cell in cells)


def name_probes(data: CompetitionData, records: Path) -> NamedProbes:
    """The best match of each test probe, or `no_match` below the threshold of dev.

    The best match is that of a blend's post-processing where `gallery_test.csv` lies beside the embeddings
    at `records`, and else the known person of highest cosine.

    Raises:
        DataError: There is no test gallery, or a probe or an image has no answer.
    """
    if data.test_gallery is None:
        raise DataError("this competition has no gallery of known people")
    embeddings = read_embeddings(records)
    found = matches_of(records.parent / "gallery_test.csv", embeddings, data.test_gallery)
    dev = data.dev_gallery
    if dev is None:
        return NamedProbes(found.probe_ids, found.names, -np.inf, None, None)
    tried = matches_of(records.parent / "gallery_dev.csv", embeddings, dev)
    curve = choose_threshold(tried, dev)
    threshold = -np.inf if curve is None else curve.threshold
    accuracy = accuracy_of(tried.answers(threshold, dev.no_match), dev)
    names = found.answers(threshold, data.test_gallery.no_match)
    return NamedProbes(found.probe_ids, names, threshold, accuracy, curve)


def probabilities_of(logits: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """The softmax of logits (N, C)."""
    from scipy.special import softmax

    probabilities: npt.NDArray[np.float32] = softmax(np.asarray(logits, np.float32), axis=1)
    return probabilities

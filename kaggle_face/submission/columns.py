"""What a record answers: classes, rankings with an unknown label, pair scores, or names from a gallery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kaggle_face.artifacts.provenance import require_current
from kaggle_face.artifacts.record_io import read_pair_scores, read_predictions
from kaggle_face.artifacts.runs import FoldFolder, RecordKind
from kaggle_face.artifacts.tables import read_labels
from kaggle_face.competitions.submission.formats import SubmissionFormat
from kaggle_face.competitions.submission.tables import (
    Answers,
    classification_answers,
    gallery_answers,
    topk_answers,
    verification_answers,
)
from kaggle_face.metrics.unknowns import UnknownThreshold, choose_unknown_threshold
from kaggle_face.records import CompetitionData, IntArray, Predictions
from kaggle_face.submission.galleries import name_probes, write_curve
from kaggle_face.tasks import Task


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked: the competition, the format of its CSV, and where an unknown label goes in a ranking."""

    data: CompetitionData
    form: SubmissionFormat
    unknown: UnknownThreshold | None = None


def answers_of(task: Task, records: Path, question: Question) -> tuple[Answers, tuple[str, ...]]:
    """The answers of a task from its record, and what is worth saying about them.

    Raises:
        DataError: A test image, pair or probe has no prediction.
    """
    data = question.data
    if task == "classification":
        return _class_answers(read_predictions(records), question), ()
    if data.test_gallery is None:
        return verification_answers(data, read_pair_scores(records)), ()
    named = name_probes(data, records)
    if named.curve is not None:
        write_curve(records.parent / "gallery_curve.csv", named.curve)
    return gallery_answers(data, named.probe_ids, named.names), (str(named),)


def record_kind(task: Task, data: CompetitionData) -> RecordKind:
    """The kind of record that answers a task."""
    if task == "classification":
        return "predictions"
    return "pairs" if data.test_gallery is None else "embeddings"


def unknown_threshold(
    folds: Sequence[FoldFolder], data: CompetitionData, form: SubmissionFormat, unknown_share: float
) -> UnknownThreshold | None:
    """Where the unknown label goes, chosen on held-out images; None where the format has no such label."""
    has_label = data.test_gallery is not None and data.test_gallery.no_match is not None
    if form.labels_per_row == 1 or not has_label:
        return None
    parts = [_held_out(fold) for fold in folds]
    probabilities, labels = (np.concatenate(column) for column in zip(*parts, strict=True))
    return choose_unknown_threshold(probabilities, labels, unknown_share, form.labels_per_row)


def _class_answers(predictions: Predictions, question: Question) -> Answers:
    if question.form.labels_per_row == 1:
        return classification_answers(question.data, predictions)
    gallery, unknown = question.data.test_gallery, question.unknown
    likely = replace(predictions, logits=_probabilities(predictions.logits))
    label = gallery.no_match if gallery is not None else None
    threshold = unknown.threshold if unknown is not None else None
    return topk_answers(question.data, likely, label, threshold, question.form.labels_per_row)


def _held_out(fold: FoldFolder) -> tuple[npt.NDArray[np.float32], IntArray]:
    require_current(fold, "oof", "best_cls", "predictions")
    predictions = read_predictions(fold.record_folder("oof", "best_cls", "predictions"))
    ids, labels = read_labels(fold.labels_file, len(predictions.class_names))
    return _probabilities(predictions.aligned_to(ids).logits), labels


def _probabilities(logits: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    shifted = np.asarray(logits, np.float32)
    shares = np.exp(shifted - shifted.max(axis=1, keepdims=True))
    probabilities: npt.NDArray[np.float32] = shares / shares.sum(axis=1, keepdims=True)
    return probabilities

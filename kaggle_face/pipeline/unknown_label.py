"""The threshold of the label for unknown people in a CSV, chosen on what its own networks held out.

Letters: N images, C classes.
"""

from __future__ import annotations

import numpy as np

from kaggle_face.artifacts.provenance import require_current
from kaggle_face.artifacts.record_io import read_predictions
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.artifacts.tables import read_labels
from kaggle_face.ensemble.held_out_blend import blended_logits, members_of_record
from kaggle_face.evaluation.blend_record import read_blend_record
from kaggle_face.evaluation.members import Member
from kaggle_face.metrics.unknowns import UnknownThreshold, choose_unknown_threshold
from kaggle_face.progress import Progress
from kaggle_face.records import CompetitionData, FloatArray, IntArray, positions_of
from kaggle_face.submission.columns import has_unknown_label, probabilities_of
from kaggle_face.submission.outputs import Output

_HeldOut = list[tuple[FloatArray, IntArray]]
"""Logits (N, C) and true classes (N) of the images that each fold held out."""


def unknown_threshold(
    output: Output, run: RunFolder, data: CompetitionData, unknown_share: float, progress: Progress
) -> UnknownThreshold | None:
    """The threshold of the unknown label of a CSV; None without such a label, or where nothing was held out.

    That of a blend is chosen on the blend's own probabilities, without its post-processing.

    Raises:
        RunError: A record is out of date, or the members of the blend do not fit together.
        DataError: A record holds NaN.
    """
    if not has_unknown_label(data, output.form) or "classification" not in output.records:
        return None
    held_out = _of_blend(output, run) if output.is_blend else _of_checkpoint(output)
    if not held_out:
        label = "" if data.test_gallery is None else data.test_gallery.no_match
        progress.warn(
            f"{output.what} has no row with '{label}': a network behind it has no out-of-fold predictions "
            "here to choose the threshold of unknown people on"
        )
        return None
    likely_NC = probabilities_of(np.concatenate([logits for logits, _ in held_out]))
    labels_N = np.concatenate([labels for _, labels in held_out])
    return choose_unknown_threshold(likely_NC, labels_N, unknown_share, output.form.labels_per_row)


def _of_blend(output: Output, run: RunFolder) -> _HeldOut:
    blend = read_blend_record(run)
    record = None if blend is None else blend.tasks.get("classification")
    if record is None:
        return []
    runs = run.path.parent.parent
    if not all(RunFolder(runs / each.run).started_folds() for each in record.members):
        return []  # a run of the blend is not at hand
    members = members_of_record(record, runs)
    if not all(map(_is_measured, members)):
        return []
    class_names = read_predictions(output.records["classification"]).class_names
    found = blended_logits(record, members, class_names, output.what)
    held_out: _HeldOut = []
    for fold in members[0].folds:
        ids, scores = found[fold.fold]
        labelled, labels = read_labels(fold.labels_file, len(class_names))
        rows = positions_of(ids, labelled, f"labels of {fold.name}")
        held_out.append((scores.block(slice(0, len(ids))), labels[rows]))
    return held_out


def _is_measured(member: Member) -> bool:
    folders = (fold.record_folder("oof", member.checkpoint, "predictions") for fold in member.folds)
    return all(folder.is_dir() for folder in folders)


def _of_checkpoint(output: Output) -> _HeldOut:
    fold, checkpoint = output.network
    folder = fold.record_folder("oof", checkpoint, "predictions")
    if not folder.is_dir():
        return []
    require_current(fold, "oof", checkpoint, "predictions")
    predictions = read_predictions(folder)
    ids, labels = read_labels(fold.labels_file, len(predictions.class_names))
    return [(predictions.aligned_to(ids).logits, labels)]

"""The out-of-fold score of a CSV's predictions, in the metric that the competition ranks by."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kaggle_face.artifacts.files.reading import read_json
from kaggle_face.artifacts.json_types import BlendSummary
from kaggle_face.artifacts.runs import CHECKPOINTS, FoldFolder, RunFolder
from kaggle_face.competitions.catalogue.ranking import OwnMetrics, own_metrics_of
from kaggle_face.competitions.submission.formats import Task
from kaggle_face.errors import KaggleFaceError
from kaggle_face.evaluation.held_out_figures import (
    Figure,
    figure_in,
    figure_of_both,
    figure_of_checkpoint,
    figure_of_gallery,
    has_gallery,
)
from kaggle_face.submission.ledger.entries import OutOfFold

_OF_UNKNOWN_SETTINGS = OwnMetrics("accuracy", "eer")


def out_of_fold_of(records: Mapping[Task, Path], run: RunFolder) -> OutOfFold | None:
    """The score of the records behind a CSV, of its task or of both together; None where it is not known.

    Args:
        records: The folder of the record of each task: of the run's blend, or of a checkpoint of a fold.
        run: The run that they lie in.
    """
    folds = run.started_folds()
    if not folds:
        return None
    try:
        own = own_metrics_of(folds[0].read_config())
    except KaggleFaceError:
        own = _OF_UNKNOWN_SETTINGS
    summary = blend_summary(run)
    figures = {task: _figure(task, path, folds[0], own, summary) for task, path in records.items()}
    if len(figures) == 1:
        figure = next(iter(figures.values()))
    else:
        figure = figure_of_both(figures.get("classification"), figures.get("verification"), own)
        if figure is None and _is_blend(next(iter(records.values()))) and summary.get("score") is not None:
            return OutOfFold(str(summary.get("formula", "score")), float(summary["score"]), True)
    return None if figure is None else OutOfFold(figure.metric, figure.value, figure.higher_is_better)


def _figure(
    task: Task, record: Path, fold: FoldFolder, own: OwnMetrics, summary: Mapping[str, Any]
) -> Figure | None:
    if not _is_blend(record):
        checkpoint = next((name for name in CHECKPOINTS if name == record.parent.name), None)
        if checkpoint is None:
            return None
        return figure_of_checkpoint(FoldFolder(record.parents[2]), checkpoint, task, own)
    if task == "verification" and (own.names_people or has_gallery(fold)):
        return figure_of_gallery(record, fold)
    values = summary.get("tasks", {}).get(task, {})
    metrics, kept = values.get("metrics", {}), values.get("out_of_fold")
    figure = figure_in(metrics, own.classes if task == "classification" else own.pairs)
    if figure is None and kept is not None:  # the metric that `ensemble` went by instead
        return Figure(str(kept["metric"]), float(kept["value"]))
    others = (figure_in(metrics, name) for name in ("accuracy", "auc", "eer"))
    return figure or next(filter(None, others), None)


def _is_blend(record: Path) -> bool:
    """Whether a record is that of the run's blend, which lies in `ensemble/`."""
    return record.parent.name == "ensemble"


def blend_summary(run: RunFolder) -> Mapping[str, Any]:
    """The values of `ensemble.json`; none without a blend."""
    path = run.ensemble_folder / "ensemble.json"
    return read_json(path, BlendSummary) if path.is_file() else {}

"""The score of a CSV's predictions on what was held out, in the metric that the competition ranks by."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kaggle_face.artifacts.files.reading import read_json
from kaggle_face.artifacts.runs import CHECKPOINTS, FoldFolder, RunFolder
from kaggle_face.competitions.catalogue.ranking import OwnMetrics, own_metrics_of
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
from kaggle_face.tasks import Task

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
    own = _own_metrics(folds[0])
    summary = _summary(run)
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
    return _figure_of_blend(summary.get("tasks", {}).get(task, {}), task, own)


def _figure_of_blend(values: Mapping[str, Any], task: Task, own: OwnMetrics) -> Figure | None:
    """The competition's metric of a blend, or what `ensemble` was told to go by instead."""
    metrics = values.get("metrics", {})
    figure = figure_in(metrics, own.classes if task == "classification" else own.pairs)
    kept = values.get("out_of_fold")
    if figure is None and kept is not None:
        return Figure(str(kept["metric"]), float(kept["value"]))
    return figure or next(
        filter(None, (figure_in(metrics, name) for name in ("accuracy", "auc", "eer"))), None
    )


def _is_blend(record: Path) -> bool:
    """Whether a record is that of the run's blend, which lies in `ensemble/`."""
    return record.parent.name == "ensemble"


def _own_metrics(fold: FoldFolder) -> OwnMetrics:
    try:
        return own_metrics_of(fold.read_config())
    except KaggleFaceError:
        return _OF_UNKNOWN_SETTINGS


def _summary(run: RunFolder) -> Mapping[str, Any]:
    path = run.ensemble_folder / "ensemble.json"
    return read_json(path) if path.is_file() else {}

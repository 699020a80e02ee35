"""The out-of-fold score of a CSV's predictions, in the metric that the competition ranks by."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kaggle_face.artifacts.checkpoint_names import CHECKPOINTS
from kaggle_face.artifacts.runs import FoldFolder, RunFolder
from kaggle_face.competitions.catalogue.ranking import OwnMetrics, own_metrics_of
from kaggle_face.errors import KaggleFaceError
from kaggle_face.evaluation.blend_record import BlendRecord, TaskRecord, read_blend_record
from kaggle_face.evaluation.held_out_figures import (
    Estimate,
    figure_in,
    figure_of_both,
    figure_of_checkpoint,
    figure_of_gallery,
    has_gallery,
)
from kaggle_face.tasks import Task

_OF_UNKNOWN_SETTINGS = OwnMetrics("accuracy", "eer")


def out_of_fold_of(records: Mapping[Task, Path], run: RunFolder) -> Estimate | None:
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
    blend = read_blend_record(run)
    figures = {task: _figure(task, path, folds[0], own, blend) for task, path in records.items()}
    if len(figures) == 1:
        return next(iter(figures.values()))
    figure = figure_of_both(figures.get("classification"), figures.get("verification"), own)
    is_of_blend = _is_blend(next(iter(records.values())))
    if figure is None and is_of_blend and blend is not None and blend.score is not None:
        return Estimate(blend.formula or "score", blend.score)
    return figure


def _figure(
    task: Task, record: Path, fold: FoldFolder, own: OwnMetrics, blend: BlendRecord | None
) -> Estimate | None:
    if not _is_blend(record):
        checkpoint = next((name for name in CHECKPOINTS if name == record.parent.name), None)
        if checkpoint is None:
            return None
        return figure_of_checkpoint(FoldFolder(record.parents[2]), checkpoint, task, own)
    if task == "verification" and (own.names_people or has_gallery(fold)):
        return figure_of_gallery(record, fold)
    return (
        None if blend is None or task not in blend.tasks else _figure_of_blend(blend.tasks[task], task, own)
    )


def _figure_of_blend(blend: TaskRecord, task: Task, own: OwnMetrics) -> Estimate | None:
    """The competition's metric of a blend, or the one that `ensemble` went by instead."""
    wanted = own.classes if task == "classification" else own.pairs
    if blend.out_of_fold is not None and blend.out_of_fold.metric == wanted:
        return blend.out_of_fold
    figure = figure_in(blend.metrics, wanted)
    if figure is None and blend.out_of_fold is not None:
        return blend.out_of_fold
    others = (figure_in(blend.metrics, name) for name in ("accuracy", "auc", "eer"))
    return figure or next(filter(None, others), None)


def _is_blend(record: Path) -> bool:
    """Whether a record is that of the run's blend, which lies in `ensemble/`."""
    return record.parent.name == "ensemble"

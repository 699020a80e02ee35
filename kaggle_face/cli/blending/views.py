"""Whether averaging over mirror images and crops pays, measured on what is held out of training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kaggle_face.artifacts.files.atomic import write_json
from kaggle_face.artifacts.provenance import describe_averaging
from kaggle_face.artifacts.runs import CHECKPOINTS, FoldFolder, RunFolder
from kaggle_face.cli.terminal import Terminal
from kaggle_face.competitions.catalogue.ranking import PairMetric, is_higher_better, own_metrics_of
from kaggle_face.config import LoadedConfig
from kaggle_face.config.schema import CheckpointName
from kaggle_face.errors import InputError
from kaggle_face.evaluation.nested_split import people_of_pairs
from kaggle_face.metrics.intervals.bootstrap import Difference, clustered_mean_difference
from kaggle_face.metrics.intervals.verification import verification_difference
from kaggle_face.model.amp import resolve_device
from kaggle_face.model.trained import load_trained_network, trained_amp
from kaggle_face.pipeline.preparing import open_competition, open_folds, open_images
from kaggle_face.records import no_pairs
from kaggle_face.train.out_of_fold import write_records
from kaggle_face.train.settings import FoldTask, fold_task
from kaggle_face.train.training_set import adjust_training_set
from kaggle_face.train.validation import Evaluation, HeldOut, choose_evaluation, predict_held_out

FILE_NAME = "views.json"
"""What was measured of each view, in the run's folder."""


@dataclass(frozen=True)
class Views:
    """What an embedding is averaged over, beside the image itself."""

    flip: bool = False
    crops: bool = False


@dataclass(frozen=True, eq=False)
class _Measured:
    """Of all folds: which images (N) are named rightly; scores (P) of trials, on the scale of their fold."""

    hits: np.ndarray
    people: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    people_of_trials: np.ndarray


def choose_views(
    loaded: LoadedConfig, run: RunFolder, folds: Sequence[FoldFolder], terminal: Terminal
) -> Views:
    """Measures mirror images, then crops; each is on only if it helps a task and harms none.

    The out-of-fold records of all checkpoints are written anew with what is on.

    Raises:
        RunError: A checkpoint is missing.
    """
    tasks = _tasks(loaded, folds, terminal)
    views, rows, kept = Views(), [], []
    before, metric = _measure(loaded, folds, tasks, views), own_metrics_of(loaded.config).pairs
    for name, more in (("flip", replace(views, flip=True)), ("crops", None)):
        tried = more or replace(views, crops=True)
        after = _measure(loaded, folds, tasks, tried)
        gains = _gains(after, before, metric)
        is_on = any(gain.low > 0 for gain in gains.values()) and all(
            gain.high >= 0 for gain in gains.values()
        )
        kept.append({"view": name, "is_on": is_on, "gains": {key: vars(g) for key, g in gains.items()}})
        for figure, gain in gains.items():
            rows.append([name, "on" if is_on else "off", figure, *_in_words(gain)])
        if is_on:
            views, before = tried, after
    terminal.table(["view", "", "figure", "gain", "95 % interval"], rows)
    write_json(run.path / FILE_NAME, {"flip": views.flip, "crops": views.crops, "measured": kept})
    _write_records(loaded, folds, tasks, views)
    terminal.log(f"predicting with predict.flip={views.flip} predict.crops={views.crops}".lower())
    return views


def _tasks(loaded: LoadedConfig, folds: Sequence[FoldFolder], terminal: Terminal) -> list[FoldTask]:
    data = open_competition(loaded.config)
    pack = open_images(loaded.config, data, terminal)
    division = open_folds(loaded, data, pack)
    settings = loaded.config.data
    return [adjust_training_set(fold_task(data, division, pack, fold.fold), settings) for fold in folds]


def _predict(
    loaded: LoadedConfig, fold: FoldFolder, task: FoldTask, checkpoint: CheckpointName, views: Views
) -> HeldOut:
    device = resolve_device(loaded.config.device)
    network = load_trained_network(fold, checkpoint, device)
    chosen = choose_evaluation(loaded.config, network, trained_amp(fold, device))
    how: Evaluation = replace(chosen, flip=views.flip, crops=views.crops)
    return predict_held_out(network, task, how)


def _measure(
    loaded: LoadedConfig, folds: Sequence[FoldFolder], tasks: Sequence[FoldTask], views: Views
) -> _Measured:
    """The figures of the last epoch, which nothing was chosen by."""
    hits, people, scores = [], [], []
    for fold, task in zip(folds, tasks, strict=True):
        found = _predict(loaded, fold, task, "last", views)
        hits.append(found.predictions.logits.argmax(axis=1) == task.validation_labels)
        people.append(task.validation_labels)
        if task.pairs.are_labelled:
            raw = np.asarray(found.pair_scores.scores, np.float64)
            scores.append((raw - raw.mean()) / max(float(raw.std()), 1e-12))
    trials = [task.pairs for task in tasks if task.pairs.are_labelled] or [no_pairs()]
    first, second, labels = (
        np.concatenate([getattr(pairs, name) for pairs in trials])
        for name in ("first_ids", "second_ids", "labels")
    )
    both = people_of_pairs(first, second, labels)[0] if len(labels) else np.empty((0, 2), np.int64)
    every_score = np.concatenate(scores) if scores else np.empty(0)
    return _Measured(np.concatenate(hits), np.concatenate(people), every_score, labels, both)


def _gains(after: _Measured, before: _Measured, metric: PairMetric) -> Mapping[str, Difference]:
    """How much better each figure is, positive = better; a figure that cannot be measured is left out."""
    return dict(_each_gain(after, before, metric))


def _each_gain(after: _Measured, before: _Measured, metric: PairMetric) -> Iterator[tuple[str, Difference]]:
    if len(after.hits):
        yield "accuracy", clustered_mean_difference(after.hits, before.hits, after.people)
    if len(after.scores):
        try:
            found = verification_difference(
                after.scores, before.scores, after.labels, after.people_of_trials, metric
            )
        except InputError:  # too few people
            return
        turned = Difference(-found.value, -found.high, -found.low, found.other_sign)
        yield metric.upper(), found if is_higher_better(metric) else turned


def _write_records(
    loaded: LoadedConfig, folds: Sequence[FoldFolder], tasks: Sequence[FoldTask], views: Views
) -> None:
    for fold, task in zip(folds, tasks, strict=True):
        for checkpoint in CHECKPOINTS:
            if fold.weights_file(checkpoint).is_file():
                averaging = describe_averaging(views.flip, views.crops)
                write_records(fold, checkpoint, _predict(loaded, fold, task, checkpoint, views), averaging)


def _in_words(gain: Difference) -> list[str]:
    return [f"{gain.value:+.4f}", f"{gain.low:+.4f} to {gain.high:+.4f}"]

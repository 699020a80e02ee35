"""Test-time augmentation (TTA): whether mirror images and crops help, measured on held-out data.

Letters: N images, P pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from kaggle_face.artifacts.checkpoint_names import CHECKPOINTS
from kaggle_face.artifacts.files.atomic import write_json
from kaggle_face.artifacts.provenance import describe_averaging
from kaggle_face.artifacts.runs import FoldFolder, RunFolder
from kaggle_face.competitions.catalogue.ranking import PairMetric, own_metrics_of
from kaggle_face.config import Config, LoadedConfig
from kaggle_face.config.schema import CheckpointName, PredictConfig
from kaggle_face.errors import InputError
from kaggle_face.evaluation.nested_split import people_of_pairs
from kaggle_face.metrics.intervals.bootstrap import Difference, clustered_mean_difference
from kaggle_face.metrics.intervals.verification import verification_difference
from kaggle_face.metrics.table import METRICS
from kaggle_face.model.device import resolve_device
from kaggle_face.model.trained import load_trained_network, trained_amp
from kaggle_face.pipeline.inputs.preparing import open_competition, open_folds, open_images
from kaggle_face.progress import Progress
from kaggle_face.records import no_pairs
from kaggle_face.train.other_runs.lookup import is_of_several_folds
from kaggle_face.train.out_of_fold import write_records, write_targets
from kaggle_face.train.settings import FoldData, select_fold
from kaggle_face.train.training_set import adjust_training_set
from kaggle_face.train.validation import HeldOut, choose_evaluation, predict_held_out

FILE_NAME = "tta.json"
"""The measured gains, in the folder of the run."""


@dataclass(frozen=True)
class TtaGain:
    """The gain of one augmentation in a metric on held-out data, positive = better, with a 95 % interval."""

    augmentation: str
    is_on: bool
    metric: str
    gain: float
    low: float
    high: float


@dataclass(frozen=True)
class TtaChoice:
    """The chosen averaging of embeddings, and the gains that decided it."""

    flip: bool
    crops: bool
    gains: tuple[TtaGain, ...]


@dataclass(frozen=True, eq=False)
class _HeldOutFigures:
    """Held-out results of all folds: correct images (N), scores (P) of pairs on the scale of their fold."""

    hits: np.ndarray
    people: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    people_of_pairs: np.ndarray


def choose_tta(
    loaded: LoadedConfig, run: RunFolder, folds: Sequence[FoldFolder], progress: Progress
) -> TtaChoice:
    """Measures mirror images, then crops; each is on only if it helps a task and harms none.

    The out-of-fold records of all checkpoints are written again with the augmentations that are on.

    Raises:
        RunError: A checkpoint is missing.
    """
    data = open_competition(loaded.config)
    cache = open_images(loaded.config, data, progress)
    split = open_folds(loaded, data, cache)
    tasks = [_held_out_of(fold, select_fold(data, split, cache, fold.fold), loaded.config) for fold in folds]
    metric = own_metrics_of(loaded.config).pairs
    tta = loaded.config.predict.model_copy(update={"flip": False, "crops": False})
    before = _measure(loaded.config, folds, tasks, tta)
    rows: list[TtaGain] = []
    kept = []
    for name in ("flip", "crops"):
        tried = tta.model_copy(update={name: True})
        after = _measure(loaded.config, folds, tasks, tried)
        gains = _gains(after, before, metric)
        is_on = any(gain.low > 0 for gain in gains.values()) and all(
            gain.high >= 0 for gain in gains.values()
        )
        kept.append({"view": name, "is_on": is_on, "gains": {key: vars(g) for key, g in gains.items()}})
        rows += [TtaGain(name, is_on, key, g.value, g.low, g.high) for key, g in gains.items()]
        if is_on:
            tta, before = tried, after
    write_json(run.path / FILE_NAME, {"flip": tta.flip, "crops": tta.crops, "measured": kept})
    for fold, task in zip(folds, tasks, strict=True):
        write_targets(fold, task)  # a run of before may list trials that cannot be measured
        for checkpoint in CHECKPOINTS:
            if fold.weights_file(checkpoint).is_file():
                found = _predict(loaded.config, fold, task, checkpoint, tta)
                write_records(fold, checkpoint, found, describe_averaging(tta.flip, tta.crops))
    progress.log(f"predicting with predict.flip={tta.flip} predict.crops={tta.crops}".lower())
    return TtaChoice(tta.flip, tta.crops, tuple(rows))


def _held_out_of(fold: FoldFolder, data: FoldData, config: Config) -> FoldData:
    """The data of a fold as its network knows it: of a soup across folds, trials alone are held out."""
    data = adjust_training_set(data, config.data)
    return data.with_trials_alone() if is_of_several_folds(fold) else data


def _predict(
    config: Config, fold: FoldFolder, task: FoldData, checkpoint: CheckpointName, tta: PredictConfig
) -> HeldOut:
    device = resolve_device(config.device)
    network = load_trained_network(fold, checkpoint, device)
    chosen = choose_evaluation(config, network, trained_amp(fold, device))
    return predict_held_out(network, task, replace(chosen, flip=tta.flip, crops=tta.crops))


def _measure(
    config: Config, folds: Sequence[FoldFolder], tasks: Sequence[FoldData], tta: PredictConfig
) -> _HeldOutFigures:
    """The figures of the last epoch, by which nothing was chosen."""
    hits, people, scores = [], [], []
    for fold, task in zip(folds, tasks, strict=True):
        found = _predict(config, fold, task, "last", tta)
        hits.append(found.predictions.logits.argmax(axis=1) == task.validation_labels)
        people.append(task.validation_labels)
        if task.pairs.are_labelled:
            raw = np.asarray(found.pair_scores.scores, np.float64)
            scores.append((raw - raw.mean()) / max(float(raw.std()), 1e-12))
    pairs_of_folds = [task.pairs for task in tasks if task.pairs.are_labelled] or [no_pairs()]
    first, second, labels = (
        np.concatenate([getattr(pairs, name) for pairs in pairs_of_folds])
        for name in ("first_ids", "second_ids", "labels")
    )
    both = people_of_pairs(first, second, labels)[0] if len(labels) else np.empty((0, 2), np.int64)
    every_score = np.concatenate(scores) if scores else np.empty(0)
    return _HeldOutFigures(np.concatenate(hits), np.concatenate(people), every_score, labels, both)


def _gains(after: _HeldOutFigures, before: _HeldOutFigures, metric: PairMetric) -> Mapping[str, Difference]:
    """The gain in each figure, positive = better; a figure that cannot be measured is left out."""
    gains: dict[str, Difference] = {}
    if len(after.hits):
        gains["accuracy"] = clustered_mean_difference(after.hits, before.hits, after.people)
    if len(after.scores):
        with suppress(InputError):  # too few people
            found = verification_difference(
                after.scores, before.scores, after.labels, after.people_of_pairs, metric
            )
            is_turned = not METRICS[metric].higher_is_better
            gains[METRICS[metric].title] = found.reversed() if is_turned else found
    return gains

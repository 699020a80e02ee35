"""The observer of the training loop: the one place that the loop calls for its loggers.

A step leaves its loss on the device. All of them are fetched together where the state is saved, which waits
for the device in any case, and only then handed on: nothing is recorded that a resumed training repeats.

Letters: B images of a batch, C colours, H and W pixels.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from kaggle_face.artifacts import record_io
from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.config import Config
from kaggle_face.config.schema import CheckpointName
from kaggle_face.data.augmentation.mixing import Mix
from kaggle_face.metrics.trials import sort_trials, split_by_label
from kaggle_face.records import PairScores
from kaggle_face.train.loggers.logger import Logger, StepValues, TrialScores, hyperparameters_of
from kaggle_face.train.loggers.pictures import SeenBatch, draw_hardest_pairs
from kaggle_face.train.settings import FoldData
from kaggle_face.train.state import TrainingState

_STACKED = 256
"""Losses that are put into one tensor, so that a long epoch does not hold one memory block of a GPU each."""


class TrainingObserver:
    """Collects the events of a training and hands them to loggers; without loggers it does nothing."""

    def __init__(self, loggers: Sequence[Logger], data: FoldData, steps_per_epoch: int) -> None:
        self._loggers, self._data, self._steps_per_epoch = tuple(loggers), data, steps_per_epoch
        self._places: list[
            tuple[int, float, float]
        ] = []  # number, rate and time of each step that is pending
        self._losses: list[Tensor] = []
        self._stacked: list[Tensor] = []
        self._batches: dict[str, SeenBatch] = {}
        self._wanted: set[str] = set()
        self._scores: TrialScores | None = None
        self._num_logged = 0

    def begin(self, state: TrainingState) -> None:
        """Notes where the training begins or goes on."""
        self._num_logged = len(state.history)
        if self._loggers and state.epoch == state.step == 0:
            self._wanted = {"first_batch", "first_mixed_batch"}

    def log_settings(self, config: Config, resumes: bool) -> None:
        """Hands on the settings."""
        for logger in self._loggers:
            logger.log_settings(config, resumes)

    def note_batch(self, images_BCHW: Tensor, labels_B: Tensor, mix: Mix | None) -> None:
        """Keeps the first batch of a new training as the network gets it, and the first that is mixed.

        Args:
            images_BCHW: This process's share, normalised.
            labels_B: Of the whole batch.
            mix: How the whole batch is mixed.
        """
        is_first = "first_batch" in self._wanted
        if not is_first and (mix is None or not self._wanted):
            return
        name = "first_batch" if is_first else "first_mixed_batch"
        self._batches[name] = SeenBatch.of(images_BCHW, labels_B, mix)
        self._wanted = {"first_mixed_batch"} if mix is None else set()

    def note_step(self, state: TrainingState, loss: Tensor) -> None:
        """Keeps the mean loss of a batch where it lies, before `state.step` is moved on."""
        if not self._loggers:
            return
        number = state.epoch * self._steps_per_epoch + state.step + 1
        rate = max(group["lr"] for group in state.optimizer.param_groups)
        self._places.append((number, rate, time.time()))
        self._losses.append(loss)
        if len(self._losses) == _STACKED:
            self._stacked.append(torch.stack(self._losses))
            self._losses = []

    def note_scores(self, scores: PairScores, epoch: int) -> None:
        """Keeps the scores of the held-out trials of an epoch (from 1), if there are both kinds of them."""
        if not self._loggers or set(scores.labels.tolist()) != {0, 1}:
            return
        trials = sort_trials(scores.scores, scores.labels)
        genuine, impostor = split_by_label(scores.scores, scores.labels)
        self._scores = TrialScores(
            epoch, genuine, impostor, trials.roc_points(), trials.equal_error_rate().eer
        )

    def saved(self, state: TrainingState) -> None:
        """Hands on all that belongs to the state, which is saved now."""
        if not self._loggers:
            return
        steps, pictures = self._fetch_steps(), self._batches
        scores, self._batches, self._scores = self._scores, {}, None
        for logger in self._loggers:
            for name, batch in pictures.items():
                logger.log_picture(batch.picture(name, state.network, self._data.classes.names))
            if steps:
                logger.log_steps(steps)
            if scores is not None:
                logger.log_scores(scores)
            if len(state.history) > self._num_logged:
                logger.log_epoch(state.history)
        self._num_logged = len(state.history)

    def finished(
        self, config: Config, folder: FoldFolder, results: Mapping[str, Mapping[str, float]], epoch: int
    ) -> None:
        """Hands on the figures of each checkpoint with the settings, and the hardest pairs.

        Args:
            config: All settings.
            folder: Holds the out-of-fold records.
            results: The figures of each checkpoint.
            epoch: The last one, from 1.
        """
        if not self._loggers:
            return
        figures = {
            f"{checkpoint}/{metric}": value
            for checkpoint, values in results.items()
            for metric, value in values.items()
            if metric != "epoch"
        }
        picture, pairs = None, self._data.pairs
        if pairs.are_labelled:
            judged: CheckpointName = "best_ver" if "best_ver" in results else "last"
            scores = record_io.read_pair_scores(folder.record_folder("oof", judged, "pairs"))
            picture = draw_hardest_pairs(scores, pairs, self._data.cache, judged, epoch)
        for logger in self._loggers:
            if picture is not None:
                logger.log_picture(picture)
            logger.log_results(hyperparameters_of(config), figures)

    def close(self) -> None:
        """Closes all loggers."""
        for logger in self._loggers:
            logger.close()

    def _fetch_steps(self) -> list[StepValues]:
        """All pending steps in one copy from the device."""
        parts = [*self._stacked, torch.stack(self._losses)] if self._losses else self._stacked
        losses = torch.cat(parts).tolist() if parts else []
        steps = [
            StepValues(number, loss, rate, when)
            for (number, rate, when), loss in zip(self._places, losses, strict=True)
        ]
        self._places, self._losses, self._stacked = [], [], []
        return steps

"""The run context of a training: callbacks and time budget of its call."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kaggle_face.progress import Progress
from kaggle_face.train.deadline import Deadline
from kaggle_face.train.distributed import SINGLE_PROCESS, DistributedContext
from kaggle_face.train.loggers.logger import EpochRow
from kaggle_face.train.settings import TrainSettings

_SECONDS_PER_HOUR = 3600.0
_RESERVE_VALIDATIONS = 4.0
"""Validations' worth of time kept back under `train.max_hours`: one of the epoch, three of the records."""
Act = Literal["train", "save", "stop", "interrupt"]
OnEpoch = Callable[[EpochRow], None]
"""Called with the row of each measured epoch when it is saved; may raise to end the training."""


@dataclass
class TimeBudget:
    """Time since this process began to train, compared with the limits of the settings."""

    settings: TrainSettings
    validation_seconds: float = 0.0

    def __post_init__(self) -> None:
        self._start = self._saved = self._epoch_start = time.monotonic()

    def is_up(self) -> bool:
        """Whether `train.max_hours` leaves no more than the time to finish in."""
        if self.settings.train.max_hours is None:
            return False
        reserve = _RESERVE_VALIDATIONS * self.validation_seconds
        return time.monotonic() - self._start + reserve >= self.settings.train.max_hours * _SECONDS_PER_HOUR

    def next_act(self) -> Act:
        """Stop when the time is up; save when `train.checkpoint_minutes` have passed since the last save."""
        if self.is_up():
            return "stop"
        if time.monotonic() - self._saved < 60.0 * self.settings.train.checkpoint_minutes:
            return "train"
        self._saved = time.monotonic()
        return "save"

    def lap(self) -> float:
        """Seconds since the last lap."""
        now = time.monotonic()
        seconds, self._epoch_start = now - self._epoch_start, now
        return seconds


@dataclass(frozen=True)
class RunContext:
    """The context of a training beside its settings and data.

    Attributes:
        about: Command line, versions, commit, name of the folds; kept in `run.json`.
        progress: Gets a line for every epoch.
        on_epoch: Given the figures of every epoch; it may raise to end the training.
        distributed: The processes that share the work.
        epochs_after: Epochs that the call trains after this fold; the time left covers them.
        saves_when_stopped: Whether a signal ends the training after a step, with its state saved, to be gone
            on with; else it breaks the training off.
        deadline: When the training is to be over; its pace is re-fitted to it. None: it has all its epochs.
    """

    about: Mapping[str, Any]
    progress: Progress
    on_epoch: OnEpoch | None = None
    distributed: DistributedContext = SINGLE_PROCESS
    saves_when_stopped: bool = False
    epochs_after: int = 0
    deadline: Deadline | None = None

"""The interface of loggers: settings, steps, epochs, scores of trials, pictures and final results.

A new one derives from `Logger`, overrides what it records, and is created in `train/loggers/creation.py`.

Letters: P trials, H and W pixels.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kaggle_face.config import Config
from kaggle_face.metrics.trials import RocPoints
from kaggle_face.records import FloatArray

EpochRow = dict[str, float]
HyperParameter = int | float | str | bool


@dataclass(frozen=True)
class StepValues:
    """A batch that was trained on: its number in the training from 1, mean loss, learning rate, Unix time."""

    step: int
    loss: float
    lr: float
    time: float


@dataclass(frozen=True, eq=False)
class TrialScores:
    """The held-out trials of an epoch (from 1): scores of genuine and of impostor pairs, and their ROC."""

    epoch: int
    genuine: FloatArray
    impostor: FloatArray
    roc: RocPoints
    eer: float


@dataclass(frozen=True, eq=False)
class LoggedPicture:
    """A picture of a training.

    Attributes:
        name: What it shows, of lower-case letters and underscores.
        pixels: RGB, uint8 (H, W, 3).
        epoch: The epoch (from 1) that it belongs to.
        caption: One line about it.
    """

    name: str
    pixels: npt.NDArray[np.uint8]
    epoch: int
    caption: str


class Logger:
    """A place that records the training of one fold; only rank 0 calls it, and each method does nothing here.

    Nothing is recorded before the state that it belongs to is saved: a training that was killed and goes on
    repeats the steps behind its last state, and none of them is recorded twice.
    """

    def log_settings(self, config: Config, resumes: bool) -> None:
        """Takes the settings, when a training is begun or resumed; nothing may be written yet."""

    def log_steps(self, steps: Sequence[StepValues]) -> None:
        """Records the steps since the last call, in order."""

    def log_epoch(self, history: Sequence[EpochRow]) -> None:
        """Records an epoch: the last of the rows of all epochs so far, which may come from earlier calls."""

    def log_scores(self, scores: TrialScores) -> None:
        """Records the scores of the held-out trials of a measured epoch."""

    def log_picture(self, picture: LoggedPicture) -> None:
        """Records a picture."""

    def log_results(
        self, hyperparameters: Mapping[str, HyperParameter], results: Mapping[str, float]
    ) -> None:
        """Records the settings with the figures of each checkpoint, `<checkpoint>/<metric>`, at the end."""

    def close(self) -> None:
        """Flushes pending records, whether the training is finished or was stopped."""


def hyperparameters_of(config: Config) -> dict[str, HyperParameter]:
    """The settings that a training follows from, by full name; lists and mappings as text.

    Folders of this machine, submissions and predictions are left out.

    >>> found = hyperparameters_of(Config())
    >>> found["optim.lr"], found["model.pretrained"], found["train.clip_grad_norm"], "data.root" in found
    (0.1, False, 'none', False)
    """
    return {
        key: _plain(value)
        for key, value in _flat(config.model_dump(mode="json"))
        if not key.startswith(_OF_THE_MACHINE)
    }


_OF_THE_MACHINE = ("paths.", "data.root", "submit.", "predict.", "competition.custom", "train.loggers")


def _flat(values: Mapping[str, object], before: str = "") -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for key, value in values.items():
        found += (
            _flat(value, f"{before}{key}.") if isinstance(value, dict) and value else [(before + key, value)]
        )
    return found


def _plain(value: object) -> HyperParameter:
    if isinstance(value, bool | int | float | str):
        return value
    return "none" if value is None else json.dumps(value)

"""Loggers of a training: where its settings and the metrics of its epochs go.

A new one implements `Logger` and is created in `create_loggers`, where its setting switches it on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from kaggle_face.artifacts.files.disk import explaining
from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.artifacts.tables import write_table
from kaggle_face.config import Config

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

EpochRow = dict[str, float]


class Logger(Protocol):
    """A place that records the training of one fold; only rank 0 calls it."""

    def log_settings(self, config: Config) -> None:
        """Records the settings, when a training is begun or resumed."""

    def log_epoch(self, history: Sequence[EpochRow]) -> None:
        """Records an epoch: the last of the rows of all epochs so far, which may come from earlier calls."""

    def close(self) -> None:
        """Writes what is pending, whether the training is finished or was stopped."""


class CsvLogger:
    """The history of a training as CSV, a row per epoch; the settings lie beside it as `config.yaml`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def log_settings(self, config: Config) -> None:
        """Does nothing."""

    def log_epoch(self, history: Sequence[EpochRow]) -> None:
        """Writes all rows in the columns of the longest, with nine digits; a missing value is empty."""
        longest: Mapping[str, float] = max(history, key=len, default={"epoch": 0.0})
        columns = {name: [f"{row[name]:.9g}" if name in row else "" for row in history] for name in longest}
        write_table(self._path, columns)

    def close(self) -> None:
        """Does nothing."""


class TensorBoardLogger:
    """TensorBoard's event files in a folder; none is written before the first epoch."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: SummaryWriter | None = None

    def log_settings(self, config: Config) -> None:
        """Does nothing."""

    def log_epoch(self, history: Sequence[EpochRow]) -> None:
        """Writes the metrics of the last row, each as a scalar at its epoch."""
        row = history[-1]
        with explaining(self._folder):
            if self._writer is None:
                from torch.utils.tensorboard import SummaryWriter

                self._writer = SummaryWriter(str(self._folder))
            for name, value in row.items():
                if name != "epoch":
                    self._writer.add_scalar(name, value, int(row["epoch"]))
            self._writer.flush()

    def close(self) -> None:
        """Closes the event file."""
        if self._writer is not None:
            with suppress(OSError):  # `log_epoch` has raised it already
                self._writer.close()


def create_loggers(config: Config, folder: FoldFolder) -> tuple[Logger, ...]:
    """The loggers that the settings switch on for a fold."""
    loggers: list[Logger] = [CsvLogger(folder.history_file)]
    if config.train.tensorboard:
        loggers.append(TensorBoardLogger(folder.path / "tensorboard"))
    return tuple(loggers)

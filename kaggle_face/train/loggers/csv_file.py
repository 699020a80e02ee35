"""The history of a training as CSV, which other stages read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from kaggle_face.artifacts.tables import write_table
from kaggle_face.train.loggers.logger import EpochRow, Logger


class CsvLogger(Logger):
    """A row per epoch; the settings lie beside it as `config.yaml`. Steps and pictures are for the others."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def log_epoch(self, history: Sequence[EpochRow]) -> None:
        """Writes all rows in the columns of the longest, with nine digits; a missing value is empty."""
        longest: Mapping[str, float] = max(history, key=len, default={"epoch": 0.0})
        columns = {name: [f"{row[name]:.9g}" if name in row else "" for row in history] for name in longest}
        write_table(self._path, columns)

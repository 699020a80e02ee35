"""The course of a training: one row per epoch as CSV, and TensorBoard's event files beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from kaggle_face.artifacts.files.disk import explaining
from kaggle_face.artifacts.tables import write_table

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

EpochRow = dict[str, float]


def write_history(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Writes all rows in the columns of the longest, figures with nine digits; what one lacks is empty."""
    longest: Mapping[str, float] = max(rows, key=len, default={"epoch": 0.0})
    write_table(path, {name: [_figure(row.get(name)) for row in rows] for name in longest})


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.9g}"


class EventWriter:
    """TensorBoard's event files of one fold, or nothing where the setting is off."""

    def __init__(self, enabled: bool) -> None:
        self._enabled = enabled
        self._writer: SummaryWriter | None = None

    def write(self, folder: Path, row: Mapping[str, float]) -> None:
        """Writes the figures of one epoch; the folder of the first one is that of all."""
        if not self._enabled:
            return
        with explaining(folder):
            if self._writer is None:
                from torch.utils.tensorboard import SummaryWriter

                self._writer = SummaryWriter(str(folder))
            for name, value in row.items():
                if name != "epoch":
                    self._writer.add_scalar(name, value, int(row["epoch"]))
            self._writer.flush()

    def close(self) -> None:
        """Closes the file."""
        if self._writer is not None:
            with suppress(OSError):  # what kept it from writing has been told by `write`
                self._writer.close()

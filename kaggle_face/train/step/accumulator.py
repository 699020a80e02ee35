"""Sums of loss, hits and skipped steps over an epoch, on the device, so that no step waits for a number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

_LOSS, _CORRECT, _IMAGES, _SKIPPED, _IN_A_ROW, _MOST_IN_A_ROW = range(6)

AsyncCopy = Callable[[], list[float] | None]
"""Returns the numbers of an asynchronous copy, or None until it has arrived."""


@dataclass(frozen=True)
class EpochTotals:
    """Sums over the finished steps of the running epoch.

    Attributes:
        loss: Of images whose loss was finite.
        correct: Images that were put into their class.
        images: Those that count.
        skipped_steps: Updates that were left out because something was not finite.
        skipped_in_a_row: Up to the last update; it goes on over the epochs.
        most_skipped_in_a_row: The most there were.
    """

    loss: float = 0.0
    correct: int = 0
    images: int = 0
    skipped_steps: int = 0
    skipped_in_a_row: int = 0
    most_skipped_in_a_row: int = 0

    @property
    def mean_loss(self) -> float:
        """The mean over the images."""
        return self.loss / max(self.images, 1)


class MetricAccumulator:
    """Sums on a device, and the part of them that the host knows."""

    def __init__(self, device: torch.device) -> None:
        dtype = torch.float32 if device.type == "mps" else torch.float64  # Apple's GPUs have no other
        self._sums = torch.zeros(6, dtype=dtype, device=device)
        self._known = EpochTotals()
        self._copy: AsyncCopy | None = None

    def add(self, loss: Tensor, correct: Tensor, images: int) -> None:
        """Counts a batch: its mean loss and the number of its right answers, both on the device.

        A batch whose loss is not finite does not count.
        """
        is_finite = torch.isfinite(loss)
        row = torch.stack(
            [loss.to(self._sums.dtype), correct.to(self._sums.dtype), torch.ones_like(self._sums[0])]
        )
        row[_LOSS] *= images
        row[_IMAGES] *= images
        self._sums[:_SKIPPED] += torch.where(is_finite, row, 0.0)

    def add_update(self, is_skipped: Tensor) -> None:
        """Counts an update of the weights, with whether it was left out, on the device."""
        self._sums[_SKIPPED] += is_skipped
        in_a_row = (self._sums[_IN_A_ROW] + 1.0) * is_skipped
        self._sums[_IN_A_ROW] = in_a_row
        self._sums[_MOST_IN_A_ROW] = torch.maximum(self._sums[_MOST_IN_A_ROW], in_a_row)

    @property
    def latest(self) -> EpochTotals:
        """The latest numbers on the host: all on a CPU, else the state of the last poll or the one before."""
        return self._known

    def poll(self) -> EpochTotals:
        """Polls the numbers that have arrived, without waiting; starts a copy of newer ones."""
        if not _is_on_gpu(self._sums):
            return self.read()
        numbers = self._copy() if self._copy is not None else None
        if numbers is not None:
            self._known = _totals(numbers)
        if self._copy is None or numbers is not None:
            self._copy = copy_async(self._sums)
        return self._known

    def read(self) -> EpochTotals:
        """All sums; waits for the device."""
        self._copy = None
        self._known = _totals(self._sums.tolist())
        return self._known

    def load(self, counts: EpochTotals) -> None:
        """Continues from earlier sums."""
        numbers = [
            counts.loss,
            counts.correct,
            counts.images,
            counts.skipped_steps,
            counts.skipped_in_a_row,
            counts.most_skipped_in_a_row,
        ]
        self._sums.copy_(torch.tensor(numbers, dtype=self._sums.dtype))
        self._known, self._copy = counts, None

    def begin_epoch(self) -> None:
        """Resets all but the skipped steps in a row."""
        row = self.read().skipped_in_a_row
        self.load(EpochTotals(skipped_in_a_row=row, most_skipped_in_a_row=row))


def _is_on_gpu(sums: Tensor) -> bool:
    return sums.device.type == "cuda"


def copy_async(sums: Tensor) -> AsyncCopy:
    """Starts a copy of numbers on a CUDA device to the host."""
    host = torch.empty(sums.shape, dtype=sums.dtype, pin_memory=True)
    host.copy_(sums, non_blocking=True)
    event = torch.cuda.Event()  # type: ignore[no-untyped-call]
    event.record()
    return lambda: host.tolist() if event.query() else None  # type: ignore[no-untyped-call]


def _totals(numbers: list[float]) -> EpochTotals:
    loss, *whole = numbers
    return EpochTotals(loss, *(round(number) for number in whole))

"""What the steps of an epoch add up to, counted on the device so that no step waits for a number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

_LOSS, _CORRECT, _IMAGES, _SKIPPED, _IN_A_ROW, _MOST_IN_A_ROW = range(6)

Arrival = Callable[[], list[float] | None]
"""Gives numbers that were sent for, or None while they are on their way."""


@dataclass(frozen=True)
class Counts:
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


class Tally:
    """Counts on a device, and how much of it is known to the host."""

    def __init__(self, device: torch.device) -> None:
        dtype = torch.float32 if device.type == "mps" else torch.float64  # Apple's GPUs have no other
        self._sums = torch.zeros(6, dtype=dtype, device=device)
        self._known = Counts()
        self._arrival: Arrival | None = None

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
    def latest(self) -> Counts:
        """What the host knows: all of it on a CPU, else as of the last look or the one before."""
        return self._known

    def look(self) -> Counts:
        """What has arrived by now, without waiting; sends for newer numbers."""
        if not _is_on_gpu(self._sums):
            return self.read()
        numbers = self._arrival() if self._arrival is not None else None
        if numbers is not None:
            self._known = _counts(numbers)
        if self._arrival is None or numbers is not None:
            self._arrival = send_for(self._sums)
        return self._known

    def read(self) -> Counts:
        """All that was counted; waits for the device."""
        self._arrival = None
        self._known = _counts(self._sums.tolist())
        return self._known

    def load(self, counts: Counts) -> None:
        """Goes on from what was counted before."""
        numbers = [
            counts.loss,
            counts.correct,
            counts.images,
            counts.skipped_steps,
            counts.skipped_in_a_row,
            counts.most_skipped_in_a_row,
        ]
        self._sums.copy_(torch.tensor(numbers, dtype=self._sums.dtype))
        self._known, self._arrival = counts, None

    def begin_epoch(self) -> None:
        """Starts at zero, but for the skipped steps in a row."""
        row = self.read().skipped_in_a_row
        self.load(Counts(skipped_in_a_row=row, most_skipped_in_a_row=row))


def _is_on_gpu(sums: Tensor) -> bool:
    return sums.device.type == "cuda"


def send_for(sums: Tensor) -> Arrival:
    """Starts a copy of numbers on a CUDA device to the host."""
    host = torch.empty(sums.shape, dtype=sums.dtype, pin_memory=True)
    host.copy_(sums, non_blocking=True)
    event = torch.cuda.Event()  # type: ignore[no-untyped-call]
    event.record()
    return lambda: host.tolist() if event.query() else None  # type: ignore[no-untyped-call]


def _counts(numbers: list[float]) -> Counts:
    loss, *whole = numbers
    return Counts(loss, *(round(number) for number in whole))

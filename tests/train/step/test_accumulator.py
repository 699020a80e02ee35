"""Counting on the device, and what the host knows of it."""

from __future__ import annotations

import math

import pytest
import torch

from kaggle_face.train.step import accumulator as accumulator
from kaggle_face.train.step.accumulator import EpochTotals, MetricAccumulator

CPU = torch.device("cpu")


def add(some: MetricAccumulator, loss: float, correct: int = 3, images: int = 8) -> None:
    some.add(torch.tensor(loss), torch.tensor(correct), images)


def test_losses_are_weighed_by_the_images_of_their_batch() -> None:
    some = MetricAccumulator(CPU)
    add(some, 2.0, 3, 8)
    add(some, 0.5, 1, 2)
    counts = some.read()
    assert counts == EpochTotals(loss=2.0 * 8 + 0.5 * 2, correct=4, images=10)
    assert counts.mean_loss == 1.7  # (16 + 1) / 10
    assert EpochTotals().mean_loss == 0.0


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_batch_whose_loss_is_not_finite_does_not_count(loss: float) -> None:
    some = MetricAccumulator(CPU)
    add(some, 1.0)
    add(some, loss)
    assert some.read() == EpochTotals(8.0, 3, 8)


def test_skipped_updates_are_counted_in_all_and_in_a_row() -> None:
    some = MetricAccumulator(CPU)
    for is_skipped in (True, True, False, True):
        some.add_update(torch.tensor(is_skipped))
    counts = some.read()
    assert (counts.skipped_steps, counts.skipped_in_a_row, counts.most_skipped_in_a_row) == (3, 1, 2)


def test_an_epoch_begins_at_zero_but_for_the_steps_in_a_row() -> None:
    some = MetricAccumulator(CPU)
    add(some, 1.0)
    for is_skipped in (True, False, True, True):
        some.add_update(torch.tensor(is_skipped))
    some.begin_epoch()
    assert some.latest == some.read() == EpochTotals(skipped_in_a_row=2, most_skipped_in_a_row=2)


def test_what_was_counted_before_is_gone_on_from() -> None:
    first, second = MetricAccumulator(CPU), MetricAccumulator(CPU)
    add(first, 1 / 3)
    first.add_update(torch.tensor(True))
    second.load(first.read())
    for some in (first, second):
        add(some, 1 / 7)
        some.add_update(torch.tensor(True))
    assert first.read() == second.read() and second.read().skipped_in_a_row == 2


class Gpu:
    """A device whose numbers arrive only when it is told so."""

    def __init__(self) -> None:
        self.sent: list[list[float]] = []
        self.arrived = 0

    def copy_async(self, sums: torch.Tensor) -> accumulator.AsyncCopy:
        number, content = len(self.sent), sums.tolist()
        self.sent.append(content)
        return lambda: content if number < self.arrived else None


def test_a_look_at_a_gpu_never_waits_and_knows_what_was_sent_for_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gpu, some = Gpu(), MetricAccumulator(CPU)
    monkeypatch.setattr(accumulator, "copy_async", gpu.copy_async)
    monkeypatch.setattr(accumulator, "_is_on_gpu", lambda sums: True)
    add(some, 1.0)
    assert some.poll() == EpochTotals() and len(gpu.sent) == 1  # sent for, not there yet
    add(some, 1.0)
    assert some.poll() == EpochTotals() and len(gpu.sent) == 1  # still on its way: nothing new is sent for
    gpu.arrived = 1
    assert some.poll() == some.latest == EpochTotals(8.0, 3, 8) and len(gpu.sent) == 2
    assert some.read() == EpochTotals(16.0, 6, 16)

"""Rates measured in turns."""

from __future__ import annotations

from collections.abc import Generator

import pytest
import torch

from kaggle_face.bench import throughput
from kaggle_face.bench.throughput import Plan, Rate, measure_in_turns
from kaggle_face.progress import SilentProgress

CPU = torch.device("cpu")


class Clock:
    """Stands in for `time`: only work takes time."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(throughput, "time", clock)
    return clock


def test_a_rate_is_images_over_the_seconds_of_the_timed_steps(clock: Clock) -> None:
    def slow_first() -> Generator[int]:
        clock.now += 1000.0  # what is built before the first step is not timed
        while True:
            clock.now += 0.5
            yield 32

    found = measure_in_turns({"way": slow_first}, Plan(3, 2.0, 1, 1), CPU, SilentProgress())
    assert found["way"].images_per_second == (64.0, 64.0, 64.0)


def test_ways_take_turns(clock: Clock) -> None:
    order: list[str] = []

    def way(name: str) -> Generator[int]:
        while True:
            clock.now += 1.0
            order.append(name)
            yield 1

    works = {"a": lambda: way("a"), "b": lambda: way("b")}
    measure_in_turns(works, Plan(2, 1.0, 1, 0), CPU, SilentProgress())
    assert order == ["a", "b", "a", "b"]


def test_a_step_that_is_longer_than_a_turn_is_still_counted(clock: Clock) -> None:
    def way() -> Generator[int]:
        while True:
            clock.now += 100.0
            yield 50

    found = measure_in_turns({"way": way}, Plan(1, 1.0, 2, 0), CPU, SilentProgress())
    assert found["way"].images_per_second == (0.5,)


def test_a_way_is_closed_at_the_end() -> None:
    closed: list[bool] = []

    def way() -> Generator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.append(True)

    measure_in_turns({"way": way}, Plan(1, 1e-9, 1, 0), CPU, SilentProgress())
    assert closed == [True]


def test_a_rate_is_told_by_its_middle_and_its_spread() -> None:
    rate = Rate((10.0, 50.0, 20.0))
    assert rate.median == 20.0 and rate.spread == (10.0, 50.0)

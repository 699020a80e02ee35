"""Throughput of several ways to do the same work, in turns: a busy machine slows all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass

import torch

from kaggle_face.bench.machine import MemoryWatch
from kaggle_face.bench.report import Cell, median
from kaggle_face.model.device import wait_for
from kaggle_face.progress import Progress

Work = Callable[[], Generator[int]]
"""Begins an endless piece of work that yields the number of images after each step."""


@dataclass(frozen=True)
class Plan:
    """The length of a measurement: `rounds` turns of each way, of at least `seconds` and `least_steps`."""

    rounds: int = 5
    seconds: float = 4.0
    least_steps: int = 2
    warmup_steps: int = 2


@dataclass(frozen=True)
class Rate:
    """Images per second of one way, one figure per turn, and the memory that it took, in megabytes."""

    images_per_second: tuple[float, ...]
    process_mb: float | None = None
    device_mb: float | None = None

    @property
    def median(self) -> float:
        """The middle of the turns."""
        return median(self.images_per_second)

    @property
    def spread(self) -> tuple[float, float]:
        """The slowest and the fastest turn."""
        return min(self.images_per_second), max(self.images_per_second)


def measure_in_turns(
    ways: Mapping[str, Work], plan: Plan, device: torch.device, progress: Progress
) -> dict[str, Rate]:
    """The rate of each way.

    Each begins with a turn that is not timed, in which its memory is watched.
    """
    running: dict[str, Generator[int]] = {}
    memory: dict[str, MemoryWatch] = {}
    found: dict[str, list[float]] = {name: [] for name in ways}
    with progress.track("measuring", len(ways) * (plan.rounds + 1), "turns") as counter:
        for name, begin in ways.items():
            with MemoryWatch(device) as memory[name]:
                running[name] = begin()
                _take_steps(running[name], plan.warmup_steps)
                wait_for(device)
            counter.advance(1, name)
        for _ in range(plan.rounds):
            for name, work in running.items():
                _take_steps(work, plan.warmup_steps)
                found[name].append(_time(work, plan, device))
                counter.advance(1, name)
    for work in running.values():
        work.close()
    return {
        name: Rate(tuple(rates), memory[name].process_mb, memory[name].device_mb)
        for name, rates in found.items()
    }


def rows_of_rates(rates: Mapping[str, Rate], limit: str) -> tuple[tuple[Cell, ...], ...]:
    """Rows of a table: the rate of each way, its spread, its share of the `limit`, and its memory."""
    most = rates[limit].median
    return tuple(
        (name, rate.median, *rate.spread, rate.median / most, rate.process_mb, rate.device_mb)
        for name, rate in rates.items()
    )


def _take_steps(work: Generator[int], steps: int) -> None:
    for _ in range(steps):
        next(work)


def _time(work: Generator[int], plan: Plan, device: torch.device) -> float:
    """Images per second over one turn."""
    wait_for(device)
    start, images, steps = time.perf_counter(), 0, 0
    while steps < plan.least_steps or time.perf_counter() - start < plan.seconds:
        images += next(work)
        steps += 1
    wait_for(device)
    return images / (time.perf_counter() - start)

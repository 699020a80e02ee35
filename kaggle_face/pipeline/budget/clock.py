"""Time as an argument, so that deadlines can be tested without waiting."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """The time, which goes on while no process runs."""

    def now(self) -> float:
        """Seconds since 1970."""


class SystemClock:
    """The clock of this machine; within a process it does not jump when the machine's time is set.

    It goes on while a laptop sleeps, as the deadline does.
    """

    def __init__(self) -> None:
        self._base = time.time() - _running_seconds()

    def now(self) -> float:
        """Seconds since 1970."""
        return self._base + _running_seconds()


def _running_seconds() -> float:
    """A monotonic clock; `time.monotonic` stands still in a sleep of Linux and macOS."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    if sys.platform == "darwin":
        return time.clock_gettime(time.CLOCK_MONOTONIC)
    return time.monotonic()


def stopwatch(clock: Clock, began_at: float | None = None) -> Callable[[], float]:
    """The seconds since a moment, at each call; None: since now."""
    start = clock.now() if began_at is None else began_at
    return lambda: clock.now() - start

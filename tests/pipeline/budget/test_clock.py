"""The clock of a budget."""

from __future__ import annotations

import sys
import time

import pytest

from kaggle_face.pipeline.budget.clock import SystemClock, stopwatch


def test_the_clock_goes_on_from_the_time_of_day_and_never_back(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SystemClock()
    first = clock.now()
    assert abs(first - time.time()) < 60
    monkeypatch.setattr(time, "time", lambda: 0.0)  # the machine's time is set back
    assert clock.now() >= first


class Standing:
    seconds = 100.0

    def now(self) -> float:
        return self.seconds


def test_a_stopwatch_counts_from_now_or_from_a_moment_that_is_given() -> None:
    clock = Standing()
    since_now, since_then = stopwatch(clock), stopwatch(clock, began_at=40.0)
    clock.seconds = 130.0
    assert (since_now(), since_then()) == (30.0, 90.0)


@pytest.mark.skipif(sys.platform != "linux", reason="the clock that goes on in a sleep is another one there")
def test_the_clock_goes_on_while_a_laptop_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, gettime = SystemClock(), time.clock_gettime
    before = clock.now()
    # In a sleep of two hours the monotonic clock of Linux stands still, that since the boot goes on.
    slept = {time.CLOCK_BOOTTIME: 7200.0}
    monkeypatch.setattr(time, "clock_gettime", lambda which: gettime(which) + slept.get(which, 0.0))
    assert 7200.0 <= clock.now() - before < 7260.0

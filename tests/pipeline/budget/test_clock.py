"""The clock of a budget."""

from __future__ import annotations

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

"""The clock of a budget."""

from __future__ import annotations

import time

import pytest

from kaggle_face.pipeline.budget.clock import SystemClock


def test_the_clock_goes_on_from_the_time_of_day_and_never_back(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SystemClock()
    first = clock.now()
    assert abs(first - time.time()) < 60
    monkeypatch.setattr(time, "time", lambda: 0.0)  # the machine's time is set back
    assert clock.now() >= first

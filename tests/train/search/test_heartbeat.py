"""Trials whose worker is gone, by a clock that the test moves."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from kaggle_face.train.search.heartbeat import BEAT, WORKER, LostTrials, this_worker


def trial(beat: int, worker: str = "elsewhere - 1", epochs: int = 0) -> Any:
    attributes = {BEAT: beat, WORKER: worker}
    return SimpleNamespace(number=4, user_attrs=attributes, intermediate_values=dict.fromkeys(range(epochs)))


def test_a_trial_is_lost_when_its_number_stands_still_for_long() -> None:
    now = 0.0
    lost = LostTrials(120.0, lambda: now)
    assert lost.among([trial(0)]) == []  # first seen
    now = 119.0
    assert lost.among([trial(0)]) == []
    now = 240.0
    assert lost.among([trial(1)]) == []  # it moved, however late
    now = 350.0
    assert lost.among([trial(1, epochs=1)]) == []  # an epoch is a sign of life too
    now = 471.0
    assert [each.number for each in lost.among([trial(1, epochs=1)])] == [4]


def test_a_process_of_this_machine_that_is_gone_is_recognised_at_once() -> None:
    if sys.platform == "win32":
        pytest.skip("processes are not looked for on Windows")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    place = this_worker().rpartition(" ")[0]
    lost = LostTrials(120.0)
    assert lost.among([trial(0, f"{place} {ended.pid}")]) != []
    assert lost.among([trial(0, this_worker())]) == []
    assert lost.among([trial(0, f"another {ended.pid}")]) == []

"""Signs of life of the workers of a search, and the trials whose worker is gone.

A worker counts a number of its trial up. Another worker takes a trial for lost when that number has not
changed for long by its own clock, so clocks that differ do no harm. A process of this machine that is gone is
recognised at once.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial, Trial

BEAT, WORKER = "beat", "worker"
"""Attributes of a trial: the number that is counted up, and machine and process of its worker."""

BEATS_UNTIL_LOST = 6
"""Signs of life that may be missed, such as where a disk or a server is away for a while."""


def this_worker() -> str:
    """Machine, processes that see each other, and process, such as `gpu3 pid:[4026531836] 4711`."""
    try:
        space = str(Path("/proc/self/ns/pid").readlink())  # containers may have one host name
    except OSError:
        space = "-"
    return f"{socket.gethostname()} {space} {os.getpid()}"


@contextmanager
def beating(trial: Trial, seconds: float) -> Iterator[None]:
    """Counts the number of a trial up every `seconds` during the block."""
    ended = threading.Event()

    def beat() -> None:
        count = 0
        while not ended.wait(seconds):
            count += 1
            try:
                trial.set_user_attr(BEAT, count)
            except Exception:  # the storage is away, or others gave the trial up: the next report shows it
                continue

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class LostTrials:
    """Running trials that have lost their worker, as far as this worker saw them."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._seen: dict[int, tuple[object, float]] = {}

    def among(self, running: Sequence[FrozenTrial]) -> list[FrozenTrial]:
        """The trials whose heartbeat is too old, or whose process is gone."""
        now, lost = self._clock(), []
        for trial in running:
            sign = (trial.user_attrs.get(BEAT), len(trial.intermediate_values), len(trial.user_attrs))
            before, since = self._seen.get(trial.number, (None, now))
            if sign != before:
                since = now
            self._seen[trial.number] = (sign, since)
            if now - since > self._seconds or _is_gone(str(trial.user_attrs.get(WORKER, ""))):
                lost.append(trial)
        return lost


def _is_gone(worker: str) -> bool:
    """Whether a worker is a process of this machine that does not live any more."""
    place, _, process = worker.rpartition(" ")
    own, _, number = this_worker().rpartition(" ")
    if sys.platform == "win32" or place != own or not process.isdecimal() or process == number:
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False

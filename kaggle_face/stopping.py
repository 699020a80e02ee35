"""Ctrl-C and SIGTERM: the first stops in order, the second ends the process at once.

A `StoppedBySignalError`, which is a `KeyboardInterrupt`, breaks work off. What has to come to a point where
its state is whole runs within `noted` instead and looks at `is_wished`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name))
_SECONDS_OF_ONE_WISH = 3.0
"""A signal that torchrun passes on after the terminal sent it does not count as a second one."""


class StoppedBySignalError(KeyboardInterrupt):
    """The work was broken off by a signal.

    Attributes:
        number: The signal.
        line: What is kept and how to go on, where known.
    """

    def __init__(self, number: int = signal.SIGINT, line: str | None = None) -> None:
        super().__init__(line or "stopped")
        self.number = number
        self.line = line

    @property
    def exit_code(self) -> int:
        """The exit code of a shell for the end by this signal."""
        return 128 + self.number


@dataclass
class _Wish:
    """The signal that came first, when it came, and whether it is only to be noted."""

    number: int | None = None
    seconds: float = 0.0
    is_noted: bool = False


_wish = _Wish()


@contextmanager
def heeding_signals() -> Iterator[None]:
    """Handles Ctrl-C and SIGTERM for the block; signals that are ignored stay so.

    Outside of the main thread, where Python allows no handlers, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handled = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _on_signal) for number in handled}
    _wish.number, _wish.is_noted = None, False
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_at_once_from_now_on() -> None:
    """Lets the next signal end the process without a word, as systems do."""
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def end_children() -> None:
    """Ends the worker processes that this process has left, as Python does at its own end."""
    if "multiprocessing" in sys.modules:
        for child in sys.modules["multiprocessing"].active_children():
            child.terminate()


def leave_to_parent() -> None:
    """Ignores Ctrl-C, which a terminal sends to all processes, in one that its parent ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def is_wished() -> bool:
    """Whether a signal has come."""
    return _wish.number is not None


def raise_if_wished() -> None:
    """Breaks off if a signal has come.

    Raises:
        StoppedBySignalError: It has.
    """
    if _wish.number is not None:
        raise StoppedBySignalError(_wish.number)


@contextmanager
def noted() -> Iterator[None]:
    """Lets a first signal only be noted during the block."""
    with _noting(True):
        yield


@contextmanager
def raised() -> Iterator[None]:
    """Lets a signal break off the block, within `noted` too.

    Raises:
        StoppedBySignalError: A signal came, now or before.
    """
    with _noting(False):
        raise_if_wished()
        yield


@contextmanager
def _noting(is_noted: bool) -> Iterator[None]:
    before, _wish.is_noted = _wish.is_noted, is_noted
    try:
        yield
    finally:
        _wish.is_noted = before


def _on_signal(number: int, frame: FrameType | None) -> None:
    if _wish.number is None:
        _wish.number, _wish.seconds = number, time.monotonic()
        if "TORCHELASTIC_RUN_ID" not in os.environ:  # set by torchrun
            end_at_once_from_now_on()
        if not _wish.is_noted:
            raise StoppedBySignalError(number)
    elif time.monotonic() - _wish.seconds > _SECONDS_OF_ONE_WISH:
        os._exit(128 + number)

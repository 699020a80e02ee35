"""Progress reporting without printing: the command line hands a `Progress` down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Counter(Protocol):
    """One piece of work whose steps are counted."""

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Counts `steps` more and shows `note` beside the rate."""


class Progress(Protocol):
    """The reporter of a command."""

    def log(self, line: str) -> None:
        """Prints one line that stays."""

    def warn(self, line: str) -> None:
        """Prints one warning."""

    def track(self, label: str, total: int, unit: str, done: int = 0) -> AbstractContextManager[Counter]:
        """Opens a counter of `total` units of which `done` are finished already."""


class SilentCounter:
    """Counts nothing."""

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Does nothing."""


class SilentProgress:
    """Shows nothing; for tests and for calls from a program."""

    def log(self, line: str) -> None:
        """Does nothing."""

    def warn(self, line: str) -> None:
        """Does nothing."""

    @contextmanager
    def track(self, label: str, total: int, unit: str, done: int = 0) -> Iterator[Counter]:
        """Opens a counter that shows nothing."""
        yield SilentCounter()

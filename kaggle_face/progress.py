"""Progress reporting without printing: the command line hands a `Progress` down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, runtime_checkable


class Counter(Protocol):
    """One piece of work whose steps are counted."""

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Counts `steps` more and shows `note` beside the rate."""


@runtime_checkable
class Progress(Protocol):
    """The reporter of a command."""

    def log(self, line: str) -> None:
        """Prints one line that stays."""

    def warn(self, line: str) -> None:
        """Prints one warning."""

    def track(
        self, label: str, total: int, unit: str, done: int = 0, later: float = 0.0
    ) -> AbstractContextManager[Counter]:
        """Opens a counter of `total` units of which `done` are finished already.

        `later` is the work of the call behind this counter, in the same unit: the time left covers it too.
        """


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
    def track(
        self, label: str, total: int, unit: str, done: int = 0, later: float = 0.0
    ) -> Iterator[Counter]:
        """Opens a counter that shows nothing."""
        yield SilentCounter()


class WarningsOnce:
    """Passes each warning on once in a call, of which every stage reads the same files anew."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._warned: set[str] = set()

    def log(self, line: str) -> None:
        """Passes a line on."""
        self._progress.log(line)

    def warn(self, line: str) -> None:
        """Passes a warning on that is new in this call."""
        if line not in self._warned:
            self._warned.add(line)
            self._progress.warn(line)

    def track(
        self, label: str, total: int, unit: str, done: int = 0, later: float = 0.0
    ) -> AbstractContextManager[Counter]:
        """Opens a counter of the reporter behind this one."""
        return self._progress.track(label, total, unit, done, later)


def rate_in_words(images_per_second: float) -> str:
    """A rate with two digits at least, so that a slow one is not 0.

    >>> [rate_in_words(rate) for rate in (0.044, 0.4, 9.96, 812.4)]
    ['0.044 images/s', '0.4 images/s', '10 images/s', '812 images/s']
    """
    digits = f"{images_per_second:.2g}" if images_per_second < 9.95 else f"{images_per_second:.0f}"
    return f"{digits} images/s"


def in_words(seconds: float) -> str:
    """A duration in words.

    >>> [in_words(seconds) for seconds in (0.2, 75, 500, 7000, 20000)]
    ['1 s', '75 s', '8 min', '1.9 h', '5.6 h']
    """
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"

"""Progress reporting without printing: the command line hands a `Progress` down."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

_JOINER = re.compile("[\u0600-\u109f][\u200c\u200d](?=[\u0600-\u109f])")
"""A joiner between two letters of a script that is read otherwise without it, such as Persian or Hindi."""


def visible(text: str) -> str:
    r"""One line in which everything that is not printable is written as an escape; any script stays as it is.

    Control and format characters come from file names, settings and answers of servers; raw they would move
    the cursor, colour or reorder what is read, or begin a line of their own.

    >>> print(visible("Zoë 王\x1b[31m\u202egpj.\r\n\udcff"))
    Zoë 王\x1b[31m\u202egpj.\r\n\udcff
    """
    if text.isprintable():
        return text
    kept = {found.end() - 1 for found in _JOINER.finditer(text)}
    return "".join(
        letter if _is_shown(letter) or place in kept else _escaped(letter)
        for place, letter in enumerate(text)
    )


def _is_shown(letter: str) -> bool:
    return letter.isprintable() or unicodedata.category(letter) == "Zs"


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


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

"""Lines, tables and progress bars for the person at the keyboard (plain lines when piped)."""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from kaggle_face.notebook_progress import BarCounter
from kaggle_face.progress import Counter, SilentCounter, visible

_SECONDS_BETWEEN_PLAIN_LINES = 10.0


class Terminal:
    """Prints results to standard output, and progress, warnings and errors to standard error.

    All that is shown passes here, and what is not printable in it is escaped: a line is one line, whatever
    file names, settings or servers put into it.
    """

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet

    def say(self, line: str) -> None:
        """Prints one line."""
        self.lines([line])

    def lines(self, lines: Iterable[str]) -> None:
        """Prints lines below each other."""
        self._show("\n".join(map(visible, lines)))

    def json(self, values: Any, indent: int = 2, allow_nan: bool = False) -> None:
        """Prints one JSON document."""
        text = json.dumps(values, indent=indent, ensure_ascii=False, allow_nan=allow_nan)
        self._show(
            "".join(letter if _stands_in_json(letter) else json.dumps(letter)[1:-1] for letter in text)
        )

    def warn(self, line: str) -> None:
        """Prints one line that asks for attention to standard error."""
        _print(f"warning: {visible(line)}", sys.stderr)

    def error(self, line: str) -> None:
        """Prints why the command ended to standard error."""
        _print(f"error: {visible(line)}", sys.stderr)

    def stopped(self, line: str) -> None:
        """Prints what a command that was stopped has kept to standard error."""
        print(f"stopped: {line}", file=sys.stderr, flush=True)

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Prints a table; columns whose cells are all numbers stand to the right."""
        shown = format_table([*map(visible, header)], [[*map(visible, row)] for row in rows])
        self.lines(shown.split("\n"))

    @contextmanager
    def count(self, label: str, total: int, unit: str, done: int = 0) -> Iterator[Counter]:
        """Shows how far a counted piece of work is, its rate and the time left."""
        label, unit = visible(label), visible(unit)
        if sys.stderr.isatty() and not self._quiet:
            from tqdm import tqdm

            label = _encodable(label, sys.stderr)
            with tqdm(desc=label, total=total, unit=f" {unit}", initial=done, leave=False) as bar:
                yield BarCounter(bar, lambda note: _encodable(visible(note), sys.stderr))
        else:
            counter = _PlainLines(label, total, unit, done)
            yield counter
            counter.finish()

    def _show(self, text: str) -> None:
        _print(text, sys.stdout)


def write_any_letter() -> None:
    """Escapes letters that the encoding of a terminal or pipe lacks, such as a code page of Windows."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


class BesideDocument(Terminal):
    """Keeps standard output for one document: what else is printed goes to standard error."""

    def say(self, line: str) -> None:
        """Prints one line to standard error."""
        self.warn(line)


class SilentTerminal(Terminal):
    """Prints errors alone: of several processes that work together one tells how far they are."""

    def warn(self, line: str) -> None:
        """Does nothing."""

    @contextmanager
    def count(self, label: str, total: int, unit: str, done: int = 0) -> Iterator[Counter]:
        """Opens a counter that shows nothing."""
        yield SilentCounter()

    def _show(self, text: str) -> None:
        pass


def _print(text: str, stream: TextIO) -> None:
    print(_encodable(text, stream), file=stream, flush=True)


def _encodable(text: str, stream: TextIO) -> str:
    """The text with escapes in the place of what the stream's encoding lacks, as that of an old locale."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _stands_in_json(letter: str) -> bool:
    return letter == "\n" or visible(letter) == letter


class _PlainLines:
    """A line every ten seconds and one at the end, for logs and pipes."""

    def __init__(self, label: str, total: int, unit: str, done: int) -> None:
        self._label, self._total, self._unit = label, total, unit
        self._done = self._first = self._told = done
        self._start = self._spoke = time.monotonic()

    def advance(self, steps: int = 1, note: str = "") -> None:
        self._done += steps
        if time.monotonic() - self._spoke >= _SECONDS_BETWEEN_PLAIN_LINES:
            self._speak(note)

    def finish(self) -> None:
        if self._spoke > self._start and self._told < self._done:
            self._speak("")

    def _speak(self, note: str) -> None:
        self._spoke, self._told = time.monotonic(), self._done
        rate = (self._done - self._first) / max(self._spoke - self._start, 1e-9)
        left = (self._total - self._done) / rate if rate > 0 else float("inf")
        text = f"{self._label}: {self._done}/{self._total} {self._unit}, {rate:.3g}/s, {left:.0f} s left"
        _print(f"{text}, {visible(note)}" if note else text, sys.stderr)


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A text table with a rule below the header.

    >>> print(format_table(["fold", "EER"], [["0", "0.1"], ["mean", "0.12"]]))
    fold  EER
    ----  ----
    0      0.1
    mean  0.12
    """
    columns = list(zip(header, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    right = [all(_is_number(cell) for cell in column[1:]) and len(column) > 1 for column in columns]

    def line(cells: Sequence[str], aligned: bool) -> str:
        parts = [
            cell.rjust(width) if aligned and to_right else cell.ljust(width)
            for cell, width, to_right in zip(cells, widths, right, strict=True)
        ]
        return "  ".join(parts).rstrip()

    return "\n".join(
        [
            line(header, False),
            line(["-" * width for width in widths], False),
            *(line(row, True) for row in rows),
        ]
    )


def _is_number(cell: str) -> bool:
    try:
        float(cell.rstrip("%") or "x")
    except ValueError:
        return cell in ("", "-")
    return True

"""Lines, tables and progress bars for the person at the keyboard (plain lines when piped)."""

from __future__ import annotations

import errno
import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from kaggle_face.errors import one_line
from kaggle_face.notebook_progress import BarCounter, PlainCounter, bar_of_call
from kaggle_face.progress import Counter, SilentCounter
from kaggle_face.summaries.summary import TextTable
from kaggle_face.summaries.text_tables import format_table, legend_lines


class Terminal:
    """Prints results to standard output, and progress, warnings and errors to standard error.

    All that is shown passes here, and what is not printable in it is escaped: a line is one line, whatever
    file names, settings or servers put into it.
    """

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._warned: set[str] = set()

    def log(self, line: str) -> None:
        """Prints one line."""
        self.lines([line])

    def lines(self, lines: Iterable[str]) -> None:
        """Prints lines below each other."""
        self._show("\n".join(map(one_line, lines)))

    def json(self, values: Any, indent: int = 2, allow_nan: bool = False) -> None:
        """Prints one JSON document."""
        text = json.dumps(values, indent=indent, ensure_ascii=False, allow_nan=allow_nan)
        self._show(
            "".join(
                letter if letter == "\n" or one_line(letter) == letter else json.dumps(letter)[1:-1]
                for letter in text
            )
        )

    def warn(self, line: str) -> None:
        """Prints a warning to standard error; an equal one once, as each stage reads the files anew."""
        if line not in self._warned:
            self._warned.add(line)
            _print(f"warning: {one_line(line)}", sys.stderr)

    def error(self, line: str) -> None:
        """Prints why the command ended to standard error."""
        _print(f"error: {one_line(line)}", sys.stderr)

    def stopped(self, line: str) -> None:
        """Prints what a command that was stopped has kept to standard error."""
        _print(f"stopped: {one_line(line)}", sys.stderr)

    def show(self, summary: Iterable[str | TextTable]) -> None:
        """Prints lines and tables below each other."""
        for part in summary:
            self.lines(part.lines if isinstance(part, TextTable) else [part])

    def result(
        self,
        as_json: bool,
        values: Callable[[], Any],
        describe: Callable[[], Iterable[str | TextTable]],
    ) -> None:
        """Prints a result as one JSON document, or else as its summary; only one of both is made."""
        if as_json:
            self.json(values())
        else:
            self.show(describe())

    def table(
        self,
        header: Sequence[str],
        rows: Sequence[Sequence[str]],
        legend: Mapping[str, str] | None = None,
    ) -> None:
        """Prints a table of at most 100 columns, and below it its legend."""
        shown = format_table([*map(one_line, header)], [[*map(one_line, row)] for row in rows])
        self.lines(shown.split("\n"))
        if legend:
            self.lines(legend_lines(header, legend))

    @contextmanager
    def track(
        self, label: str, total: int, unit: str, done: int = 0, later: float = 0.0
    ) -> Iterator[Counter]:
        """Shows how far a counted piece of work is, its rate, and the time left with what comes later."""
        if sys.stderr.isatty() and not self._quiet:
            from tqdm import tqdm

            label, unit = _encodable(one_line(label), sys.stderr), one_line(unit)
            with bar_of_call(tqdm, label, total, unit, done, later) as bar:
                yield BarCounter(bar, lambda note: _encodable(one_line(note), sys.stderr))
        else:
            counter = PlainCounter(label, total, unit, done, lambda line: _print(line, sys.stderr), later)
            yield counter
            counter.finish()

    def _show(self, text: str) -> None:
        _print(text, sys.stdout)


def write_any_letter() -> None:
    """Escapes letters that the encoding of a terminal or pipe lacks, such as a code page of Windows.

    A stream that whoever started the process has closed takes everything and keeps nothing.
    """
    for name in ("stdout", "stderr"):
        if (stream := getattr(sys, name)) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


class BesideDocument(Terminal):
    """Keeps standard output for one document: all else goes to standard error."""

    def lines(self, lines: Iterable[str]) -> None:
        """Prints lines below each other to standard error."""
        for line in lines:
            _print(one_line(line), sys.stderr)


class SilentTerminal(Terminal):
    """Prints errors alone, in the processes of a training other than rank 0."""

    def warn(self, line: str) -> None:
        """Does nothing."""

    @contextmanager
    def track(
        self, label: str, total: int, unit: str, done: int = 0, later: float = 0.0
    ) -> Iterator[Counter]:
        """Opens a counter that shows nothing."""
        yield SilentCounter()

    def _show(self, text: str) -> None:
        pass


def _print(text: str, stream: TextIO) -> None:
    try:
        print(_encodable(text, stream), file=stream, flush=True)
    except OSError as error:
        if error.errno == errno.EINVAL:  # how Windows calls a pipe that its reader has closed
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)) from error
        raise


def _encodable(text: str, stream: TextIO) -> str:
    """The text with escapes in the place of what the stream's encoding lacks, as that of an old locale."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)

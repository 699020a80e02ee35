"""Progress in a notebook or an interactive program: tqdm's bars, lines, and Python's warnings.

Nothing else below the command line prints; this does, because its caller chose it.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from kaggle_face.errors import one_line
from kaggle_face.progress import Counter, Progress, SilentProgress, in_words

_SECONDS_BETWEEN_LINES = 10.0
_BAR = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{left}, {rate_fmt}{postfix}]"


class ProgressWarning(UserWarning):
    """A line of `Progress.warn`, which `warnings.filterwarnings` can silence or turn into an error."""


class NotebookProgress:
    """Shows bars (widgets where a notebook has them, text elsewhere), lines, and warnings.

    >>> from kaggle_face.notebook_progress import NotebookProgress
    >>> NotebookProgress().log("2 folds are trained")
    2 folds are trained
    """

    def log(self, line: str) -> None:
        """Prints one line, above the bars that are open."""
        from tqdm import tqdm

        tqdm.write(one_line(line), file=sys.stdout)

    def warn(self, line: str) -> None:
        """Issues a `ProgressWarning`; an equal one at each time is shown, not the first alone."""
        with warnings.catch_warnings():
            if not any(kind is ProgressWarning for _, _, kind, _, _ in warnings.filters):
                warnings.simplefilter("always", ProgressWarning)
            warnings.warn(one_line(line), ProgressWarning, stacklevel=2)

    @contextmanager
    def track(
        self, label: str, total: int, unit: str, done: int = 0, later: float = 0.0
    ) -> Iterator[Counter]:
        """Shows a bar of `total` units, of which `done` are finished already, and the time left."""
        from tqdm.auto import tqdm

        with bar_of_call(tqdm, one_line(label), total, one_line(unit), done, later) as bar:
            yield BarCounter(bar)


def bar_of_call(kind: Any, label: str, total: int, unit: str, done: int, later: float) -> Any:
    """A bar of a class of tqdm whose time left covers the work of the call behind it.

    Args:
        kind: The class.
        label: What is counted.
        total: Units of the bar.
        unit: Their name.
        done: Those that are finished already.
        later: Units of the call behind the bar.
    """

    def values(bar: Any) -> dict[str, Any]:
        found: dict[str, Any] = kind.format_dict.fget(bar)
        counted = found["n"] - found["initial"]
        rate = found["rate"] or (counted / found["elapsed"] if found["elapsed"] else 0.0)
        left = (found["total"] - found["n"] + later) / rate if rate else None
        return {**found, "left": "?" if left is None else kind.format_interval(max(0.0, left))}

    bar_of = type("BarOfCall", (kind,), {"format_dict": property(values)})
    return bar_of(desc=label, total=total, unit=f" {unit}", initial=done, leave=False, bar_format=_BAR)


class Bar(Protocol):
    """The part of tqdm's bars that is used."""

    def set_postfix_str(self, text: str, refresh: bool) -> object:
        """Shows a text beside the rate."""

    def update(self, steps: int) -> object:
        """Advances the bar."""


class BarCounter:
    """Counts on a bar of tqdm; `shown` makes a note fit for where the bar is."""

    def __init__(self, bar: Bar, shown: Callable[[str], str] = one_line) -> None:
        self._bar, self._shown = bar, shown

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Counts `steps` more and shows `note` beside the rate."""
        if note:
            self._bar.set_postfix_str(self._shown(note), refresh=False)
        self._bar.update(steps)


class PlainCounter:
    """A line every ten seconds and one at the end, for logs and pipes; `write` prints it."""

    def __init__(
        self,
        label: str,
        total: int,
        unit: str,
        done: int,
        write: Callable[[str], None],
        later: float = 0.0,
    ) -> None:
        self._later = later
        self._label, self._total, self._unit = one_line(label), total, one_line(unit)
        self._done = self._first = self._shown = done
        self._start = self._last = time.monotonic()
        self._write = write

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Counts `steps` more, with `note` in the next line."""
        self._done += steps
        if time.monotonic() - self._last >= _SECONDS_BETWEEN_LINES:
            self._show(note)

    def finish(self) -> None:
        """Writes the last line where there was one before."""
        if self._last > self._start and self._shown < self._done:
            self._show("")

    def _show(self, note: str) -> None:
        self._last, self._shown = time.monotonic(), self._done
        rate = (self._done - self._first) / max(self._last - self._start, 1e-9)
        text = f"{self._label}: {self._done}/{self._total} {self._unit}, {rate:.3g}/s"
        left = (self._total - self._done + self._later) / rate if rate > 0 else 0.0
        if left:
            text += f", {in_words(left)} left{' in all' if self._later else ''}"
        self._write(f"{text}, {one_line(note)}" if note else text)


def usual_progress() -> Progress:
    """Progress that shows in a notebook or a terminal; silent elsewhere, such as in a batch job.

    A terminal is where standard error is one; a notebook is where IPython runs a kernel.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    is_terminal = sys.stderr is not None and sys.stderr.isatty()  # pythonw has none
    if is_terminal or (shell is not None and hasattr(shell, "kernel")):
        return NotebookProgress()
    return SilentProgress()

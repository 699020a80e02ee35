"""Progress for notebooks and programs."""

from __future__ import annotations

import io
import re
import sys
import warnings
from types import ModuleType, SimpleNamespace

import pytest
from tqdm import tqdm

from kaggle_face.notebook_progress import (
    BarCounter,
    NotebookProgress,
    PlainCounter,
    ProgressWarning,
    bar_of_call,
    usual_progress,
)
from kaggle_face.progress import SilentProgress

EVIL, SHOWN = "a\x1b[2J\nb", r"a\x1b[2J\nb"


def test_lines_are_printed_and_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    NotebookProgress().log(EVIL)
    assert capsys.readouterr().out == f"{SHOWN}\n"


def test_each_warning_is_one_of_python(recwarn: pytest.WarningsRecorder) -> None:
    for _ in range(2):
        with pytest.warns(ProgressWarning) as found:
            NotebookProgress().warn(EVIL)
        assert [str(one.message) for one in found] == [SHOWN]


def test_warnings_are_silenced_or_errors_as_the_program_wants() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", ProgressWarning)
        with pytest.raises(ProgressWarning):
            NotebookProgress().warn("odd")
        warnings.simplefilter("ignore", ProgressWarning)
        NotebookProgress().warn("odd")


def test_a_bar_counts_with_its_note() -> None:
    seen: list[object] = []
    bar = SimpleNamespace(set_postfix_str=lambda text, refresh: seen.append(text), update=seen.append)
    counter = BarCounter(bar)
    counter.advance(3, note=EVIL)
    counter.advance()
    assert seen == [SHOWN, 3, 1]


def test_a_bar_names_the_work_and_begins_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(sys, "stderr", screen)
    with NotebookProgress().track(EVIL, 4, "images", done=1) as counter:
        counter.advance(3)
    assert SHOWN in screen.getvalue() and "1/4" in screen.getvalue()
    assert "\x1b[2J" not in screen.getvalue()


def test_progress_shows_where_somebody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert isinstance(usual_progress(), SilentProgress)
    monkeypatch.setattr(sys, "stderr", None)  # of a program without a console on Windows
    assert isinstance(usual_progress(), SilentProgress)
    notebook = ModuleType("IPython")
    notebook.get_ipython = lambda: SimpleNamespace(kernel=object())  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    assert isinstance(usual_progress(), NotebookProgress)


def test_the_time_left_covers_what_the_call_does_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten of 100 units take 10 s; with 900 units behind them 990 are left, at one a second."""
    now, lines = [0.0], list[str]()
    monkeypatch.setattr("kaggle_face.notebook_progress.time.monotonic", lambda: now[0])
    for later in (0.0, 900.0):
        counter = PlainCounter("fold 0 epoch 1/10", 100, "images", 0, lines.append, later)
        now[0] += 10.0
        counter.advance(10)
    assert lines == [
        "fold 0 epoch 1/10: 10/100 images, 1/s, 2 min left",
        "fold 0 epoch 1/10: 10/100 images, 1/s, 16 min left in all",
    ]


def test_a_bar_shows_the_time_left_of_the_whole_call() -> None:
    screen = io.StringIO()
    with bar_of_call(tqdm, "fold 0", 100, "images", 0, 900.0) as bar:
        bar.fp, bar.start_t = screen, bar.start_t - 10.0
        bar.n = 10
        values = bar.format_dict
        shown = str(bar)
    assert values["left"] == "16:30" and "10/100" in shown
    assert re.search(r"\[00:1\d<16:\d\d, ", shown)

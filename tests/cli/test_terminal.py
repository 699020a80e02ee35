"""Whatever is printed passes the terminal, which lets nothing through that steers it."""

from __future__ import annotations

import errno
import io
import json
import subprocess
import sys

import pytest

from kaggle_face.cli import main as command
from kaggle_face.cli.terminal import BesideDocument, SilentTerminal, Terminal
from kaggle_face.errors import DataError, InputError
from kaggle_face.summaries.summary import TextTable

EVIL = "a\x1b[2J\rb\n\u202ec\udcff"
SHOWN = r"a\x1b[2J\rb\n\u202ec\udcff"


def test_every_way_of_saying_something_escapes_it(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    terminal.log(EVIL)
    terminal.lines([EVIL, "second"])
    terminal.table([EVIL], [[EVIL], ["longer than all of it, and then some"]])
    terminal.warn(EVIL)
    terminal.error(EVIL)
    terminal.stopped(EVIL)
    output = capsys.readouterr()
    assert output.out.splitlines() == [
        SHOWN, SHOWN, "second", SHOWN, "-" * 36, SHOWN, "longer than all of it, and then some",
    ]  # fmt: skip
    assert output.err.splitlines() == [f"warning: {SHOWN}", f"error: {SHOWN}", f"stopped: {SHOWN}"]


def test_an_equal_warning_is_printed_once_in_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        terminal = Terminal()
        for line in ("odd folders", "odd folders", "few images"):
            terminal.warn(line)
        terminal.log("odd folders")
    output = capsys.readouterr()
    assert output.err.splitlines() == ["warning: odd folders", "warning: few images"] * 2
    assert output.out.splitlines() == ["odd folders"] * 2


def test_a_summary_is_its_lines_and_tables_below_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    table = TextTable({"run": "settings/run", "EER": "of held-out pairs"}, [["a\x1b[2J", "0.1"]])
    Terminal().show(["runs:", table, "done"])
    assert capsys.readouterr().out.splitlines() == ["runs:", *table.lines, "done"]


def test_progress_in_plain_lines_is_escaped(capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    monkeypatch.setattr("kaggle_face.notebook_progress._SECONDS_BETWEEN_LINES", 0.0)
    with Terminal().track(EVIL, 2, EVIL) as counter:
        counter.advance(1, note=EVIL)
    (line, *_) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{SHOWN}: 1/2 {SHOWN}") and line.endswith(SHOWN)


def test_a_progress_bar_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    class Screen(io.StringIO):
        encoding = "utf-8"

        def isatty(self) -> bool:
            return True

    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    with Terminal().track(EVIL, 2, "images") as counter:
        counter.advance(2, note=EVIL)
    assert SHOWN in screen.getvalue()
    assert "\x1b[2J" not in screen.getvalue() and "\u202e" not in screen.getvalue()


def test_json_stays_json(capsys: pytest.CaptureFixture[str]) -> None:
    values = {"name": "Zoë 王 \x9b\u202e\U000e0041\x1b\n", "list": [1]}
    Terminal().json(values)
    text = capsys.readouterr().out
    assert json.loads(text) == values
    assert "Zoë 王" in text
    assert all(letter == "\n" or letter.isprintable() for letter in text)


def test_a_silent_terminal_prints_errors_alone(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = SilentTerminal()
    terminal.log("x")
    terminal.lines(["x"])
    terminal.table(["x"], [["y"]])
    terminal.json({})
    terminal.warn("x")
    terminal.error("why")
    output = capsys.readouterr()
    assert (output.out, output.err) == ("", "error: why\n")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_an_old_locale_shows_escapes_instead_of_a_traceback(
    monkeypatch: pytest.MonkeyPatch, encoding
) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    Terminal().log("王 \u202e")
    assert stream.buffer.getvalue() == rb"\u738b \u202e" + b"\n"


@pytest.mark.parametrize(
    "words",
    [["\x1b[2J"], ["check", "--\x1b[2J"], ["check", "-c", "a\nb\x1b[2J"], ["check", "data.\x1b[2J=1"]],
)
def test_words_of_the_command_line_are_escaped_where_they_are_refused(words, workspace, capsys) -> None:
    assert command.main(words) == 2
    message = capsys.readouterr().err
    assert len(message.splitlines()) == 1 and "\x1b" not in message
    assert r"\x1b[2J" in message


@pytest.mark.parametrize("error", [DataError(EVIL), InputError(EVIL), OSError(28, "full", EVIL)])
def test_errors_are_one_escaped_line(monkeypatch: pytest.MonkeyPatch, capsys, error: Exception) -> None:
    def fail(*_: object) -> int:
        raise error

    monkeypatch.setattr(command, "dispatch", fail)
    assert command.main(["check"]) == 2
    assert capsys.readouterr().err.startswith(f"error: {SHOWN}")


def test_warnings_and_logs_of_libraries_are_escaped() -> None:
    code = (
        "import logging, warnings; from kaggle_face.cli import main\n"
        "main.main = lambda argv: ("
        "warnings.warn('a\\x1b[2J\\nb'), logging.getLogger('x').warning('c\\x1b[2J\\nd'), 0)[-1]\n"
        "main.run([])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, second = done.stderr.splitlines()
    assert first.startswith(r"warning: UserWarning: a\x1b[2J\nb (")
    assert second == r"c\x1b[2J\nd"


def test_a_closed_stream_takes_everything() -> None:
    program = [sys.executable, "-m", "kaggle_face"]
    for closed, word, code in ((">&-", "--help", 0), ("2>&-", "nonsense", 2), (">&- 2>&-", "nonsense", 2)):
        done = subprocess.run(
            ["sh", "-c", f'"$@" {word} {closed}', "sh", *program], capture_output=True, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (code, b"", b"")


def test_a_pipe_that_is_closed_on_windows_ends_as_elsewhere(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr("builtins.print", refuse)
    with pytest.raises(BrokenPipeError):
        Terminal().log("x")


def test_beside_a_document_lines_and_summaries_go_to_standard_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    BesideDocument().log("one")
    BesideDocument().show(["two", TextTable({"x": "a column"}, [["3"]])])
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines()[:2] == ["one", "two"]  # no warnings

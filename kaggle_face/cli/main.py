"""The command `kaggle-face`: finds the module of a command, runs it, and turns errors into exit codes.

A module of commands defines for each of its commands `add_arguments_<command>(parser)` and
`run_<command>(arguments, terminal)`. It is imported only when its command is called, and imports torch and
other heavy libraries only inside the functions that need them: `--help` answers at once.

Exit codes: 0 done; 2 the input, the settings or the disk are to blame (one line); 1 a bug (traceback);
130 and 143 stopped by Ctrl-C and SIGTERM (one line that says what is kept and how to go on).
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import threading
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from importlib import import_module
from typing import NoReturn

import kaggle_face
from kaggle_face.artifacts.files.disk import state_line
from kaggle_face.cli.arguments import default_config
from kaggle_face.cli.going_on import told_how_to_go_on
from kaggle_face.cli.terminal import Terminal, write_any_letter
from kaggle_face.errors import InputError, KaggleFaceError, OtherProcessError, nearest_hint, one_line
from kaggle_face.hardware import choose_sort_instructions
from kaggle_face.hints import settings_given_as
from kaggle_face.stopping import (
    StoppedBySignalError,
    end_at_once_from_now_on,
    end_children,
    heeding_signals,
)

# command: (module below kaggle_face.cli, what it does), in the order of a competition.
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "the whole chain on generated faces, from pictures to checked CSVs"),
    "competitions": ("competition.init", "what is known of each competition; 'show NAME' prints all of one"),
    "init": ("competition.init", "detect the layout of a competition's files and write its settings"),
    "check": ("competition.check", "the data check: images, samples, rules and disk, before time is spent"),
    "cache": ("training.cache", "decode and resize all images once (train does it when missing)"),
    "train": ("training.train", "train one fold, or all of them"),
    "tune": ("training.tune", "search settings on one fold, and write the best as a config"),
    "evaluate": ("blending.evaluate", "all held-out metrics of runs with intervals, and runs compared"),
    "runs": ("blending.runs", "all runs: settings that differ, figures, scores, cost"),
    "predict": ("blending.predict", "predict the test set with the trained folds"),
    "status": (
        "blending.status",
        "what of a run is current, what is out of date and why, and the next command",
    ),
    "soup": ("training.soup", "average the weights of checkpoints into one network where that helps"),
    "ensemble": ("blending.ensemble", "blend folds and checkpoints into one prediction"),
    "pseudo-label": (
        "blending.pseudo_label",
        "label the test images that a blend is sure of, for a next run",
    ),
    "submit": (
        "competition.submit",
        "write and check the CSVs of a competition, upload them, wait for the score",
    ),
    "submissions": (
        "competition.kaggle",
        "what was written and uploaded, its scores, and which to choose in the end",
    ),
    "leaderboard": ("competition.kaggle", "the best teams, your place, and what is missing to each cut-off"),
    "download": ("competition.kaggle", "download a competition's files and unpack them safely"),
    "enroll": ("recognition.gallery", "add people to the gallery of one-shot recognition"),
    "verify": ("recognition.gallery", "is this the named person, or the person of the other picture?"),
    "identify": ("recognition.gallery", "who is this, of everyone who is enrolled?"),
    "people": (
        "recognition.people",
        "list, show, rename, remove, export, import or re-embed who is enrolled",
    ),
    "app": ("recognition.app", "one-shot recognition in the browser, on this machine alone"),
    "bundle": ("competition.kaggle", "what a notebook without internet needs to predict, ready to upload"),
    "recipes": ("benches.recipes", "heads, losses and CutMix compared on your own faces, as one table"),
    "blends": ("benches.blends", "backbones over shared folds, their soups and blends on your own faces"),
    "bench": ("benches.bench", "where the time goes, and which setting would change it"),
    "auth": ("competition.kaggle", "which Kaggle credentials are used, and whether they work"),
}


ALIASES = {"pack": "cache"}
"""Former names of commands, which work for one more release."""

_OF_SEVERAL_PROCESSES = "train"
_STOPPED = (130, 143)


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line, as all others are."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{self.prog}: {message}; {self.prog} --help tells more")


def run(argv: Sequence[str] | None = None) -> None:
    """Runs the command line and exits with its code."""
    choose_sort_instructions()
    threading.excepthook = _tell_bug_of_thread
    _take_over_warnings(Terminal())
    write_any_letter()
    code = main(list(sys.argv[1:] if argv is None else argv))
    end_at_once_from_now_on()
    if _is_alone() and code not in _STOPPED:
        sys.exit(code)
    # Whoever stopped a command does not wait for the seconds in which Python takes torch down.
    end_children()
    # All is written. Where the interpreter ends in its own way, torch now and then destroys a thread of the
    # process group that still runs, and aborts: torchrun takes that for a failed training.
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def main(argv: Sequence[str]) -> int:
    """Runs one command and returns its exit code: 0, or 2 with one line on standard error."""
    terminal = Terminal()
    with heeding_signals():
        return _main(argv, terminal)


def _main(argv: Sequence[str], terminal: Terminal) -> int:
    try:
        return dispatch(list(argv), terminal)
    except InputError as error:
        terminal.error(str(error))
        return 2
    except OtherProcessError:
        return 1
    except KaggleFaceError as error:
        terminal.error(str(error))
        return 1
    except BrokenPipeError:
        # Whoever read the output has seen enough; nothing may be left to be written when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141  # as a shell calls the end by SIGPIPE
    except Exception as error:
        line = state_line(error)
        if line is None:
            raise
        terminal.error(line)
        return 2
    except KeyboardInterrupt as error:
        stop = error if isinstance(error, StoppedBySignalError) else StoppedBySignalError()
        if os.environ.get("RANK", "0") == "0":
            terminal.stopped(stop.line or "nothing was begun")
        return stop.exit_code


def _tell_bug_of_thread(thread: threading.ExceptHookArgs) -> None:
    """Prints the traceback of a bug; whoever waits for the thread tells of a full disk and its like."""
    if thread.exc_value is None or state_line(thread.exc_value) is None:
        threading.__excepthook__(thread)


def dispatch(argv: list[str], terminal: Terminal) -> int:
    """Runs one command and returns its exit code; errors are the caller's."""
    if not argv or argv[0] in ("-h", "--help", "help"):
        terminal.lines(_overview())
        return 0
    if argv[0] == "--version":
        terminal.say(f"kaggle-face {kaggle_face.__version__}")
        return 0
    if argv[0] in ALIASES:
        name = ALIASES[argv[0]]
        terminal.warn(f"'{argv[0]}' is now called '{name}'; the old name goes with the next release")
        argv = [name, *argv[1:]]
    if argv[0] not in COMMANDS:
        hint = nearest_hint(argv[0], COMMANDS) or "; kaggle-face --help lists them"
        raise InputError(f"there is no command '{argv[0]}'{hint}")
    return _run_command(argv[0], argv[1:], terminal)


def _take_over_warnings(terminal: Terminal) -> None:
    """Shows the warnings of libraries as our own ones, with what is not printable escaped."""

    def show(message: object, category: type[Warning], filename: str, number: int, *_: object) -> None:
        terminal.warn(f"{category.__name__}: {message} ({filename}:{number})")

    class Visible(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return one_line(super().format(record))

    warnings.showwarning = show  # type: ignore[assignment]
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(Visible())


def _is_alone() -> bool:
    """Whether torchrun started no other process beside this one."""
    return os.environ.get("WORLD_SIZE", "1") == "1"


def _run_command(command: str, words: list[str], terminal: Terminal) -> int:
    if command != _OF_SEVERAL_PROCESSES and not _is_alone():
        raise InputError(f"{command} is the work of one process; start it without torchrun")
    module_name, summary = COMMANDS[command]
    module = import_module(f"kaggle_face.cli.{module_name}")
    parser = _Parser(prog=f"kaggle-face {command}", description=f"{summary}.")
    function = command.replace("-", "_")
    getattr(module, f"add_arguments_{function}")(parser)
    arguments = parser.parse_intermixed_args(words)
    try:
        with _settings_of_call(arguments):
            code = getattr(module, f"run_{function}")(arguments, terminal)
    except KeyboardInterrupt as error:
        raise told_how_to_go_on(error, command, words, arguments) from None
    return int(code or 0)


def _settings_of_call(arguments: argparse.Namespace) -> AbstractContextManager[None]:
    """Lets hints name the settings as this call does; some commands have none."""
    if not hasattr(arguments, "config"):
        return nullcontext()
    overrides = [word for word in getattr(arguments, "overrides", ()) if "=" in word]
    return settings_given_as(arguments.config or default_config(), overrides)


def _overview() -> list[str]:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {summary}" for name, (_, summary) in COMMANDS.items()]
    return [
        "usage: kaggle-face COMMAND [options] [key=value ...]",
        "",
        "From a face competition's download to a scored submission.",
        "",
        *lines,
        "",
        "kaggle-face COMMAND --help tells more of one command.",
    ]

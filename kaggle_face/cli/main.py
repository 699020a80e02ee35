"""The command `kaggle-face`: imports the module of a command, runs it, and turns errors into exit codes.

A module of commands defines for each of its commands `add_arguments_<command>(parser)` and
`run_<command>(arguments, terminal)`. It is imported only when its command is called, and imports torch and
other heavy libraries only inside the functions that need them: `--help` answers at once.

Exit codes: 0 done; 2 the input, the settings or the disk are to blame (one line); 1 a bug (traceback);
130 and 143 stopped by Ctrl-C and SIGTERM (one line: what is kept, and the command that goes on).
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from importlib import import_module

import kaggle_face
from kaggle_face.arguments import default_config
from kaggle_face.artifacts.files.disk import state_line
from kaggle_face.cli.arguments import CommandParser
from kaggle_face.cli.overview import examples_of, overview_lines
from kaggle_face.cli.terminal import Terminal, write_any_letter
from kaggle_face.errors import (
    InputError,
    KaggleFaceError,
    OtherProcessError,
    hide_passwords,
    nearest_hint,
    one_line,
)
from kaggle_face.hardware import choose_sort_instructions
from kaggle_face.hints import PROGRAM, settings_given_as, shell_line
from kaggle_face.stopping import (
    StoppedBySignalError,
    end_at_once_from_now_on,
    end_children,
    heeding_signals,
)

# command: (module below kaggle_face.cli, what it does), in the order of a competition.
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "the whole chain on generated faces, from pictures to checked CSVs"),
    "run": ("training.run", "the whole chain within a time budget, planned by what this machine can do"),
    "competitions": ("competition.init", "what is known of each competition; 'show NAME' prints all of one"),
    "init": ("competition.init", "detect the layout of a competition's files and write its settings"),
    "check": ("competition.check", "the data check: images, samples, rules and disk, before time is spent"),
    "cache": ("training.images", "decode and resize all images once (train does it when missing)"),
    "augment": ("training.images", "what the settings do to training images, in lines and as a sheet"),
    "train": ("training.train", "train the folds that are not finished, or one of them"),
    "launch": ("training.launch", "print a job script for Slurm that trains on many GPUs"),
    "tune": ("training.tune", "search settings on one fold, and write the best as a config"),
    "evaluate": ("blending.evaluate", "all held-out metrics of runs with intervals, and runs compared"),
    "report": ("blending.report", "one HTML file about runs: score, curves, mistakes, what to do next"),
    "runs": ("blending.runs", "all runs: settings that differ, figures, scores, cost"),
    "predict": ("blending.predict", "predict the test set with the trained folds"),
    "status": (
        "blending.runs",
        "what of a run is current, what is out of date and why, and the next command",
    ),
    "soup": ("training.soup", "average the weights of checkpoints into one network where that helps"),
    "import-predictions": (
        "blending.import_predictions",
        "take over predictions that were made elsewhere, to be blended as a run",
    ),
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
    "export": ("export", "write a run or a blend as ONNX files, which other programs run without torch"),
    "enroll": ("recognition.gallery", "add people to the gallery of one-shot recognition"),
    "verify": ("recognition.gallery", "is this the named person, or the person of the other picture?"),
    "identify": ("recognition.gallery", "who is this, of everyone who is enrolled?"),
    "people": (
        "recognition.people",
        "list, show, rename, remove, export, import or re-embed who is enrolled",
    ),
    "app": ("recognition.gallery", "one-shot recognition in the browser, on this machine alone"),
    "bundle": ("competition.kaggle", "what a notebook without internet needs to predict, ready to upload"),
    "bench": ("bench", "where the time goes, and which setting would change it"),
    "auth": ("competition.kaggle", "which Kaggle credentials are used, and whether they work"),
}

MOVED = {"recipes": "python -m benchmarks.recipes", "blends": "python -m benchmarks.blends"}
"""Commands that are scripts of a checkout now; the next release forgets them."""

KEPT = {
    "demo": "the steps that ended are kept",
    "run": "what is trained and written so far is kept, and the time of the budget runs on",
    "cache": "what is built so far is kept",
    "train": "what is built and trained so far is kept",
    "tune": "trials that ended are kept, and the one that was running is run again",
    "predict": "records that were finished are kept",
    "soup": "a soup that was there before is kept",
    "import-predictions": "a run that was imported before is kept",
    "ensemble": "a blend that was there before is kept",
    "submit": "files that were written are kept, and what arrived is looked up before any is sent again",
    "download": "what arrived is kept",
    "export": "an export that was there before is kept",
    "enroll": "people who were enrolled are kept",
    "people": "the gallery is as it was before or as it was to be",
    "bundle": "a bundle that was there before is kept",
}
"""What a stopped command leaves, of commands that write much; the others change nothing before their end."""

ALIASES = {"pack": "cache"}
"""Former names of commands, which work for one more release."""

_OF_SEVERAL_PROCESSES = "train"
_STOPPED = (130, 143)


def run(argv: Sequence[str] | None = None, program: Callable[[Sequence[str]], int] | None = None) -> None:
    """Runs the command line, or that of another program, and exits with its code."""
    choose_sort_instructions()
    threading.excepthook = _print_bug_of_thread
    _take_over_warnings(Terminal())
    write_any_letter()
    code = (program or main)(list(sys.argv[1:] if argv is None else argv))
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
    return exit_code_of(lambda: dispatch(list(argv), terminal), terminal)


def exit_code_of(work: Callable[[], int], terminal: Terminal) -> int:
    """The exit code of a piece of work; what ends it early is printed as one line."""
    with heeding_signals():
        try:
            return work()
        except OtherProcessError:
            return 1
        except KaggleFaceError as error:
            terminal.error(str(error))
            return 2 if isinstance(error, InputError) else 1
        except BrokenPipeError:
            # The reader of the output has closed it; nothing may be left to be written when Python ends.
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


def dispatch(argv: list[str], terminal: Terminal) -> int:
    """Runs one command and returns its exit code; errors are the caller's."""
    if not argv or argv[0] in ("-h", "--help", "help"):
        terminal.lines(overview_lines({name: summary for name, (_, summary) in COMMANDS.items()}))
        return 0
    command, *words = argv
    if command == "--version":
        terminal.log(f"kaggle-face {kaggle_face.__version__}")
        return 0
    if command in ALIASES:
        old, command = command, ALIASES[command]
        terminal.warn(f"'{old}' is now called '{command}'; the old name goes with the next release")
    if command in MOVED:
        raise InputError(f"'{command}' is a script now; in a checkout run: {MOVED[command]} --help")
    if command not in COMMANDS:
        hint = nearest_hint(command, COMMANDS) or "; kaggle-face --help lists them"
        raise InputError(f"there is no command '{command}'{hint}")
    if command != _OF_SEVERAL_PROCESSES and not _is_alone():
        raise InputError(f"{command} is the work of one process; start it without torchrun")
    module_name, summary = COMMANDS[command]
    module, function = import_module(f"kaggle_face.cli.{module_name}"), command.replace("-", "_")
    parser = CommandParser(
        prog=f"{PROGRAM} {command}",
        description=f"{summary}.",
        epilog=examples_of(command),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    getattr(module, f"add_arguments_{function}")(parser)
    arguments = parser.parse(words)
    try:
        # Hints name the settings as this call does; some commands have none.
        overrides = [word for word in getattr(arguments, "overrides", ()) if "=" in word]
        settings = getattr(arguments, "config", None) or default_config()
        with settings_given_as(settings, overrides) if hasattr(arguments, "config") else nullcontext():
            code = getattr(module, f"run_{function}")(arguments, terminal)
    except KeyboardInterrupt as error:
        raise stop_of_command(error, [PROGRAM, command], words, arguments) from None
    return int(code or 0)


def stop_of_command(
    error: KeyboardInterrupt,
    program: Sequence[str],
    words: Sequence[str],
    arguments: argparse.Namespace,
    kept: str | None = None,
) -> StoppedBySignalError:
    """The stop of a command with the line to print: what is kept, and the command line that goes on.

    A training has a line of its own. The command line is quoted for the shell and names the settings that
    the environment named.
    """
    stop = error if isinstance(error, StoppedBySignalError) else StoppedBySignalError()
    if stop.line is not None and program[-1] == "train":
        return stop
    kept = kept or KEPT.get(program[-1], "nothing was changed")
    config = getattr(arguments, "config", None)
    is_named = any(word in ("-c", "--config") or word.startswith(("-c", "--config=")) for word in words)
    named = [] if config is None or is_named else ["-c", config]
    # A run that goes on must not be begun anew, which removes what is kept; a plan alone removes nothing.
    is_run = program[-1] == "run" and "--plan" not in words
    going_on = [word for word in words if not (is_run and word == "--overwrite")]
    shown = [hide_passwords(word, is_word=True) for word in (*program, *going_on, *named)]
    return StoppedBySignalError(stop.number, f"{kept}; go on with: {shell_line(shown)}")


def _print_bug_of_thread(thread: threading.ExceptHookArgs) -> None:
    """Prints the traceback of a bug; a full disk and its like are reported where the thread is awaited."""
    if thread.exc_value is None or state_line(thread.exc_value) is None:
        threading.__excepthook__(thread)


def _take_over_warnings(terminal: Terminal) -> None:
    """Shows the warnings of libraries as our own ones, with what is not printable escaped."""

    def show(message: object, category: type[Warning], filename: str, number: int, *_: object) -> None:
        where = f"{category.__name__}: {message} ({filename}:{number})"
        terminal.warn(str(message) if category.__name__ == "FormerNameWarning" else where)

    class Visible(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return one_line(super().format(record))

    warnings.showwarning = show  # type: ignore[assignment]
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(Visible())


def _is_alone() -> bool:
    """Whether torchrun started no other process beside this one."""
    return os.environ.get("WORLD_SIZE", "1") == "1"

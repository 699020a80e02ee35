"""What a command has kept when Ctrl-C or SIGTERM stopped it, and the command line that goes on with it."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence

from kaggle_face.hints import PROGRAM
from kaggle_face.stopping import StoppedBySignalError

_KEPT = {
    "demo": "the steps that ended are kept",
    "cache": "what is built so far is kept",
    "train": "what is built and trained so far is kept",
    "tune": "trials that ended are kept, and the one that was running is run again",
    "predict": "records that were finished are kept",
    "soup": "a soup that was there before is kept",
    "ensemble": "a blend that was there before is kept",
    "submit": "files that were written are kept, and Kaggle is asked what arrived before any is sent again",
    "download": "what arrived is kept",
    "enroll": "people who were enrolled are kept",
    "people": "the gallery is as it was before or as it was to be",
    "bundle": "a bundle that was there before is kept",
    "recipes": "trainings that ended are kept, and the one that was running goes on",
    "blends": "trainings that ended are kept, and the one that was running goes on",
}
"""Of commands that write much; the others change nothing before their end."""


def told_how_to_go_on(
    error: KeyboardInterrupt, command: str, words: Sequence[str], arguments: argparse.Namespace
) -> StoppedBySignalError:
    """The stop of a command, with the line to print: its own, or the one that its work has told."""
    stop = error if isinstance(error, StoppedBySignalError) else StoppedBySignalError()
    if stop.line is not None and command == "train":
        return stop
    kept = _KEPT.get(command, "nothing was changed")
    return StoppedBySignalError(stop.number, f"{kept}; go on with: {same_command(command, words, arguments)}")


def same_command(command: str, words: Sequence[str], arguments: argparse.Namespace) -> str:
    """The command line once more, quoted for the shell, with the settings that the environment named."""
    config = getattr(arguments, "config", None)
    is_named = any(word in ("-c", "--config") or word.startswith(("-c", "--config=")) for word in words)
    named = [] if config is None or is_named else ["-c", config]
    return shlex.join([PROGRAM, command, *words, *named])

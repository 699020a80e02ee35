"""Progress without a command line: bars in a notebook, lines in a terminal, else nothing."""

from __future__ import annotations

from kaggle_face.progress import Progress, SilentProgress


def default_progress() -> Progress:
    """The reporter of calls from a program."""
    return SilentProgress()

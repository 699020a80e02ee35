"""Runs as people name them on the command line: `NAME` of the settings, or `CONFIG/NAME` of others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kaggle_face.artifacts.runs import RunFolder, find_run, list_runs


def find_named_run(runs: Path, config_name: str, name: str | None) -> RunFolder:
    """The run called `name`, of these settings or as `config/run` of others; None: the one trained last.

    Raises:
        RunError: There is no such run; the nearest names are offered.
    """
    config, slash, run = (name or "").partition("/")
    return find_run(runs, config, run) if slash else find_run(runs, config_name, name)


def split_runs_and_overrides(
    words: Sequence[str], runs: Path, config_name: str
) -> tuple[list[str], list[str]]:
    """Which words are runs and which are settings: a run may be called `optim.lr=0.1` like the setting."""
    known = {run.path.name for run in list_runs(runs, config_name)}
    names = [word for word in words if word in known or "=" not in word]
    return names, [word for word in words if word not in names]

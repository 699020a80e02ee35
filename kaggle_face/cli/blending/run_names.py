"""Runs as people name them on the command line: `NAME` of the settings, or `CONFIG/NAME` of others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kaggle_face.artifacts.run_choice import default_run, find_run
from kaggle_face.artifacts.runs import RunFolder, list_runs
from kaggle_face.errors import RunError, nearest_hint

if TYPE_CHECKING:
    from kaggle_face.config import LoadedConfig


def find_named_run(
    loaded: LoadedConfig, name: str | None, tell: Callable[[str], None], option: str = "--run"
) -> RunFolder:
    """The run called `name`, of these settings or as `config/run` of others.

    Without a name it is the run that is clearly meant; `tell` hears of how many it was chosen and why.
    `option` is what a run is named with, for errors.

    Raises:
        RunError: There is no such run (the nearest names are offered), or it is not clear which is meant.
    """
    runs = Path(loaded.config.paths.runs)
    if name is None:
        chosen = default_run(runs, loaded.name, loaded.overrides, option)
        if chosen.why:
            tell(chosen.why)
        return chosen.run
    config, slash, run = name.partition("/")
    if not slash:
        return find_run(runs, loaded.name, name)
    if not list_runs(runs, config):
        known = sorted(path.name for path in runs.glob("*") if list_runs(runs, path.name))
        hint = nearest_hint(config, known) or f"; there are runs of: {', '.join(known) or 'no settings'}"
        raise RunError(f"there is no run of '{config}' under {runs}{hint}")
    return find_run(runs, config, run)


def find_own_run(loaded: LoadedConfig, name: str | None, tell: Callable[[str], None]) -> RunFolder:
    """The same for a command that works with today's settings, so with runs of these settings alone.

    Raises:
        RunError: As `find_named_run`; or the run is one of other settings.
    """
    run = find_named_run(loaded, name, tell)
    if run.path.parent.name != loaded.name:
        config = run.path.parent.name
        raise RunError(f"{run.name} is not a run of '{loaded.name}'; name its settings too, with -c {config}")
    return run


def split_runs_and_overrides(
    words: Sequence[str], runs: Path, config_name: str
) -> tuple[list[str], list[str]]:
    """Which words are runs and which are settings: a run may be called `optim.lr=0.1` like the setting."""
    known = {run.path.name for run in list_runs(runs, config_name)}
    names = [word for word in words if word in known or "=" not in word or "/" in word.partition("=")[0]]
    return names, [word for word in words if word not in names]

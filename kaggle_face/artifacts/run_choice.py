"""Choice of a run: the one that is named, or a default that nobody has to guess."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kaggle_face.artifacts.files.reading import read_json
from kaggle_face.artifacts.runs import (
    FREE_NAME,
    RunFolder,
    RunKind,
    describe_runs,
    list_runs,
    name_of_run,
    run_folder,
)
from kaggle_face.artifacts.seals import has_seal
from kaggle_face.errors import InputError, RunError, counted, nearest_hint
from kaggle_face.hints import command_line, settings_command

if TYPE_CHECKING:
    from kaggle_face.config import LoadedConfig

BUDGET_FILE = "budget.json"
_OF_SEED = "-seed"
_OF_BLEND = "/ensemble"
_PLURALS: dict[RunKind, str] = {
    "training": "trainings",
    "trial": "trials",
    "soup": "soups",
    "experiment": "experiments",
    "imported": "imported predictions",
}


def find_run(runs: Path, config_name: str, run: str | None = None) -> RunFolder:
    """The named run, or the one that `default_run` chooses where no name is given.

    Raises:
        RunError: There is no such run, or without a name it is not clear which is meant.
    """
    if run is None:
        return default_run(runs, config_name).run
    found = {folder.path.name: folder for folder in list_runs(runs, config_name)}
    if run in found:
        return found[run]
    if not found:
        raise _no_run(runs, config_name, run)
    hint = nearest_hint(run, found) or f"; there are: {describe_runs(list(found.values()))}"
    raise RunError(f"there is no run '{run}' of '{config_name}' under {runs}{hint}")


@dataclass(frozen=True)
class DefaultRun:
    """The default run; `why` is empty where there is only one."""

    run: RunFolder
    why: str


def default_run(
    runs: Path, config_name: str, overrides: Sequence[str] = (), option: str = "--run"
) -> DefaultRun:
    """The default run: one that `train` made, not a trial, a soup or an experiment.

    Of several it is the one that the call's overrides name, else the only one that is no further network of
    another, else the only one of these with all folds finished, or with a finished fold.

    Args:
        runs: The folder of all runs.
        config_name: The settings whose runs are meant.
        overrides: The settings of this call, which name a run as those of `train` do.
        option: What a run is named with, for the error.

    Raises:
        RunError: There is none, or there are several and nothing decides between them.
    """
    found = list_runs(runs, config_name)
    trained = [run for run in found if run.kind == "training"]
    if not found:
        raise _no_run(runs, config_name)
    if not trained:
        command = settings_command("train", settings=config_name)
        raise RunError(
            f"no run of '{config_name}' under {runs} was made by train; there are: {describe_runs(found)}; "
            f"name one with {option}, or train one: {command}"
        )
    run, reason = _clear_choice(trained, overrides)
    if run is None:
        states = ", ".join(f"{each.path.name} ({_state(each)})" for each in trained)
        first = f"{option} {trained[0].path.name}".strip()
        raise RunError(f"{len(trained)} runs of '{config_name}' could be meant: {states}; say which: {first}")
    if len(found) == 1:
        return DefaultRun(run, "")
    others = dict.fromkeys(_PLURALS[each.kind] for each in found if each.kind != "training")
    reason = reason or f"the others are {' and '.join(others)}"
    return DefaultRun(run, f"{run.name}, of {len(found)} runs: {reason}")


def _clear_choice(trained: Sequence[RunFolder], overrides: Sequence[str]) -> tuple[RunFolder | None, str]:
    """The default of the trained runs, and the reason for it among several."""
    if len(trained) == 1:
        return trained[0], ""
    wanted = name_of_run(overrides)
    first = [run for run in trained if not is_further_network(run)]
    named = [run for run in trained if wanted != name_of_run(()) and run.path.name == wanted]
    complete = [run for run in first if len(run.finished_folds()) == run.num_folds]
    begun = [run for run in first if run.finished_folds()]
    rules = (
        (named, "the one that these settings name"),
        (first, "the others are further networks of it"),
        (complete, "the only one with all folds finished"),
        (begun, "the only one with a finished fold"),
    )
    return next(((runs[0], reason) for runs, reason in rules if len(runs) == 1), (None, ""))


def _state(run: RunFolder) -> str:
    count = len(run.finished_folds())
    if run.num_folds is None:
        return f"{counted(count, 'fold')} finished"
    return f"{count} of {counted(run.num_folds, 'fold')} finished"


def _no_run(runs: Path, config_name: str, run: str | None = None) -> RunError:
    named = ("--run", run) if run is not None and FREE_NAME.match(run) else ()
    command = settings_command("train", *named, settings=config_name)
    return RunError(f"no run of '{config_name}' under {runs}; train one first: {command}")


def find_named_run(
    loaded: LoadedConfig, name: str | None, log: Callable[[str], None], option: str = "--run"
) -> RunFolder:
    """The run called `name`, of these settings or as `config/run` of others.

    Without a name it is the run that is clearly meant; `log` receives of how many it was chosen and why.
    `option` is what a run is named with, for errors.

    Raises:
        RunError: There is no such run (the nearest names are offered), or it is not clear which is meant.
    """
    runs = Path(loaded.config.paths.runs)
    if name is None:
        chosen = default_run(runs, loaded.name, loaded.overrides, option)
        if chosen.why:
            log(chosen.why)
        return chosen.run
    config, slash, run = name.partition("/")
    if not slash:
        return find_run(runs, loaded.name, name)
    if not list_runs(runs, config):
        known = sorted(path.name for path in runs.glob("*") if list_runs(runs, path.name))
        hint = nearest_hint(config, known) or f"; there are runs of: {', '.join(known) or 'no settings'}"
        raise RunError(f"there is no run of '{config}' under {runs}{hint}")
    return find_run(runs, config, run)


def find_own_run(loaded: LoadedConfig, name: str | None, log: Callable[[str], None]) -> RunFolder:
    """The run of a command that works with today's settings, among runs of these settings.

    Raises:
        RunError: As `find_named_run`; or the run is one of other settings.
    """
    run = find_named_run(loaded, name, log)
    if run.path.parent.name != loaded.name:
        config = run.path.parent.name
        raise RunError(f"{run.name} is not a run of '{loaded.name}'; name its settings too, with -c {config}")
    return run


def find_blended_run(loaded: LoadedConfig, name: str | None, log: Callable[[str], None]) -> RunFolder:
    """The run of a command that needs a blend.

    Without a name, where no training has a finished fold, it is the only imported run that has a blend: a
    training that was just begun does not hide it.

    Raises:
        RunError: As `find_own_run`; or several imported runs have a blend.
    """
    runs = list_runs(Path(loaded.config.paths.runs), loaded.name)
    blended = [run for run in runs if run.kind == "imported" and has_seal(run.ensemble_folder)]
    trained = [run for run in runs if run.kind == "training" and run.finished_folds()]
    if name is not None or not blended or trained:
        return find_own_run(loaded, name, log)
    if len(blended) > 1:
        raise RunError(
            f"{len(blended)} runs of '{loaded.name}' have a blend: {describe_runs(blended)}; say which: "
            f"--run {blended[0].path.name}"
        )
    if len(runs) > 1:
        reason = "the only imported one with a blend, and none is trained"
        log(f"{blended[0].name}, of {len(runs)} runs: {reason}")
    return blended[0]


def run_to_train(loaded: LoadedConfig, name: str | None = None) -> RunFolder:
    """The run that a training with these settings makes, which need not exist yet.

    Args:
        loaded: The settings of the training.
        name: What it is called; None: made of the overrides, or `main`.

    Raises:
        RunError: No folder can be called so.
    """
    return run_folder(Path(loaded.config.paths.runs), loaded.name, name or name_of_run(loaded.overrides))


def split_runs_and_overrides(
    words: Sequence[str], runs: Path, config_name: str
) -> tuple[list[str], list[str]]:
    """Splits words into runs and settings: a run may be called `optim.lr=0.1` like the setting."""
    known = {run.path.name for run in list_runs(runs, config_name)}
    names = [word for word in words if word in known or "=" not in word or "/" in word.partition("=")[0]]
    return names, [word for word in words if word not in names]


@dataclass(frozen=True)
class CallWords:
    """The words of a call: names of runs, of runs whose blend is used, and settings."""

    runs: Sequence[str]
    blends: Sequence[str]
    overrides: Sequence[str]


def sort_words(config: str, words: Sequence[str], takes_blends: bool = False) -> CallWords:
    """Sorts the words of a call into runs, blends and settings; `RUN/ensemble` is a blend where allowed."""
    from kaggle_face.config import load_config

    plain = load_config(config, [word for word in words if word.startswith("paths.")])
    runs, name = Path(plain.config.paths.runs), plain.name
    marked = [word for word in words if takes_blends and word.endswith(_OF_BLEND)]
    # What is left is a run, unless the word is a setting whose value ends so.
    blends, _ = split_runs_and_overrides([word.removesuffix(_OF_BLEND) for word in marked], runs, name)
    others = [word for word in words if word not in [blend + _OF_BLEND for blend in blends]]
    names, overrides = split_runs_and_overrides(others, runs, name)
    return CallWords(names, blends, overrides)


def refuse_setting(loaded: LoadedConfig, settings: str, word: str | None) -> None:
    """Refuses a word like `data.root=x` where `export` takes a run, unless a run is called so.

    Raises:
        InputError: It is a setting; the run that such a training is called is offered.
    """
    runs = Path(loaded.config.paths.runs)
    if word is None or not split_runs_and_overrides([word], runs, loaded.name)[1]:
        return
    named = name_of_run([word])
    is_there = any(run.path.name == named for run in list_runs(runs, loaded.name))
    hint = command_line("export", named, "-c", settings) if is_there else settings_command("runs")
    raise InputError(
        f"export takes no settings, got '{word}': a network is exported with those that it was trained with; "
        f"{'name its run' if is_there else 'see the runs'}: {hint}"
    )


def how_to_get_fold(run: RunFolder, fold: int) -> str:
    """For a line on a fold that is not there: the command that trains it, or which folds there can be."""
    count = run.num_folds
    if fold >= 0 and (count is None or fold < count):
        return f"run: {run.training_command(fold)}"
    return "folds are numbered from 0" if count is None else f"its folds are 0 to {count - 1}"


def name_of_seed(seed: int) -> str:
    """What a further network is called in a plan and in its record.

    >>> name_of_seed(7)
    'fold 0, seed 7'
    """
    return f"fold 0, seed {seed}"


def run_of_seed(run: RunFolder, seed: int) -> RunFolder:
    """Where a further network of a run within a budget is filed: `main-seed7` beside `main`."""
    return RunFolder(run.path.with_name(f"{run.path.name}{_OF_SEED}{seed}"))


def is_further_network(run: RunFolder) -> bool:
    """Whether a run is a training of another one's only fold with another seed, as that one's record says."""
    first, _, seed = run.path.name.rpartition(_OF_SEED)
    record = run.path.with_name(first) / BUDGET_FILE if first else None
    if record is None or not seed.isdecimal() or not record.is_file():
        return False
    try:
        begun = read_json(record).get("spent")
    except RunError:
        return False
    return isinstance(begun, dict) and name_of_seed(int(seed)) in begun

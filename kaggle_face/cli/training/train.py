"""`kaggle-face train`: one fold, or all of them."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kaggle_face.artifacts.run_locks import writing_folds
from kaggle_face.artifacts.runs import (
    FoldFolder,
    RunFolder,
    RunKind,
    command_line,
    describe_environment,
    name_of_run,
    run_folder,
)
from kaggle_face.artifacts.seals import time_of_now
from kaggle_face.cli.arguments import add_config_arguments, add_rules_argument, fold_numbers, load_settings
from kaggle_face.cli.terminal import SilentTerminal, Terminal
from kaggle_face.cli.training.remote import add_remote_arguments, train_on_kaggle
from kaggle_face.errors import InputError, RunError, WorkerLostError
from kaggle_face.hints import training_command
from kaggle_face.pipeline.rules_check import guard_rules
from kaggle_face.stopping import StoppedBySignalError, raise_if_wished

if TYPE_CHECKING:
    from kaggle_face.config import Config, LoadedConfig
    from kaggle_face.pipeline.today import Today
    from kaggle_face.records import Folds
    from kaggle_face.train.distributed import Processes

Start = Literal["new", "resume", "skip"]

_MAY_CHANGE = (
    "data.root:",
    "data.workers:",
    "train.max_hours:",
    "train.checkpoint_minutes:",
    "train.threads:",
)
"""Settings that a resumed training may change: they do not change what is computed, but for rounding."""


def add_arguments_train(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `train`."""
    parser.add_argument(
        "--fold", required=True, metavar="K", help="number of the fold, from 0; several as 0,1; or 'all'"
    )
    parser.add_argument(
        "--run", metavar="NAME", help="name of the run (default: made of the overrides, or 'main')"
    )
    parser.add_argument("--resume", action="store_true", help="go on where a stopped training was")
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="train the fold anew; what it has stays until the new training has saved a first state",
    )
    add_rules_argument(parser)
    add_remote_arguments(parser)
    add_config_arguments(parser)


def run_train(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Trains what `--fold` names, by all processes that torchrun started."""
    from kaggle_face.train.distributed import joined

    with joined() as processes:
        _run_train(arguments, terminal if processes.is_first else SilentTerminal(), processes)


def _run_train(arguments: argparse.Namespace, terminal: Terminal, processes: Processes) -> None:
    loaded = load_settings(arguments)
    run = run_folder(
        Path(loaded.config.paths.runs), loaded.name, arguments.run or name_of_run(arguments.overrides)
    )
    wanted = None if arguments.fold == "all" else fold_numbers(arguments.fold)
    if arguments.on != "kaggle":
        train_folds(loaded, run, wanted, arguments, terminal, processes)
    elif processes.are_several:
        raise InputError("--on kaggle is one call; start it without torchrun")
    else:
        train_on_kaggle(loaded, run, wanted, arguments, terminal)


def train_folds(
    loaded: LoadedConfig,
    run: RunFolder,
    wanted: Sequence[int] | None,
    arguments: argparse.Namespace,
    terminal: Terminal,
    processes: Processes,
    kind: RunKind = "training",
) -> None:
    """Trains one fold; or several, or with None all: those that are finished are skipped, others go on."""
    from kaggle_face.pipeline.preparing import open_competition, open_folds, open_images
    from kaggle_face.pipeline.today import open_today
    from kaggle_face.train.config_lint import advise
    from kaggle_face.train.fold import train_fold
    from kaggle_face.train.settings import fold_task
    from kaggle_face.train.trainer import Call

    began = time.monotonic()
    data = open_competition(loaded.config, terminal)
    numbers = _existing_folds(loaded.config, wanted)
    broken = guard_rules(loaded.config, len(data.classes), arguments.ignore_rules, terminal)
    folders = [run.fold(number) for number in numbers]
    with writing_folds(run, numbers) if processes.is_first else nullcontext():
        starts = processes.by_first(_how_to_start, folders, loaded.config, arguments)
        pack = open_images(loaded.config, data, terminal)
        folds = open_folds(loaded, data, pack)
        for line in advise(loaded.config):
            terminal.warn(line)
        today = open_today(loaded.config, data, terminal, pack)
        _compare_with_earlier(run, folders, starts, today, terminal)
        about = _about(loaded, folds, broken, kind, today)
        call = Call(about, terminal, processes=processes, saves_when_stopped=True)
        for place, (folder, start) in enumerate(zip(folders, starts, strict=True)):
            if start == "skip":
                terminal.log(f"fold {folder.fold} of {run.name} is trained")
                continue
            with _saying_how_to_go_on(folders[place:], start, loaded, arguments):
                task = fold_task(data, folds, pack, folder.fold)
                outcome = train_fold(loaded.config, task, folder, start, call)
                if outcome == "interrupted":
                    raise_if_wished()
                    raise StoppedBySignalError  # the signal came to another process
            if outcome == "stopped":
                how = _how_to_go_on(folders[place:], True, loaded, arguments)
                terminal.log(
                    f"fold {folder.fold}: stopped by train.max_hours with a checkpoint; go on with: {how}"
                )
                break
        _tell_of_changes(loaded.config, today, terminal)
    terminal.log(f"{run.path}: {time.monotonic() - began:.0f} s")


def _compare_with_earlier(
    run: RunFolder, folders: Sequence[FoldFolder], starts: Sequence[Start], today: Today, terminal: Terminal
) -> None:
    """Refuses to go on with a fold of other data, and warns of other folds that are."""
    from kaggle_face.pipeline.today import require_current_training, why_training_is_outdated

    begun_anew = {folder.fold for folder, start in zip(folders, starts, strict=True) if start == "new"}
    resumed = {folder.fold for folder, start in zip(folders, starts, strict=True) if start == "resume"}
    for fold in run.started_folds():
        if fold.fold in resumed:
            require_current_training(fold, today, "train")
        elif fold.fold not in begun_anew and (reason := why_training_is_outdated(fold, today)) is not None:
            terminal.warn(
                f"fold {fold.fold} of {run.name} was trained on other data: {reason}; the folds of a blend "
                "must be of the same data"
            )


def _tell_of_changes(config: Config, today: Today, terminal: Terminal) -> None:
    """A training of hours is not thrown away; it says what it was made of, and later stages compare."""
    from kaggle_face.pipeline.today import require_unchanged

    try:
        require_unchanged(config, today, terminal)
    except InputError as error:
        terminal.warn(str(error))


def _existing_folds(config: Config, wanted: Sequence[int] | None) -> Sequence[int]:
    from kaggle_face.data.folds.split import number_of_folds

    count = number_of_folds(config.folds)
    beyond = [number for number in wanted or () if number >= count]
    if beyond:
        raise RunError(f"fold {beyond[0]} does not exist; there are folds 0 to {count - 1} (folds.count)")
    return range(count) if wanted is None else wanted


def _how_to_start(
    folders: Sequence[FoldFolder], config: Config, arguments: argparse.Namespace
) -> list[Start]:
    """What to do with each fold, whose folder may hold an earlier training."""
    return [_start_of(folder, config, len(folders) > 1, arguments) for folder in folders]


def _start_of(folder: FoldFolder, config: Config, several: bool, arguments: argparse.Namespace) -> Start:
    if arguments.overwrite:
        return "new"
    if not folder.info_file.is_file():
        if arguments.resume and not several and not folder.beginning.path.exists():
            raise RunError(f"there is nothing to resume at {folder.path}; begin: {_again(folder)}")
        return "new"
    _refuse_other_settings(folder, config)
    if folder.is_finished:
        if several or arguments.resume:
            return "skip"
        raise RunError(
            f"fold {folder.fold} is trained at {folder.path}; choose another name with --run, "
            f"or train it anew with --overwrite: {_again(folder)}"
        )
    if not folder.resume_file.is_file():
        return "new"
    if several or arguments.resume:
        return "resume"
    raise RunError(
        f"fold {folder.fold} was begun at {folder.path}; train it anew with --overwrite, "
        f"or go on with --resume: {_again(folder)}"
    )


def _again(folder: FoldFolder) -> str:
    return folder.run.training_command(folder.fold)


def _refuse_other_settings(folder: FoldFolder, config: Config) -> None:
    from kaggle_face.config.comparing import changed_settings

    old = folder.read_config()
    parts = (
        "competition",
        "data",
        "folds",
        "augment",
        "model",
        "margin",
        "loss",
        "optim",
        "schedule",
        "sampler",
        "train",
        "seed",
    )
    changes = [c for c in changed_settings(old, config, parts) if not c.startswith(_MAY_CHANGE)]
    if changes:
        raise RunError(
            f"{folder.path} was trained with other settings: {'; '.join(changes)}; "
            "choose another name with --run, or train it anew with --overwrite"
        )


def _about(
    loaded: LoadedConfig, folds: Folds, ignored_rules: list[str], kind: RunKind, today: Today
) -> dict[str, Any]:
    return {
        "kind": kind,
        "config": loaded.name,
        "settings": loaded.word,
        "made_of": dict(today.training),
        "began_at": time_of_now(),
        "overrides": list(loaded.overrides),
        "folds": folds.name,
        "num_folds": folds.count,
        "ignored_rules": ignored_rules,
        **describe_environment(command_line(), loaded.config.device),
    }


@contextmanager
def _saying_how_to_go_on(
    folders: Sequence[FoldFolder], start: Start, loaded: LoadedConfig, arguments: argparse.Namespace
) -> Iterator[None]:
    """Adds the command line that goes on to the news that a training was stopped or lost a worker."""
    folder = folders[0]
    before = _state_of(folder)

    def has_state() -> bool:
        return start == "resume" or _state_of(folder) not in ((), before)

    try:
        yield
    except StoppedBySignalError as stop:
        how = _how_to_go_on(folders, has_state(), loaded, arguments)
        kept = f"fold {folder.fold} is saved" if has_state() else f"fold {folder.fold} had not begun"
        raise StoppedBySignalError(stop.number, f"{kept}; go on with: {how}") from None
    except WorkerLostError as error:
        how = _how_to_go_on(folders, has_state(), loaded, arguments)
        raise WorkerLostError(f"{error}; go on with: {how}") from error


def _state_of(folder: FoldFolder) -> tuple[int, ...]:
    """Changes whenever the fold has another state to go on from."""
    if not folder.resume_file.is_file():
        return ()
    about = folder.resume_file.stat()
    return (about.st_ino, about.st_mtime_ns, about.st_size)


def _how_to_go_on(
    folders: Sequence[FoldFolder], has_state: bool, loaded: LoadedConfig, arguments: argparse.Namespace
) -> str:
    """The command line that goes on with the first of these folds, if it has a state, and trains the others.

    Several folds go on by themselves where they were, but not those that are to be trained anew.
    """
    config, run = getattr(arguments, "config", loaded.name), folders[0].path.parent.name
    numbers = [folder.fold for folder in folders]

    def command(folds: Sequence[int], *words: str) -> str:
        return training_command(config, run, folds, words, arguments.ignore_rules, loaded.overrides)

    if not arguments.overwrite:
        return command(numbers, *(["--resume"] if has_state and len(numbers) == 1 else []))
    first = [command(numbers[:1], "--resume")] if has_state else []
    others = numbers[1:] if has_state else numbers
    return " && ".join([*first, *([command(others, "--overwrite")] if others else [])])

"""`kaggle-face train`: one fold, or all of them."""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kaggle_face.artifacts.runs import (
    FoldFolder,
    RunFolder,
    command_line,
    describe_environment,
    name_of_run,
    run_folder,
)
from kaggle_face.cli.arguments import add_config_arguments, fold_numbers, load_settings
from kaggle_face.cli.ruling import add_rules_argument, guard_rules
from kaggle_face.cli.terminal import SilentTerminal, Terminal
from kaggle_face.cli.train_remote import add_remote_arguments, train_on_kaggle
from kaggle_face.errors import InputError, RunError

if TYPE_CHECKING:
    from kaggle_face.config import Config, LoadedConfig
    from kaggle_face.records import Folds
    from kaggle_face.train.fit import Call
    from kaggle_face.train.processes import Processes
    from kaggle_face.train.recipe import FoldTask

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
    parser.add_argument("--overwrite", action="store_true", help="delete what the fold has and train it anew")
    add_rules_argument(parser)
    add_remote_arguments(parser)
    add_config_arguments(parser)


def run_train(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Trains what `--fold` names, by all processes that torchrun started."""
    from kaggle_face.train.processes import joined

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
) -> None:
    """Trains one fold; or several, or with None all: those that are finished are skipped, others go on."""
    from kaggle_face.cli.opening import open_competition, open_folds, open_images
    from kaggle_face.train.advice import advise
    from kaggle_face.train.fit import Call
    from kaggle_face.train.recipe import fold_task

    began = time.monotonic()
    data = open_competition(loaded.config)
    numbers = _existing_folds(loaded.config, wanted)
    broken = guard_rules(loaded.config, len(data.classes), arguments.ignore_rules, terminal)
    folders = [run.fold(number) for number in numbers]
    with _nobody_else_trains(folders, processes):
        starts = processes.by_first(_how_to_start, folders, loaded.config, arguments)
        pack = open_images(loaded.config, data, terminal)
        folds = open_folds(loaded, data, pack)
        for line in advise(loaded.config):
            terminal.warn(line)
        call = Call(_about(loaded, folds, broken), terminal, processes=processes)
        for folder, start in zip(folders, starts, strict=True):
            if start == "skip":
                terminal.say(f"fold {folder.fold} of {run.name} is trained")
            elif not _train_one(
                loaded.config, fold_task(data, folds, pack, folder.fold), folder, start, call
            ):
                break
    terminal.say(f"{run.path}: {time.monotonic() - began:.0f} s")


@contextmanager
def _nobody_else_trains(folders: Sequence[FoldFolder], processes: Processes) -> Iterator[None]:
    """Keeps other calls from training these folds meanwhile: they would write over each other's files."""
    from kaggle_face.data.locking import if_free

    with ExitStack() as locks:
        for folder in folders if processes.is_first else ():
            run = folder.path.parent
            if not locks.enter_context(if_free(run.with_name(f".{run.name}-{folder.path.name}.lock"))):
                raise RunError(
                    f"{folder.path} is being trained by another process; wait until it ends, "
                    "or choose another name with --run"
                )
        yield


def _existing_folds(config: Config, wanted: Sequence[int] | None) -> Sequence[int]:
    from kaggle_face.data.folds import number_of_folds

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
        if arguments.resume and not several:
            raise RunError(f"there is nothing to resume at {folder.path}; train without --resume")
        return "new"
    _refuse_other_settings(folder, config)
    if folder.is_finished:
        if several or arguments.resume:
            return "skip"
        raise RunError(
            f"fold {folder.fold} is trained at {folder.path}; choose another name with --run, "
            "or train it anew with --overwrite"
        )
    if not folder.resume_file.is_file():
        return "new"
    if several or arguments.resume:
        return "resume"
    raise RunError(
        f"fold {folder.fold} was begun at {folder.path}; go on with --resume, "
        "or train it anew with --overwrite"
    )


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


def _about(loaded: LoadedConfig, folds: Folds, ignored_rules: list[str]) -> dict[str, Any]:
    return {
        "config": loaded.name,
        "overrides": list(loaded.overrides),
        "folds": folds.name,
        "ignored_rules": ignored_rules,
        **describe_environment(command_line(), loaded.config.device),
    }


def _train_one(
    config: Config, task: FoldTask, folder: FoldFolder, start: Literal["new", "resume"], call: Call
) -> bool:
    """Trains one fold; false if it was stopped by the time limit."""
    from kaggle_face.train.fold import train_fold

    if start == "new":
        call.processes.by_first(shutil.rmtree, folder.path, ignore_errors=True)
    outcome = train_fold(config, task, folder, start, call)
    if outcome == "stopped":
        call.progress.say(
            f"fold {folder.fold}: stopped by train.max_hours with a checkpoint; "
            f"go on with: kaggle-face train --fold {folder.fold} --resume"
        )
    return outcome == "finished"

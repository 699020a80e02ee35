"""`kaggle-face train`: the folds that are not finished, or those that are named, here or on Kaggle's GPUs."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from kaggle_face.cli.arguments import add_config_arguments, add_rules_argument, fold_numbers, load_settings
from kaggle_face.cli.terminal import SilentTerminal, Terminal
from kaggle_face.errors import InputError
from kaggle_face.progress import Progress

if TYPE_CHECKING:
    from kaggle_face.pipeline.launch.events import EventWriter
    from kaggle_face.pipeline.train import TrainResult

_MOST_MINUTES = 1440


def add_arguments_train(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `train`."""
    parser.add_argument(
        "--fold",
        metavar="K",
        default="all",
        help="number of the fold, from 0; several as 0,1 (default: all that are not finished)",
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
    parser.add_argument(
        "--devices",
        type=int,
        default=1,
        metavar="N",
        help="processes on this machine, one for each GPU (default: 1)",
    )
    parser.add_argument(
        "--timeout",
        type=float,
        metavar="MINUTES",
        help="of several processes: how long one that does not answer is waited for (default: 30)",
    )
    parser.add_argument(
        "--on", choices=("here", "kaggle"), default="here", help="where to train (default: here)"
    )
    parser.add_argument(
        "--hours", type=float, default=11.0, help="longest time of one notebook on Kaggle (default: 11)"
    )
    parser.add_argument(
        "--accelerator", default="NvidiaTeslaT4", help="GPU on Kaggle (default: NvidiaTeslaT4)"
    )
    add_config_arguments(parser)


def run_train(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Trains what `--fold` names, by all processes that torchrun started, and prints what became of it."""
    from kaggle_face.artifacts.runs import name_of_run, run_folder
    from kaggle_face.pipeline.inputs.fold_starts import TrainOptions
    from kaggle_face.pipeline.launch.devices import train_on_devices
    from kaggle_face.pipeline.train import RemoteOptions, train_folds, train_on_kaggle
    from kaggle_face.train.distributed import joined, launch_id

    with _reported() as events, joined(longest_wait=_longest_wait(arguments.timeout)) as distributed:
        shown: Progress = events or terminal if distributed.is_rank_zero else SilentTerminal()
        loaded = load_settings(arguments)
        name = arguments.run or name_of_run(arguments.overrides)
        run = run_folder(Path(loaded.config.paths.runs), loaded.name, name)
        folds = None if arguments.fold == "all" else fold_numbers(arguments.fold)
        if arguments.on == "kaggle":
            if arguments.devices != 1:
                raise InputError("--devices is of this machine, --on kaggle of another; leave one out")
            remote = RemoteOptions(arguments.hours, arguments.accelerator, arguments.overwrite)
            train_on_kaggle(loaded, run, folds, remote, shown, distributed)
            return
        options = TrainOptions(
            arguments.resume,
            arguments.overwrite,
            arguments.ignore_rules,
            launch=launch_id(),
            devices=1 if events is None else distributed.share.count,
        )
        if arguments.devices == 1:
            result = train_folds(loaded, run, folds, options, shown, distributed)
        else:
            result = train_on_devices(
                loaded, run, folds, options, arguments.devices, shown, arguments.timeout
            )
        if events is not None and distributed.is_rank_zero:
            outcomes = {str(fold): outcome for fold, outcome in result.outcomes.items()}
            events.write(
                "result", outcomes=outcomes, seconds=result.seconds, next_command=result.next_command
            )
        elif folds is not None or set(result.outcomes.values()) != {"skipped"}:
            print_training(result, shown)


@contextmanager
def _reported() -> Iterator[EventWriter | None]:
    """What a process reports to the one that started it by `--devices`; None where nobody listens."""
    from kaggle_face.pipeline.launch.devices import EVENTS
    from kaggle_face.pipeline.launch.events import EventWriter

    folder = os.environ.get(EVENTS)
    if folder is None:
        yield None
        return
    events = EventWriter(Path(folder), int(os.environ.get("RANK", "0")))
    with events.reporting():
        yield events


def _longest_wait(minutes: float | None) -> timedelta:
    """How long a process is waited for.

    Raises:
        InputError: It is no time.
    """
    from kaggle_face.train.distributed import LONGEST_WAIT

    if minutes is None:
        return LONGEST_WAIT
    if not 0.0 < minutes <= _MOST_MINUTES:
        raise InputError(f"--timeout must be > 0 and at most {_MOST_MINUTES} minutes, got {minutes:g}")
    return timedelta(minutes=minutes)


def print_training(result: TrainResult, terminal: Progress) -> None:
    """Prints what became of the folds, and how to go on where one was stopped."""
    for fold, outcome in result.outcomes.items():
        if outcome == "stopped":
            how = f"go on with: {result.next_command}"
            terminal.log(f"fold {fold}: stopped by train.max_hours with a checkpoint; {how}")
    terminal.log(f"{result.run.path}: {result.seconds:.0f} s")

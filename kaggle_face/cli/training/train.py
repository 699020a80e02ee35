"""`kaggle-face train`: the folds that are not finished, or those that are named, here or on Kaggle's GPUs."""

from __future__ import annotations

import argparse

from kaggle_face.cli.arguments import CommandParser, chosen_folds, load_settings, options_of
from kaggle_face.cli.terminal import SilentTerminal, Terminal
from kaggle_face.errors import InputError
from kaggle_face.progress import Progress


def add_arguments_train(parser: CommandParser) -> None:
    """Declares the options of `train`."""
    parser.add_fold_argument(
        "number of the fold, from 0; several as 0,1 (default: all that are not finished)"
    )
    parser.add_new_run_argument()
    parser.add_flag("--resume", "go on where a stopped training was")
    parser.add_flag(
        "--overwrite", "train the fold anew; what it has stays until the new training has saved a first state"
    )
    parser.add_rules_argument()
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
    parser.add_argument("--hours", type=float, help="longest time of one notebook on Kaggle (default: 11)")
    parser.add_argument("--accelerator", help="GPU on Kaggle (default: NvidiaTeslaT4)")
    parser.add_config_arguments()


def run_train(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Trains the folds of `--fold`, by all processes that torchrun started, and prints the results."""
    from kaggle_face.artifacts.run_choice import run_to_train
    from kaggle_face.pipeline.inputs.fold_starts import TrainOptions
    from kaggle_face.pipeline.launch.devices import train_on_devices
    from kaggle_face.pipeline.launch.events import reporting_to_launcher
    from kaggle_face.pipeline.train import RemoteOptions, train_folds, train_on_kaggle
    from kaggle_face.summaries.training import describe_trained_folds
    from kaggle_face.train.distributed import joined, launch_id, wait_of

    _refuse_what_is_left_unread(arguments)
    with reporting_to_launcher() as events, joined(longest_wait=wait_of(arguments.timeout)) as distributed:
        terminal = terminal if distributed.is_rank_zero else SilentTerminal()
        progress: Progress = events if events is not None and distributed.is_rank_zero else terminal
        loaded = load_settings(arguments)
        run, folds = run_to_train(loaded, arguments.run), chosen_folds(arguments)
        there = {k: v for k, v in vars(arguments).items() if k in ("accelerator", "hours") and v is not None}
        if arguments.on == "kaggle":
            remote = RemoteOptions(
                overwrite=arguments.overwrite, ignore_rules=arguments.ignore_rules, **there
            )
            train_on_kaggle(loaded, run, folds, remote, progress, distributed)
            return
        count = 1 if events is None else distributed.share.count
        options = options_of(
            TrainOptions, arguments, kind="training", launch=launch_id(), devices=count, deadline=None
        )
        if arguments.devices == 1:
            result = train_folds(loaded, run, folds, options, progress, distributed)
        else:
            result = train_on_devices(
                loaded, run, folds, options, arguments.devices, progress, arguments.timeout
            )
        if events is not None and distributed.is_rank_zero:
            events.write_result(result)
        elif folds is not None or set(result.outcomes.values()) != {"skipped"}:
            terminal.show(describe_trained_folds(result))


def _refuse_what_is_left_unread(arguments: argparse.Namespace) -> None:
    if arguments.resume and arguments.overwrite:
        raise InputError("--resume goes on with what is there, --overwrite trains it anew; leave one out")
    resume, timeout, devices = arguments.resume, arguments.timeout is not None, arguments.devices != 1
    of_here = {"resume": resume, "timeout": timeout, "devices": devices}
    wrong = [name for name, is_given in of_here.items() if is_given]
    if arguments.on == "kaggle" and wrong:
        raise InputError(f"--{wrong[0]} is of this machine, --on kaggle of another; leave one out")
    for name in ("accelerator", "hours") if arguments.on == "here" else ():
        if getattr(arguments, name) is not None:
            raise InputError(f"--{name} is of --on kaggle; here train.max_hours=H limits the time")

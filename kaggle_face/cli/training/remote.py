"""`kaggle-face train --on kaggle`: the training happens on Kaggle's GPUs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kaggle_face.artifacts.run_locks import writing_folds
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.cli.terminal import Terminal

if TYPE_CHECKING:
    from kaggle_face.config import LoadedConfig


def add_remote_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds `--on` and what belongs to it."""
    parser.add_argument(
        "--on", choices=("here", "kaggle"), default="here", help="where to train (default: here)"
    )
    parser.add_argument(
        "--hours", type=float, default=11.0, help="longest time of one notebook on Kaggle (default: 11)"
    )
    parser.add_argument(
        "--accelerator", default="NvidiaTeslaT4", help="GPU on Kaggle (default: NvidiaTeslaT4)"
    )


def train_on_kaggle(
    loaded: LoadedConfig,
    run: RunFolder,
    wanted: Sequence[int] | None,
    arguments: argparse.Namespace,
    terminal: Terminal,
) -> None:
    """Trains one fold or several on Kaggle and brings their folders home; with None all folds."""
    from kaggle_face.data.folds.split import number_of_folds
    from kaggle_face.kaggle.client.client import connect
    from kaggle_face.kaggle.client.clock import SystemClock
    from kaggle_face.kaggle.remote.training import RemoteTraining
    from kaggle_face.kaggle.remote.workshop import Workshop

    numbers = list(range(number_of_folds(loaded.config.folds)) if wanted is None else wanted)
    if not arguments.overwrite:
        for number in numbers:
            if run.fold(number).is_finished:
                terminal.log(f"fold {number} of {run.name} is trained")
        numbers = [number for number in numbers if not run.fold(number).is_finished]
    if not numbers:
        return
    clock = SystemClock()
    with writing_folds(run, numbers):
        workshop = Workshop(connect(clock, terminal, loaded.config.submit.silent_seconds), clock)
        training = RemoteTraining(
            loaded, run, workshop, clock, terminal, arguments.hours, arguments.accelerator
        )
        training.train(numbers, anew=arguments.overwrite)

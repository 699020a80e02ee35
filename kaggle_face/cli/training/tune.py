"""`kaggle-face tune`: searches settings on one fold, and writes the best as a config."""

from __future__ import annotations

import argparse
from pathlib import Path

from kaggle_face.cli.arguments import add_config_arguments, add_rules_argument, load_settings
from kaggle_face.cli.terminal import Terminal


def add_arguments_tune(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `tune`."""
    parser.add_argument(
        "--space",
        required=True,
        metavar="FILE",
        help="YAML: a key of the settings, and a list of choices or {low: .., high: .., log: .., step: ..}",
    )
    parser.add_argument("--trials", type=int, default=20, metavar="N", help="trials in all (default: 20)")
    parser.add_argument("--hours", type=float, metavar="H", help="begin no trial after so many hours")
    parser.add_argument("--fold", type=int, default=0, metavar="K", help="fold to train on (default: 0)")
    parser.add_argument(
        "--name", default="tune", help="name of the search (default: tune); it goes on if it is there"
    )
    add_rules_argument(parser)
    add_config_arguments(parser)


def run_tune(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Runs the search until its number of trials is reached, and prints the best settings."""
    from kaggle_face.pipeline.tune import TuneOptions, tune

    options = TuneOptions(
        Path(arguments.space),
        arguments.trials,
        arguments.hours,
        arguments.fold,
        arguments.name,
        arguments.ignore_rules,
    )
    result = tune(load_settings(arguments), options, terminal)
    best = result.best
    shown = ", ".join(best.overrides)
    terminal.log(f"{result.config_file}: score {best.score:.5f} in trial {best.number}; {shown}")

"""`kaggle-face tune`: searches settings on one fold, and writes the best as a config."""

from __future__ import annotations

import argparse
from pathlib import Path

from kaggle_face.cli.arguments import CommandParser, load_settings, options_of
from kaggle_face.cli.terminal import Terminal
from kaggle_face.extras import require_extra


def add_arguments_tune(parser: CommandParser) -> None:
    """Declares the options of `tune`."""
    parser.add_argument(
        "--space",
        required=True,
        type=Path,
        metavar="FILE",
        help="YAML: a key of the settings, and a list of choices or {low: .., high: .., log: .., step: ..}",
    )
    parser.add_argument(
        "--trials", type=int, default=20, metavar="N", help="trials in all, of all workers (default: 20)"
    )
    parser.add_argument("--hours", type=float, metavar="H", help="begin no trial after so many hours")
    parser.add_argument(
        "--trial-epochs",
        type=int,
        metavar="N",
        help="epochs of a trial, its schedule shortened to them (default: train.epochs)",
    )
    parser.add_argument("--fold", type=int, default=0, metavar="K", help="fold to train on (default: 0)")
    parser.add_argument(
        "--name", default="tune", help="name of the search (default: tune); it goes on if it is there"
    )
    parser.add_argument(
        "--storage",
        metavar="WHERE",
        help="search with several workers: a journal file on a shared disk, or an address such as "
        "postgresql://user@host/database, mysql://.. or sqlite:///file.db; *** in the place of its password "
        "is taken from the variable KAGGLE_FACE_STORAGE_PASSWORD (default: a file beside the runs)",
    )
    parser.add_argument(
        "--device", metavar="DEVICE", help="what this worker trains on, such as cuda:1 (default: device)"
    )
    parser.add_rules_argument()
    parser.add_config_arguments()


def run_tune(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Searches until there are enough trials; prints the best settings and the next command."""
    require_extra("tune")
    from kaggle_face.pipeline.improving.tune import TuneOptions, tune
    from kaggle_face.summaries.training import describe_tuning
    from kaggle_face.train.search.study import SECONDS_UNTIL_LOST

    options = options_of(TuneOptions, arguments, seconds_until_lost=SECONDS_UNTIL_LOST)
    result = tune(load_settings(arguments), options, terminal)
    terminal.show(describe_tuning(result, options.fold))

"""`kaggle-face pseudo-label`: test images that a blend is sure of become training data of a next run."""

from __future__ import annotations

import argparse

from kaggle_face.cli.arguments import CommandParser, load_settings, options_of
from kaggle_face.cli.terminal import Terminal
from kaggle_face.pipeline.improving.pseudo_label import (
    DEFAULT_CONFIDENCE,
    PseudoLabelOptions,
    pseudo_label_run,
)


def add_arguments_pseudo_label(parser: CommandParser) -> None:
    """Declares the options of `pseudo-label`."""
    parser.add_run_argument()
    parser.add_argument(
        "--confidence",
        dest="min_confidence",
        type=float,
        default=DEFAULT_CONFIDENCE,
        metavar="P",
        help=f"least probability of the blend's best class (default: {DEFAULT_CONFIDENCE:g})",
    )
    parser.add_argument(
        "--most",
        dest="most_per_class",
        type=int,
        metavar="N",
        help="take the surest N images of a person at most (default: all)",
    )
    parser.add_rules_argument()
    parser.add_config_arguments()


def run_pseudo_label(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Writes the pseudo-labels of a run's blend, and prints how to train with them."""
    from kaggle_face.artifacts.run_choice import find_named_run
    from kaggle_face.summaries.prediction import describe_pseudo_labels

    options = options_of(PseudoLabelOptions, arguments)
    loaded = load_settings(arguments)
    run = find_named_run(loaded, arguments.run, terminal.log)
    result = pseudo_label_run(loaded, run, options, terminal)
    terminal.show(describe_pseudo_labels(result, options))

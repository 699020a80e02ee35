"""`kaggle-face predict`: the test set through the checkpoints of a run."""

from __future__ import annotations

import argparse

from kaggle_face.cli.arguments import (
    add_changes_argument,
    add_checkpoints_argument,
    add_config_arguments,
    add_folds_argument,
    add_run_argument,
    load_settings,
    options_of,
)
from kaggle_face.cli.terminal import Terminal


def add_arguments_predict(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `predict`."""
    add_run_argument(parser)
    add_folds_argument(parser, "folds to predict with (default: all that were trained)")
    add_checkpoints_argument(parser, "all")
    parser.add_argument(
        "--try-tta",
        action="store_true",
        help="first measure on held-out data whether test-time augmentation (mirror images, crops) pays",
    )
    parser.add_argument("--try-views", action="store_true", help=argparse.SUPPRESS)
    add_changes_argument(parser)
    add_config_arguments(parser)


def run_predict(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Predicts the test set with the chosen folds and checkpoints."""
    from kaggle_face.artifacts.run_choice import find_own_run

    run = find_own_run(load_settings(arguments), arguments.run, terminal.log)
    from kaggle_face.pipeline.predict import PredictOptions, predict_run

    if arguments.try_views:
        terminal.warn("--try-views is now called --try-tta; the old name will go in the next release")
    options = options_of(PredictOptions, arguments, try_tta=arguments.try_tta or arguments.try_views)
    tta = predict_run(load_settings(arguments), run, options, terminal).tta
    if tta is not None:
        from kaggle_face.summaries.prediction import tta_table

        terminal.show([tta_table(tta)])

"""`kaggle-face predict`: the test set through the checkpoints of a run."""

from __future__ import annotations

import argparse

from kaggle_face.cli.arguments import CommandParser, load_settings, options_of
from kaggle_face.cli.terminal import Terminal


def add_arguments_predict(parser: CommandParser) -> None:
    """Declares the options of `predict`."""
    parser.add_run_argument()
    parser.add_folds_argument("folds to predict with (default: all that were trained)")
    parser.add_checkpoints_argument("all")
    parser.add_flag(
        "--try-tta",
        "first measure on held-out data whether test-time augmentation (mirror images, crops) pays",
    )
    parser.add_flag("--try-views", argparse.SUPPRESS)
    parser.add_changes_argument()
    parser.add_config_arguments()


def run_predict(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Predicts the test set with the chosen folds and checkpoints."""
    from kaggle_face.artifacts.run_choice import find_own_run

    run = find_own_run(load_settings(arguments), arguments.run, terminal.log)
    from kaggle_face.pipeline.predict import PredictOptions, predict_run

    if arguments.try_views:
        terminal.warn("--try-views is now called --try-tta; the old name goes with the next release")
    options = options_of(PredictOptions, arguments, try_tta=arguments.try_tta or arguments.try_views)
    tta = predict_run(load_settings(arguments), run, options, terminal).tta
    if tta is not None:
        from kaggle_face.summaries.prediction import tta_table

        terminal.show([tta_table(tta)])

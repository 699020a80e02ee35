"""`kaggle-face soup`: one network out of the weights of several checkpoints."""

from __future__ import annotations

import argparse

from kaggle_face.cli.arguments import CommandParser, load_settings, options_of
from kaggle_face.cli.terminal import Terminal


def add_arguments_soup(parser: CommandParser) -> None:
    """Declares the options of `soup`."""
    parser.add_runs_argument("a run whose checkpoints are mixed")
    parser.add_folds_argument("folds, each its own soup (default: all that are finished)")
    parser.add_checkpoints_argument("all")
    parser.add_flag("--across-folds", "one soup of all folds, judged by the labelled pairs that they share")
    parser.add_argument("--name", default="soup", help="name of the new run (default: soup)")
    parser.add_flag("--overwrite", "replace an older soup of that name")
    parser.add_config_arguments()


def run_soup(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Makes a soup of each fold, or one of all folds; prints its checkpoints, its score and its gain."""
    from kaggle_face.artifacts.run_choice import find_own_run
    from kaggle_face.pipeline.improving.soup import SoupOptions, make_soups
    from kaggle_face.summaries.training import describe_soups

    loaded = load_settings(arguments)
    runs = [find_own_run(loaded, name, terminal.log) for name in arguments.run or [None]]
    options = options_of(SoupOptions, arguments)
    terminal.show(describe_soups(make_soups(loaded, runs, options, terminal)))

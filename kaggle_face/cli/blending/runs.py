"""`kaggle-face runs`: all runs with what sets them apart, their figures, scores and cost."""

from __future__ import annotations

import argparse

from kaggle_face.cli.arguments import add_config_arguments, add_json_argument, load_settings
from kaggle_face.cli.terminal import Terminal


def add_arguments_runs(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `runs`."""
    parser.add_argument(
        "--estimates",
        action="store_true",
        help="what trainings took and reached on each machine, from which `run` plans",
    )
    parser.add_argument("--all", action="store_true", help="the runs of all settings, not of these alone")
    add_json_argument(parser, "the table")
    add_config_arguments(parser)


def run_runs(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Prints one line for each run, the best in the competition's metric first."""
    from kaggle_face.artifacts.plain_values import plain_values
    from kaggle_face.pipeline.budget.estimates import estimates_of
    from kaggle_face.pipeline.evaluate import run_table
    from kaggle_face.summaries.runs import describe_runs, estimates_table

    loaded = load_settings(arguments)
    if arguments.estimates:
        terminal.show([estimates_table(estimates_of(loaded, arguments.all))])
        return
    rows = run_table(loaded, arguments.all)
    terminal.result(arguments.json, lambda: plain_values(rows), lambda: describe_runs(rows))

"""`kaggle-face runs` and `status`: all runs with their figures, and what of one is current."""

from __future__ import annotations

import argparse

from kaggle_face.cli.arguments import CommandParser, load_settings, progress_of
from kaggle_face.cli.terminal import Terminal


def add_arguments_runs(parser: CommandParser) -> None:
    """Declares the options of `runs`."""
    parser.add_flag("--estimates", "what trainings took and reached on each machine, from which `run` plans")
    parser.add_flag("--all", "the runs of all settings, not of these alone")
    parser.add_json_argument("the table")
    parser.add_config_arguments()


def run_runs(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Prints one line for each run, the best in the competition's metric first."""
    from kaggle_face.artifacts.plain_values import plain_values
    from kaggle_face.pipeline.budget.estimates import estimates_of
    from kaggle_face.pipeline.evaluate import run_table
    from kaggle_face.summaries.runs import describe_runs, estimates_table

    loaded = load_settings(arguments)
    if arguments.estimates:
        estimates = estimates_of(loaded, arguments.all)
        terminal.result(arguments.json, lambda: plain_values(estimates), lambda: [estimates_table(estimates)])
        return
    rows = run_table(loaded, arguments.all)
    terminal.result(arguments.json, lambda: plain_values(rows), lambda: describe_runs(rows))


def add_arguments_status(parser: CommandParser) -> None:
    """Declares the options of `status`."""
    parser.add_run_argument()
    parser.add_json_argument("the table")
    parser.add_config_arguments()


def run_status(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Prints the chain of a run as a table, and the next command."""
    from kaggle_face.pipeline.chain import status_of_run
    from kaggle_face.summaries.runs import describe_status

    status = status_of_run(load_settings(arguments), arguments.run, progress_of(arguments, terminal))
    terminal.result(arguments.json, status.as_json, lambda: describe_status(status))

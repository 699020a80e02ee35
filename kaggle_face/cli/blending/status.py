"""`kaggle-face status`: what of a run is current, what is out of date and why, and the next command."""

from __future__ import annotations

import argparse

from kaggle_face.cli.arguments import (
    add_config_arguments,
    add_json_argument,
    add_run_argument,
    load_settings,
    progress_of,
)
from kaggle_face.cli.terminal import Terminal


def add_arguments_status(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `status`."""
    add_run_argument(parser)
    add_json_argument(parser, "the table")
    add_config_arguments(parser)


def run_status(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Prints the chain of a run as a table, and the next command."""
    from kaggle_face.pipeline.chain import status_of_run
    from kaggle_face.summaries.runs import describe_status

    status = status_of_run(load_settings(arguments), arguments.run, progress_of(arguments, terminal))
    terminal.result(arguments.json, status.as_json, lambda: describe_status(status))

"""`kaggle-face submit`: builds, checks and writes the CSVs of a run, uploads them and waits for the score."""

from __future__ import annotations

import argparse
from pathlib import Path

from kaggle_face.cli.arguments import (
    add_changes_argument,
    add_config_arguments,
    add_rules_argument,
    add_run_argument,
)
from kaggle_face.cli.terminal import Terminal
from kaggle_face.tasks import TASKS


def add_arguments_submit(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `submit`."""
    add_run_argument(parser)
    parser.add_argument("--task", choices=TASKS, help="one task (default: all that the competition has)")
    parser.add_argument("--only-ensemble", action="store_true", help="no CSV for each checkpoint")
    parser.add_argument(
        "--send", metavar="NAME", help="upload another CSV than the ensemble's, such as main_fold0_best_ver"
    )
    parser.add_argument("--file", metavar="CSV", type=Path, help="check and upload this file instead")
    parser.add_argument("-m", "--message", default="", help="the description that Kaggle shows")
    parser.add_argument("--dry-run", action="store_true", help="write and check, but send nothing")
    parser.add_argument("--force", action="store_true", help="upload what was already submitted once more")
    parser.add_argument("--wait", action="store_true", help="wait for the scores of earlier uploads instead")
    add_rules_argument(parser)
    add_changes_argument(parser)
    add_config_arguments(parser)


def run_submit(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Writes the checked CSVs below `paths.submissions`, and uploads the chosen ones."""
    from kaggle_face.cli.competition.submission import write_and_send

    write_and_send(arguments, terminal)

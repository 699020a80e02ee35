"""`kaggle-face submit`: checked CSVs of a run, their upload and their scores."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kaggle_face.cli.arguments import (
    add_changes_argument,
    add_config_arguments,
    add_rules_argument,
    add_run_argument,
    load_settings,
)
from kaggle_face.cli.terminal import Terminal
from kaggle_face.hints import settings_command
from kaggle_face.tasks import TASKS

if TYPE_CHECKING:
    from kaggle_face.pipeline.submit import SubmitResult
    from kaggle_face.submission.ledger.entries import Entry


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
    from kaggle_face.artifacts.run_choice import find_own_run
    from kaggle_face.pipeline import submit

    loaded = load_settings(arguments)
    if arguments.wait:
        waiting = submit.collect_scores(loaded, terminal)
        if not waiting:
            terminal.log("no upload waits for its score")
        _show_outcomes(waiting, terminal)
        return
    options = submit.SubmitOptions(
        arguments.task,
        arguments.only_ensemble,
        arguments.message,
        arguments.ignore_rules,
        arguments.ignore_changes,
    )
    if arguments.file is not None:
        result = submit.check_own_file(loaded, arguments.file, options, arguments.run, terminal)
    else:
        run = find_own_run(loaded, arguments.run, terminal.log)
        result = submit.write_submissions(loaded, run, options, terminal)
    print_files(result, terminal)
    chosen = result.chosen(None if arguments.file is not None else arguments.send)
    if not arguments.dry_run:
        _show_outcomes(submit.upload_submissions(loaded, chosen, arguments.force, terminal), terminal)


def print_files(result: SubmitResult, terminal: Terminal) -> None:
    """Prints the CSVs that were written and what is odd about them."""
    for each in result.files:
        for note in each.made_by:
            terminal.log(f"{each.name}: {note}")
    for each in result.files:
        terminal.log(f"{each.file.path}: {each.file.rows} rows, checked")
        for note in each.notes:
            terminal.warn(note)
        if each.why_not_for_upload and each.is_blend:
            terminal.log(f"{each.file.path} is written but not for upload: {each.why_not_for_upload}")


def _show_outcomes(entries: Sequence[Entry], terminal: Terminal) -> None:
    """One line for each upload, and an error where Kaggle could not score one of them."""
    from kaggle_face.pipeline.submit import require_scored

    for entry in entries:
        reference = f" (reference {entry.reference})" if entry.reference else ""
        match entry.status:
            case "COMPLETE":
                private = f", private score {entry.private_score}" if entry.private_score else ""
                score, metric = entry.oof_score, entry.oof_metric
                own = "" if score is None else f", out-of-fold {metric} {score:.5g}"
                outcome = f"public score {entry.public_score or 'hidden'}{private}{own}"
            case "PENDING" | "UPLOADED" | "UPLOADING":
                later = settings_command("submit", "--wait")
                outcome = f"{entry.status}, no score yet; later: {later}"
            case _:
                outcome = f"{entry.status}: {entry.error or 'no reason given'}"
        terminal.log(f"{entry.file}{reference}: {outcome}")
    require_scored(entries)

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
from kaggle_face.cli.terminal import BesideDocument, Terminal
from kaggle_face.errors import counted
from kaggle_face.hints import settings_command
from kaggle_face.tasks import TASKS

if TYPE_CHECKING:
    from kaggle_face.pipeline.submission_plan import SubmissionPlan, UploadsLeft
    from kaggle_face.pipeline.submit import SubmitResult
    from kaggle_face.submission.ledger.entries import Entry

_PLAN = {
    "CSV": "what it was made from",
    "goes to": "the competition; -: it would not be sent",
    "expected": "score on held-out data",
    "95 % interval": "where it would lie with other people",
    "metric": "that the competition ranks by",
}


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
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="write and check, and show what would be sent, the uploads left and the expected score",
    )
    parser.add_argument("--json", action="store_true", help="print what is sent as JSON, for programs")
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
    # With --json standard output holds the document alone.
    shown = BesideDocument() if arguments.json else terminal
    if arguments.wait:
        waiting = submit.collect_scores(loaded, shown)
        if not waiting:
            shown.log("no upload waits for its score")
        _show_outcomes(waiting, shown)
        _print_entries(waiting, arguments, terminal)
        return
    options = submit.SubmitOptions(
        arguments.task,
        arguments.only_ensemble,
        arguments.message,
        arguments.ignore_rules,
        arguments.ignore_changes,
    )
    if arguments.file is not None:
        result = submit.check_own_file(loaded, arguments.file, options, arguments.run, shown)
    else:
        run = find_own_run(loaded, arguments.run, shown.log)
        result = submit.write_submissions(loaded, run, options, shown)
    print_files(result, shown)
    chosen = result.chosen(None if arguments.file is not None else arguments.send)
    if arguments.dry_run:
        from kaggle_face.artifacts.plain_values import plain_values
        from kaggle_face.pipeline.submission_plan import plan_submission

        plan = plan_submission(loaded, result, chosen, shown)
        if arguments.json:
            terminal.json(plain_values(plan))
        else:
            print_plan(plan, terminal)
        return
    entries = submit.upload_submissions(loaded, chosen, arguments.force, shown)
    _show_outcomes(entries, shown)
    _print_entries(entries, arguments, terminal)


def print_plan(plan: SubmissionPlan, terminal: Terminal) -> None:
    """Prints what an upload would do: where CSVs go, expected scores, equal contents, and uploads left."""
    from kaggle_face.metrics.table import title_of

    rows = [
        [
            each.name,
            (each.competition or "-") if each.is_sent else "-",
            "-" if each.expected.value is None else f"{each.expected.value:.4f}",
            "-" if each.expected.low is None else f"{each.expected.low:.4f} to {each.expected.high:.4f}",
            title_of(each.expected.metric) or "-",
        ]
        for each in plan.files
    ]
    terminal.log("")
    terminal.table(list(_PLAN), rows, _PLAN)
    for each in plan.files:
        if each.is_sent:
            terminal.log(f"{each.name}: {each.expected.measured}")
        if each.same_as:
            terminal.log(f"{each.name} has the same bytes as {', '.join(each.same_as)}")
        for upload in each.uploaded:
            number = f"reference {upload.reference}, " if upload.reference else ""
            score = f"public score {upload.public_score}" if upload.public_score else "no public score"
            again = "; it takes --force to send it again" if each.is_sent else ""
            where = f"as {upload.file} at {upload.time} ({number}{upload.status}, {score})"
            terminal.log(f"{each.name} was uploaded before, {where}{again}")
    for each_left in plan.competitions:
        _print_left(each_left, terminal)
    if not plan.competitions:
        terminal.log("no competition on Kaggle takes any of them; nothing would be sent")


def _print_left(left: UploadsLeft, terminal: Terminal) -> None:
    if left.left is None:
        made = f"{counted(left.made, 'upload')} made today, as far as {left.source} knows"
        terminal.log(f"{left.competition}: the limit of uploads a day is not known; {made}")
    else:
        number = (
            counted(left.left, "upload")
            if left.limit is None
            else f"{left.left} of {counted(left.limit, 'upload')}"
        )
        kept = f"; submit.reserve keeps {left.reserve}" if left.reserve else ""
        planned = f"{counted(left.planned, 'upload')} planned"
        terminal.log(f"{left.competition}: {number} left today, by {left.source}{kept}; {planned}")
    if not left.is_enough:
        terminal.warn(f"{left.competition}: fewer uploads are left than planned")


def _print_entries(entries: Sequence[Entry], arguments: argparse.Namespace, terminal: Terminal) -> None:
    """The rows of the ledger as JSON, where that is wanted."""
    if arguments.json:
        from kaggle_face.artifacts.plain_values import plain_values

        terminal.json(plain_values(list(entries)))


def print_files(result: SubmitResult, terminal: Terminal) -> None:
    """Prints the CSVs that were written and what is odd about them."""
    for each in result.files:
        for note in each.made_by:
            terminal.log(f"{each.name}: {note}")
    for each in result.files:
        terminal.log(f"{each.file.path}: {counted(each.file.rows, 'row')}, checked")
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

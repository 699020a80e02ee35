"""`kaggle-face submit`: checked CSVs of a run, their upload and their scores."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kaggle_face.cli.arguments import CommandParser, load_settings, options_of, progress_of
from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import InputError
from kaggle_face.tasks import TASKS

if TYPE_CHECKING:
    from kaggle_face.pipeline.submission_plan import SubmissionPlan
    from kaggle_face.submission.ledger.entries import Entry


def add_arguments_submit(parser: CommandParser) -> None:
    """Declares the options of `submit`."""
    parser.add_run_argument()
    parser.add_argument("--task", choices=TASKS, help="one task (default: all that the competition has)")
    parser.add_flag("--only-ensemble", "no CSV for each checkpoint")
    parser.add_argument(
        "--send", metavar="NAME", help="upload another CSV than the ensemble's, such as main_fold0_best_ver"
    )
    parser.add_argument("--file", metavar="CSV", type=Path, help="check and upload this file instead")
    parser.add_argument("-m", "--message", default="", help="the description that Kaggle shows")
    parser.add_flag(
        "--dry-run", "write and check, and show what would be sent, the uploads left and the expected score"
    )
    parser.add_json_argument("what is sent")
    parser.add_flag("--force", "upload what was already submitted once more")
    parser.add_flag("--wait", "wait for the scores of earlier uploads instead")
    parser.add_rules_argument()
    parser.add_changes_argument()
    parser.add_config_arguments()


def run_submit(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Writes the checked CSVs below `paths.submissions`, and uploads the chosen ones."""
    from kaggle_face.artifacts.run_choice import find_blended_run
    from kaggle_face.pipeline import submit
    from kaggle_face.summaries.submission import report_files

    _refuse_what_is_left_unread(arguments)
    loaded = load_settings(arguments)
    # With --json standard output holds the document alone.
    shown = progress_of(arguments, terminal)
    if arguments.wait:
        waiting = submit.collect_scores(loaded, shown)
        if not waiting:
            shown.log("no upload waits for its score")
        _show_entries(waiting, arguments, terminal)
        return
    options = options_of(submit.SubmitOptions, arguments, leave_out_empty=False)
    if arguments.file is not None:
        result = submit.check_own_file(loaded, arguments.file, options, arguments.run, shown)
    else:
        run = find_blended_run(loaded, arguments.run, shown.log)
        result = submit.write_submissions(loaded, run, options, shown)
    report_files(result, shown)
    chosen = result.chosen(arguments.send)
    if arguments.dry_run:
        from kaggle_face.artifacts.plain_values import plain_values
        from kaggle_face.pipeline.submission_plan import plan_submission

        plan = plan_submission(loaded, result, chosen, shown)
        terminal.json(plain_values(plan)) if arguments.json else print_plan(plan, terminal)
        return
    entries = submit.upload_submissions(loaded, chosen, arguments.force, shown)
    _show_entries(entries, arguments, terminal)


def _refuse_what_is_left_unread(arguments: argparse.Namespace) -> None:
    if arguments.file is not None and arguments.send is not None:
        raise InputError("--send names a CSV of the run, --file is one of your own; leave one out")
    given = [name for name in ("file", "send", "dry_run", "message") if getattr(arguments, name)]
    if arguments.wait and given:
        option = given[0].replace("_", "-")
        raise InputError(f"--wait is for earlier uploads and sends nothing; leave it out, or --{option}")


def print_plan(plan: SubmissionPlan, terminal: Terminal) -> None:
    """Prints a planned upload, and warns where too few uploads are left."""
    from kaggle_face.summaries.submission import describe_submission_plan

    terminal.show(describe_submission_plan(plan))
    for left in plan.competitions:
        if not left.is_enough:
            terminal.warn(f"{left.competition}: fewer uploads are left than planned")


def _show_entries(entries: Sequence[Entry], arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Prints the result of uploads, an error where Kaggle could not score one, and with --json its row."""
    from kaggle_face.artifacts.plain_values import plain_values
    from kaggle_face.pipeline.submit import require_scored
    from kaggle_face.summaries.submission import outcome_line

    progress_of(arguments, terminal).show(map(outcome_line, entries))
    require_scored(entries)
    if arguments.json:
        terminal.json(plain_values(list(entries)))

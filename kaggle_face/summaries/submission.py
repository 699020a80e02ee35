"""Summaries of planned and finished uploads."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from kaggle_face.errors import counted
from kaggle_face.hints import settings_command
from kaggle_face.summaries.summary import Summary, TextTable, interval, number
from kaggle_face.summaries.text_tables import WIDTH

if TYPE_CHECKING:
    from kaggle_face.pipeline.submission_plan import SubmissionPlan, UploadsLeft
    from kaggle_face.pipeline.submit import SubmitResult
    from kaggle_face.progress import Progress
    from kaggle_face.submission.ledger.entries import Entry

_PLAN = {
    "CSV": "what it was made from",
    "goes to": "the competition; -: it would not be sent",
    "expected": "score on held-out data",
    "95 % interval": "where it would lie with other people",
    "metric": "that the competition ranks by",
}


def report_files(result: SubmitResult, progress: Progress) -> None:
    """Reports the CSVs that were written or checked: how answers were found, and a warning for each doubt."""
    for each in result.files:
        for note in each.made_by:
            progress.log(f"{each.name}: {note}")
    for each in result.files:
        progress.log(f"{each.file.path}: {counted(each.file.rows, 'row')}, checked")
        for note in each.notes:
            progress.warn(note)
        if each.why_not_for_upload and each.is_blend:
            progress.log(f"{each.file.path} is written but not for upload: {each.why_not_for_upload}")


def describe_submission_plan(plan: SubmissionPlan) -> Summary:
    """A planned upload: where CSVs go, expected scores, equal contents, and uploads left."""
    from kaggle_face.metrics.table import title_of

    rows = [
        [
            each.name,
            (each.competition or "-") if each.is_sent else "-",
            number(each.expected.value),
            interval(each.expected.low, each.expected.high),
            title_of(each.expected.metric) or "-",
        ]
        for each in plan.files
    ]
    lines: list[str | TextTable] = ["", TextTable(_PLAN, rows)]
    shown = set[str]()
    for each in plan.files:
        if each.is_sent:
            lines.append(f"{each.name}: {each.expected.measured}")
        if each.same_as and each.name not in shown:
            shown.update(each.same_as)
            same = f"{each.name} has the same bytes as {', '.join(each.same_as)}"
            lines += textwrap.wrap(same, WIDTH, subsequent_indent="  ", break_on_hyphens=False)
        for upload in each.uploaded:
            reference = f"reference {upload.reference}, " if upload.reference else ""
            score = f"public score {upload.public_score}" if upload.public_score else "no public score"
            again = "; it takes --force to send it again" if each.is_sent else ""
            where = f"as {upload.file} at {upload.time} ({reference}{upload.status}, {score})"
            lines.append(f"{each.name} was uploaded before, {where}{again}")
    lines += [uploads_left_line(left) for left in plan.competitions]
    if not plan.competitions:
        lines.append("no competition on Kaggle takes any of them; nothing would be sent")
    return lines


def uploads_left_line(left: UploadsLeft) -> str:
    """The uploads that a competition takes today, and those planned."""
    if left.left is None:
        made = f"{counted(left.made, 'upload')} made today, as far as {left.source} knows"
        return f"{left.competition}: the limit of uploads a day is not known; {made}"
    uploads = (
        counted(left.left, "upload")
        if left.limit is None
        else f"{left.left} of {counted(left.limit, 'upload')}"
    )
    kept = f"; submit.reserve keeps {left.reserve}" if left.reserve else ""
    planned = f"{counted(left.planned, 'upload')} planned"
    return f"{left.competition}: {uploads} left today, by {left.source}{kept}; {planned}"


def outcome_line(entry: Entry) -> str:
    """The result of an upload."""
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
    reference = f" (reference {entry.reference})" if entry.reference else ""
    return f"{entry.file}{reference}: {outcome}"

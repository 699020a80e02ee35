"""Downloads, the ledger of submissions, its agreement with out-of-fold scores, and the leaderboard."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from kaggle_face.errors import counted
from kaggle_face.summaries.summary import Summary, TextTable

if TYPE_CHECKING:
    from kaggle_face.kaggle.leaderboard import Gap, Standing
    from kaggle_face.pipeline.remote import Download, LeaderboardReading, SubmissionHistory
    from kaggle_face.submission.ledger.entries import Entry

_LOOKS_SHOWN = 10
_LONGEST_SCORE = 8
_LEDGER = {
    "time": "when it was written or uploaded, UTC",
    "file": "the CSV",
    "out-of-fold": "its predictions on held-out data",
    "public": "score on the public part of the test set",
    "private": "score on the rest",
    "status": "WRITTEN: only on disk; COMPLETE: scored",
    "message": "Kaggle's number, and the description or the reason of a failure",
}
_LOOKS = {
    "looked at": "when, UTC",
    "rank": "of the own team",
    "teams": "on the leaderboard",
    "own score": "of the own team",
    "best score": "of the first place",
}
_TEAMS = {"rank": "1 = best", "team": "its name", "score": "public score"}
_GAPS = {
    "cut-off": "a place or a grade",
    "score": "that it takes",
    "missing": "to the own score",
}


def describe_downloads(found: Sequence[Download]) -> Summary:
    """The folder and the number of files of each competition."""
    lines = [f"{each.folder}: {counted(each.num_files, 'file')} of '{each.slug}'" for each in found]
    return lines or ["the demo's data is made by the package; there is nothing to download"]


def describe_histories(histories: Sequence[SubmissionHistory], plots: Sequence[Path] = ()) -> Summary:
    """The ledger of each competition, with its plot where they were made."""
    pairs = zip_longest(histories, plots)
    return [line for history, plot in pairs for line in describe_history(history, plot)]


def describe_history(history: SubmissionHistory, plot: Path | None = None) -> Summary:
    """The rows of the ledger, how far public scores agree with out-of-fold scores, and the final choice."""
    lines: list[str | TextTable] = [f"{history.slug}: nothing was written or submitted yet"]
    if history.entries:
        lines = [f"{history.slug}:", TextTable(_LEDGER, [cells_of_entry(entry) for entry in history.entries])]
    return [*lines, *lines_on_history(history, plot)]


def lines_on_history(history: SubmissionHistory, plot: Path | None = None) -> list[str]:
    """How far public scores agree with out-of-fold scores, and the final choice."""
    lines, both = list[str](), history.comparable
    submissions = counted(len(both), "submission")
    if history.agreement is not None:
        lines.append(
            f"rank correlation of out-of-fold {both[0].oof_metric} and public score: {history.agreement:.2f} "
            f"({submissions})"
        )
    if plot is not None:
        lines.append(f"{plot}: {submissions} with both scores")
    lines += [
        f"select for the final score: {each.entry.file} - {each.reason}" for each in history.proposal.choices
    ]
    return [*lines, *(f"note: {note}" for note in history.proposal.notes)]


def cells_of_entry(entry: Entry) -> list[str]:
    """The row of an entry of the ledger."""
    own, metric = "-", entry.oof_metric or ""
    if entry.oof_score is not None:  # a formula of both tasks is called a score
        own = f"{'score' if '*' in metric else metric} {entry.oof_score:.4g}".strip()
    time = entry.time.replace("T", " ")[:16]
    scores = [own, short_score(entry.public_score), short_score(entry.private_score)]
    reference = f"{entry.reference}: " if entry.reference else ""
    return [time, entry.file, *scores, entry.status, reference + (entry.error or entry.message)]


def short_score(text: str | None) -> str:
    """Kaggle's score in at most eight letters.

    >>> short_score("0.0345678901"), short_score("0.91"), short_score(None)
    ('0.034568', '0.91', '-')
    """
    if text is None or len(text) <= _LONGEST_SCORE:
        return text or "-"
    try:
        return f"{float(text):.5g}"
    except ValueError:
        return text


def describe_readings(looks: Sequence[LeaderboardReading], top: int) -> Summary:
    """The leaderboard of each competition."""
    return [line for look in looks for line in describe_reading(look, top)]


def describe_reading(look: LeaderboardReading, top: int) -> Summary:
    """The best teams, the own place, the gap to each cut-off, and earlier readings."""
    lines = describe_standing(look.slug, look.standing, top)
    if len(look.looks) <= 1:
        return lines
    names = ("rank", "teams", "score", "best")
    rows = [
        [str(each["time"]), *(str(each.get(name) or "-") for name in names)]
        for each in look.looks[-_LOOKS_SHOWN:]
    ]
    return [*lines, TextTable(_LOOKS, rows)]


def describe_standing(slug: str, standing: Standing, top: int) -> Summary:
    """The best teams, the own place, and the gap to each cut-off."""
    better = "lower" if standing.lower_is_better else "higher"
    shown = list(standing.rows[:top])
    if standing.own is not None and standing.own not in shown:
        shown.append(standing.own)
    rows = []
    for row in shown:
        team = row.team + (" (you)" if row == standing.own else "")
        rows.append([str(row.rank), team, "-" if row.score is None else f"{row.score:g}"])
    gaps = [cells_of_gap(gap) for gap in standing.gaps]
    return [
        f"{slug}: {counted(len(standing.rows), 'team')}, {better} is better",
        TextTable(_TEAMS, rows),
        *(["your team is not on it yet"] if standing.own is None else []),
        *([TextTable(_GAPS, gaps)] if gaps else []),
    ]


def cells_of_gap(gap: Gap) -> list[str]:
    """A cut-off, the score that it takes, and what is missing to the own score."""
    missing = "-" if gap.missing is None else f"{gap.missing:.5g}" if gap.missing > 0 else "reached"
    return [gap.name, f"{gap.score:g}", missing]


def lines_on_place(look: LeaderboardReading) -> list[str]:
    """The own place, and what is missing to each cut-off."""
    own, teams = look.standing.own, counted(len(look.standing.rows), "team")
    place = "your team is not on it yet" if own is None else f"your team is number {own.rank} of {teams}"
    gaps = map(cells_of_gap, look.standing.gaps)
    return [
        f"{look.slug}: {place}",
        *(f"{name} takes {score}, missing to your score: {missing}" for name, score, missing in gaps),
    ]

"""`kaggle-face auth`, `download`, `submissions`, `leaderboard` and `bundle`: Kaggle beside `submit`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kaggle_face.cli.arguments import (
    add_checkpoints_argument,
    add_config_arguments,
    add_folds_argument,
    add_run_argument,
    load_settings,
)
from kaggle_face.cli.terminal import BesideDocument, Terminal
from kaggle_face.errors import InputError, counted

if TYPE_CHECKING:
    from kaggle_face.config import LoadedConfig
    from kaggle_face.kaggle.leaderboard import Standing
    from kaggle_face.pipeline.remote import LeaderboardLook, SubmissionHistory
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


def add_arguments_auth(parser: argparse.ArgumentParser) -> None:
    """`auth` takes nothing."""


def run_auth(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Prints the places of credentials, and whether the first ones work; never the credentials."""
    from kaggle_face.kaggle.client.client import connect
    from kaggle_face.kaggle.client.clock import SystemClock
    from kaggle_face.kaggle.client.credentials import require_credentials

    for place, credentials in enumerate(require_credentials()):
        use = "used" if place == 0 else "not used, for the first one found counts"
        terminal.log(f"{credentials.kind} from {credentials.source}: {use}")
        if credentials.warning:
            terminal.warn(credentials.warning)
    client = connect(SystemClock(), terminal)
    client.check_login()
    terminal.log(f"they work: logged in as {client.account.user}")


def add_arguments_download(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `download`."""
    _add_competition_argument(parser)
    parser.add_argument(
        "--to", metavar="DIR", type=Path, help="where the files go (default: data/SLUG, or data.root)"
    )
    add_config_arguments(parser)


def run_download(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Downloads and unpacks the files of the competition, or of both of its competitions."""
    from kaggle_face.pipeline.remote import download_competition

    loaded = _load_settings(arguments)
    found = download_competition(loaded, arguments.slug, arguments.to, terminal)
    for each in found:
        terminal.log(f"{each.folder}: {counted(each.num_files, 'file')} of '{each.slug}'")
    if not found:
        terminal.log("the demo's data is made by the package; there is nothing to download")


def add_arguments_submissions(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `submissions`."""
    _add_competition_argument(parser)
    parser.add_argument("--offline", action="store_true", help="show the ledger without contacting Kaggle")
    parser.add_argument(
        "--plot",
        metavar="FILE.svg",
        type=_svg_file,
        help="write out-of-fold against public scores; of several competitions FILE-SLUG.svg each",
    )
    parser.add_argument("--json", action="store_true", help="print the ledger as JSON, for programs")
    add_config_arguments(parser)


def run_submissions(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Lists the ledger with the scores that came meanwhile, and proposes the final choice."""
    from kaggle_face.pipeline.remote import submissions, write_agreement_plots

    progress = BesideDocument() if arguments.json else terminal
    histories = submissions(_load_settings(arguments), arguments.slug, arguments.offline, progress)
    plots = [] if arguments.plot is None else write_agreement_plots(histories, arguments.plot)
    if arguments.json:
        terminal.json([_history_values(history) for history in histories])
        return
    for place, history in enumerate(histories):
        _show_entries(history.slug, history.entries, terminal)
        _show_agreement(history, plots[place] if plots else None, terminal)


def _svg_file(text: str) -> Path:
    if not text.lower().endswith(".svg"):
        raise InputError(f"the plot is an SVG picture; call it {Path(text).stem or 'plot'}.svg, not '{text}'")
    return Path(text)


def add_arguments_leaderboard(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `leaderboard`."""
    _add_competition_argument(parser)
    parser.add_argument("--top", type=int, default=10, metavar="N", help="rows to show (default: 10)")
    parser.add_argument("--json", action="store_true", help="print all rows as JSON, for programs")
    add_config_arguments(parser)


def run_leaderboard(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Shows the best teams, the own place, what is missing to each cut-off, and earlier looks."""
    from kaggle_face.pipeline.remote import leaderboard

    progress = BesideDocument() if arguments.json else terminal
    looks = leaderboard(_load_settings(arguments), arguments.slug, progress)
    if arguments.json:
        terminal.json([_look_values(look) for look in looks])
        return
    for look in looks:
        _show_standing(look.slug, look.standing, arguments.top, terminal)
        if len(look.looks) > 1:
            names = ("rank", "teams", "score", "best")
            rows = [
                [str(each["time"]), *(str(each.get(name) or "-") for name in names)]
                for each in look.looks[-_LOOKS_SHOWN:]
            ]
            terminal.table(list(_LOOKS), rows, _LOOKS)


def add_arguments_bundle(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `bundle`."""
    add_run_argument(parser)
    add_folds_argument(parser, "folds to put in (default: all that were trained)")
    add_checkpoints_argument(parser, "best_cls and best_ver")
    parser.add_argument("--to", metavar="DIR", type=Path, help="default: bundles/<config>/<run>")
    parser.add_argument(
        "--wheels", default="", metavar="NAME,...", help="packages that Kaggle's image lacks, to put in"
    )
    parser.add_argument("--python", default="3.11", help="Python of Kaggle's image, for --wheels")
    parser.add_argument("--user", help="your name on Kaggle (default: that of the credentials)")
    parser.add_argument("--upload", action="store_true", help="send it as a private dataset and notebook")
    add_config_arguments(parser)


def run_bundle(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Writes all that a notebook without internet needs to predict, and sends it where that is wanted."""
    from kaggle_face.artifacts.run_choice import find_own_run
    from kaggle_face.pipeline.remote import BundleOptions, bundle

    loaded = load_settings(arguments)
    run = find_own_run(loaded, arguments.run, terminal.log)
    options = BundleOptions(
        arguments.folds,
        arguments.checkpoints or (),
        arguments.to,
        arguments.wheels.split(",") if arguments.wheels else (),
        arguments.python,
        arguments.user,
        arguments.upload,
    )
    address = bundle(loaded, run, options, terminal).notebook_address
    if address is not None:
        terminal.log(f"notebook: {address}")


def _add_competition_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "slug",
        nargs="?",
        metavar="SLUG",
        help="a competition (default: that of the settings, or both of them)",
    )


def _load_settings(arguments: argparse.Namespace) -> LoadedConfig:
    """The settings; a first word with '=' is one of them and not a competition."""
    if arguments.slug and "=" in arguments.slug:
        arguments.overrides = [arguments.slug, *arguments.overrides]
        arguments.slug = None
    return load_settings(arguments)


def _show_entries(slug: str, entries: Sequence[Entry], terminal: Terminal) -> None:
    if not entries:
        terminal.log(f"{slug}: nothing was written or submitted yet")
        return
    rows = []
    for entry in entries:
        own, metric = "-", entry.oof_metric or ""
        if entry.oof_score is not None:  # a formula of both tasks is called a score
            own = f"{'score' if '*' in metric else metric} {entry.oof_score:.4g}".strip()
        time = entry.time.replace("T", " ")[:16]
        scores = [own, _short_score(entry.public_score), _short_score(entry.private_score)]
        number = f"{entry.reference}: " if entry.reference else ""
        rows.append([time, entry.file, *scores, entry.status, number + (entry.error or entry.message)])
    terminal.log(f"{slug}:")
    terminal.table(list(_LEDGER), rows, _LEDGER)


def _short_score(text: str | None) -> str:
    """Kaggle's score in at most eight letters.

    >>> _short_score("0.0345678901"), _short_score("0.91"), _short_score(None)
    ('0.034568', '0.91', '-')
    """
    if text is None or len(text) <= _LONGEST_SCORE:
        return text or "-"
    try:
        return f"{float(text):.5g}"
    except ValueError:
        return text


def _history_values(history: SubmissionHistory) -> dict[str, Any]:
    """The rows of a competition, the agreement of both scores and the proposed choice, for JSON."""
    from kaggle_face.artifacts.plain_values import plain_values

    choices = [
        {"file": each.entry.file, "key": each.entry.key, "reason": each.reason}
        for each in history.proposal.choices
    ]
    values: dict[str, Any] = plain_values(
        {
            "competition": history.slug,
            "entries": history.entries,
            "rank_correlation": history.agreement,
            "select": choices,
            "notes": history.proposal.notes,
        }
    )
    return values


def _look_values(look: LeaderboardLook) -> dict[str, Any]:
    """A leaderboard and earlier looks at it, for JSON."""
    from kaggle_face.artifacts.plain_values import plain_values

    rows = [
        {"rank": row.rank, "team": row.team, "score": row.score, "is_own": row == look.standing.own}
        for row in look.standing.rows
    ]
    values: dict[str, Any] = plain_values(
        {
            "competition": look.slug,
            "lower_is_better": look.standing.lower_is_better,
            "rows": rows,
            "cutoffs": look.standing.gaps,
            "looks": look.looks,
        }
    )
    return values


def _show_agreement(history: SubmissionHistory, plot: Path | None, terminal: Terminal) -> None:
    both = history.comparable
    if history.agreement is not None:
        terminal.log(
            f"rank correlation of out-of-fold {both[0].oof_metric} and public score: {history.agreement:.2f} "
            f"({counted(len(both), 'submission')})"
        )
    if plot is not None:
        terminal.log(f"{plot}: {counted(len(both), 'submission')} with both scores")
    for choice in history.proposal.choices:
        terminal.log(f"select for the final score: {choice.entry.file} - {choice.reason}")
    for note in history.proposal.notes:
        terminal.log(f"note: {note}")


def _show_standing(slug: str, standing: Standing, top: int, terminal: Terminal) -> None:
    better = "lower" if standing.lower_is_better else "higher"
    terminal.log(f"{slug}: {counted(len(standing.rows), 'team')}, {better} is better")
    shown = list(standing.rows[:top])
    if standing.own is not None and standing.own not in shown:
        shown.append(standing.own)
    rows = []
    for row in shown:
        team = row.team + (" (you)" if row == standing.own else "")
        rows.append([str(row.rank), team, "-" if row.score is None else f"{row.score:g}"])
    terminal.table(list(_TEAMS), rows, _TEAMS)
    if standing.own is None:
        terminal.log("your team is not on it yet")
    gaps = []
    for gap in standing.gaps:
        missing = "-" if gap.missing is None else f"{gap.missing:.5g}" if gap.missing > 0 else "reached"
        gaps.append([gap.name, f"{gap.score:g}", missing])
    if gaps:
        terminal.table(list(_GAPS), gaps, _GAPS)

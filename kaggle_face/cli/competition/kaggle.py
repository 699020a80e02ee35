"""`kaggle-face auth`, `download`, `submissions` and `leaderboard`: what passes between here and Kaggle."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kaggle_face.artifacts.files.atomic import write_text
from kaggle_face.cli.arguments import add_config_arguments, load_settings, plain_slug
from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import InputError, RemoteError
from kaggle_face.kaggle.client.client import connect
from kaggle_face.kaggle.client.clock import SystemClock
from kaggle_face.kaggle.client.credentials import find_credentials, why_none
from kaggle_face.kaggle.download import download
from kaggle_face.submission.ledger.entries import Entry
from kaggle_face.submission.upload.syncing import fetch

if TYPE_CHECKING:
    from kaggle_face.config import Config
    from kaggle_face.kaggle.leaderboard import Standing

_LOOKS_SHOWN = 10


def add_arguments_auth(parser: argparse.ArgumentParser) -> None:
    """`auth` takes nothing."""


def run_auth(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Says which credentials are used, from where, and whether they work; never shows them."""
    found = find_credentials()
    if not found:
        raise RemoteError(why_none())
    for place, credentials in enumerate(found):
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
    from kaggle_face.competitions.submission.targets import DEMO

    config, slugs = _settings_and_slugs(arguments)
    if slugs == [DEMO]:
        terminal.log("the demo's data is made by the package; there is nothing to download")
        return
    folder = arguments.to or Path(f"data/{arguments.slug}" if arguments.slug else config.data.root)
    client = connect(SystemClock(), terminal, config.submit.silent_seconds)
    for slug in slugs:
        target = folder if len(slugs) == 1 else folder / plain_slug(slug)
        files = download(slug, target, client, terminal)
        terminal.log(f"{target}: {files} files of '{slug}'")


def add_arguments_submissions(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `submissions`."""
    _add_competition_argument(parser)
    parser.add_argument("--offline", action="store_true", help="show the ledger without asking Kaggle")
    parser.add_argument(
        "--plot",
        metavar="FILE.svg",
        type=_svg_file,
        help="write out-of-fold against public scores; of several competitions FILE-SLUG.svg each",
    )
    add_config_arguments(parser)


def run_submissions(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Lists the ledger with the scores that came meanwhile, and proposes the final choice."""
    from kaggle_face.cli.competition.desk import open_desk, open_ledger
    from kaggle_face.competitions.submission.targets import DEMO

    config, slugs = _settings_and_slugs(arguments)
    ledger = open_ledger(config)
    remote = [slug for slug in slugs if slug != DEMO]
    if remote and not arguments.offline:
        desk = open_desk(config, terminal)
        for slug in remote:
            fetch(desk, slug)
    for slug in slugs:
        entries = ledger.entries(slug)
        _show_entries(slug, entries, terminal)
        plot = arguments.plot
        if plot is not None and len(slugs) > 1:
            plot = plot.with_name(f"{plot.stem}-{plain_slug(slug)}.svg")
        _show_agreement(slug, entries, plot, terminal)


def _svg_file(text: str) -> Path:
    if not text.lower().endswith(".svg"):
        raise InputError(f"the plot is an SVG picture; call it {Path(text).stem or 'plot'}.svg, not '{text}'")
    return Path(text)


def add_arguments_leaderboard(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `leaderboard`."""
    _add_competition_argument(parser)
    parser.add_argument("--top", type=int, default=10, metavar="N", help="rows to show (default: 10)")
    add_config_arguments(parser)


def run_leaderboard(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Shows the best teams, the own place, what is missing to each cut-off, and earlier looks."""
    from kaggle_face.cli.competition.desk import open_desk
    from kaggle_face.kaggle.leaderboard import look_at_leaderboard

    config, slugs = _settings_and_slugs(arguments)
    desk = open_desk(config, terminal)
    for slug in slugs:
        is_meant = len(slugs) == 1 or slug == config.competition.slug
        cutoffs = config.submit.cutoffs if is_meant else {}
        standing = look_at_leaderboard(desk.client, slug, cutoffs)
        desk.ledger.add_standing(slug, standing.as_values())
        _show_standing(slug, standing, arguments.top, terminal)
        _show_history(desk.ledger.standings(slug), terminal)


def _add_competition_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "slug",
        nargs="?",
        metavar="SLUG",
        help="a competition (default: that of the settings, or both of them)",
    )


def _settings_and_slugs(arguments: argparse.Namespace) -> tuple[Config, list[str]]:
    """The settings, and the competitions that are meant; a first word with '=' is a setting."""
    from kaggle_face.competitions.submission.targets import targets

    if arguments.slug and "=" in arguments.slug:
        arguments.overrides = [arguments.slug, *arguments.overrides]
        arguments.slug = None
    config = load_settings(arguments).config
    if arguments.slug:
        return config, [plain_slug(arguments.slug)]
    return config, targets(config.competition, config.submit)


def _show_entries(slug: str, entries: Sequence[Entry], terminal: Terminal) -> None:
    if not entries:
        terminal.log(f"{slug}: nothing was written or submitted yet")
        return
    header = ["time", "file", "out-of-fold", "public", "private", "status", "reference", "message"]
    rows = [
        [
            entry.time.replace("T", " ").removesuffix("Z"),
            entry.file,
            _out_of_fold_cell(entry),
            entry.public_score or "-",
            entry.private_score or "-",
            entry.status,
            str(entry.reference or "-"),
            entry.error or entry.message,
        ]
        for entry in entries
    ]
    terminal.log(f"{slug} (times are UTC)")
    terminal.table(header, rows)


def _out_of_fold_cell(entry: Entry) -> str:
    """The score and its metric; a formula of both tasks is called a score."""
    if entry.oof_score is None:
        return "-"
    metric = entry.oof_metric or ""
    return f"{'score' if '*' in metric else metric} {entry.oof_score:.5g}".strip()


def _show_agreement(slug: str, entries: Sequence[Entry], plot: Path | None, terminal: Terminal) -> None:
    from kaggle_face.submission.ledger.agreement import agreement, agreement_svg, comparable
    from kaggle_face.submission.ledger.choosing import propose_final

    lower = _lower_is_better(slug, entries)
    both = comparable(entries)
    correlation = agreement(entries, lower)
    if correlation is not None:
        terminal.log(
            f"rank correlation of out-of-fold {both[0].oof_metric} and public score: {correlation:.2f} "
            f"({len(both)} submissions)"
        )
    if plot is not None:
        write_text(plot, agreement_svg(entries, slug))
        terminal.log(f"{plot}: {len(both)} submissions with both scores")
    proposal = propose_final(entries, lower)
    for choice in proposal.choices:
        terminal.log(f"select for the final score: {choice.entry.file} - {choice.reason}")
    for note in proposal.notes:
        terminal.log(f"note: {note}")


def _lower_is_better(slug: str, entries: Sequence[Entry]) -> bool:
    """As is known of the competition, else as the out-of-fold score, which imitates its metric."""
    from kaggle_face.competitions.submission.targets import lower_is_better
    from kaggle_face.submission.ledger.agreement import comparable

    known = lower_is_better(slug)
    if known is not None:
        return known
    return any(entry.oof_higher_is_better is False for entry in comparable(entries))


def _show_standing(slug: str, standing: Standing, top: int, terminal: Terminal) -> None:
    better = "lower" if standing.lower_is_better else "higher"
    terminal.log(f"{slug}: {len(standing.rows)} teams, {better} is better")
    shown = list(standing.rows[:top])
    if standing.own is not None and standing.own not in shown:
        shown.append(standing.own)
    rows = [
        [
            str(row.rank),
            row.team + (" (you)" if row == standing.own else ""),
            "-" if row.score is None else f"{row.score:g}",
        ]
        for row in shown
    ]
    terminal.table(["rank", "team", "score"], rows)
    if standing.own is None:
        terminal.log("your team is not on it yet")
    gaps = [
        [gap.name, f"{gap.score:g}", "-" if gap.missing is None else _gap_text(gap.missing)]
        for gap in standing.gaps
    ]
    if gaps:
        terminal.table(["cut-off", "score", "missing"], gaps)


def _gap_text(missing: float) -> str:
    return f"{missing:.5g}" if missing > 0 else "reached"


def _show_history(looks: Sequence[dict[str, object]], terminal: Terminal) -> None:
    if len(looks) < 2:
        return
    rows = [
        [str(look["time"]), *(str(look.get(name) or "-") for name in ("rank", "teams", "score", "best"))]
        for look in looks[-_LOOKS_SHOWN:]
    ]
    terminal.table(["looked at", "rank", "teams", "own score", "best score"], rows)

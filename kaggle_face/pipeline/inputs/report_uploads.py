"""The ledger of a competition, for its report: uploads, scores and readings of the leaderboard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kaggle_face.competitions.submission.targets import lower_is_better
from kaggle_face.config import Config
from kaggle_face.report.facts import Upload
from kaggle_face.report.question import slugs_of
from kaggle_face.submission.ledger.agreement import agreement, comparable
from kaggle_face.submission.ledger.database import DATABASE, Ledger
from kaggle_face.submission.ledger.entries import Entry


def newest_looks(config: Config) -> dict[str, dict[str, Any]]:
    """The newest look at the leaderboard of each competition of the settings."""
    folder = Path(config.paths.submissions)
    if not (folder / DATABASE).is_file():
        return {}
    ledger = Ledger(folder)
    return {slug: looks[-1] for slug in slugs_of(config) if (looks := ledger.standings(slug))}


def uploads_of(config: Config) -> tuple[tuple[Upload, ...], float | None]:
    """The rows of the ledger of this competition, and the rank correlation of those with both scores."""
    folder = Path(config.paths.submissions)
    if not (folder / DATABASE).is_file():
        return (), None
    slugs = slugs_of(config)
    entries = [each for each in Ledger(folder).entries() if each.competition in slugs]
    own = [each for each in entries if each.competition == config.competition.slug]
    rows = comparable(own)
    keys = {each.key for each in rows}
    lower = bool(lower_is_better(config.competition.slug))
    return tuple(_upload(each, each.key in keys) for each in entries), agreement(own, lower)


def _upload(entry: Entry, is_comparable: bool) -> Upload:
    return Upload(
        entry.time,
        entry.competition,
        entry.task,
        entry.file,
        entry.status,
        entry.oof_metric,
        entry.oof_score,
        entry.public,
        entry.private,
        is_comparable,
    )

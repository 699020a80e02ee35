"""Bringing the ledger up to what Kaggle lists, also for files that were uploaded by other means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kaggle_face.kaggle.client.answers import RemoteSubmission
from kaggle_face.kaggle.client.client import KaggleClient
from kaggle_face.kaggle.client.clock import Clock, iso_time
from kaggle_face.progress import Progress
from kaggle_face.submission.ledger.database import EventKind, Ledger, new_key
from kaggle_face.submission.ledger.entries import Entry
from kaggle_face.submission.upload.tags import message_of, tag_of


@dataclass(frozen=True)
class KaggleSession:
    """What every piece of work with Kaggle needs: the client, the ledger, the time and the reporter."""

    client: KaggleClient
    ledger: Ledger
    clock: Clock
    progress: Progress


def fetch(session: KaggleSession, competition: str, newest: int | None = None) -> list[RemoteSubmission]:
    """Writes what Kaggle lists into the ledger, and returns it, the newest first."""
    listed = session.client.submissions(competition, newest)
    write_listed(session.ledger, competition, listed)
    return listed


def write_listed(ledger: Ledger, competition: str, listed: Sequence[RemoteSubmission]) -> None:
    """Completes the rows of listed submissions, the oldest first, and begins rows for unknown ones."""
    entries = ledger.entries(competition)
    by_reference = {entry.reference: entry for entry in entries if entry.reference}
    by_tag: dict[str | None, Entry] = {e.tag: e for e in entries if e.tag and not e.reference}
    news: list[tuple[str, EventKind, dict[str, Any]]] = []
    for submission in reversed(listed):
        entry = by_reference.get(submission.reference) or by_tag.get(tag_of(submission.description))
        if entry is None:
            news.append((new_key(), "found", _found_values(competition, submission)))
        elif changes := _changes(entry, submission):
            news.append((entry.key, "status", changes))
    ledger.record(news)


def _changes(entry: Entry, submission: RemoteSubmission) -> dict[str, Any]:
    """The columns in which a row differs from what Kaggle lists; a score that was known never goes away."""
    listed = _listed_values(submission)
    return {
        name: value for name, value in listed.items() if value is not None and getattr(entry, name) != value
    }


def _listed_values(submission: RemoteSubmission) -> dict[str, Any]:
    return {
        "reference": submission.reference,
        "status": submission.status,
        "public_score": submission.public_score,
        "private_score": submission.private_score,
        "error": submission.error,
    }


def _found_values(competition: str, submission: RemoteSubmission) -> dict[str, Any]:
    known = {name: value for name, value in _listed_values(submission).items() if value is not None}
    values = {
        "competition": competition,
        "file": submission.file_name,
        "message": message_of(submission.description),
        "tag": tag_of(submission.description),
        **known,
    }
    return values if submission.date is None else {**values, "time": iso_time(submission.date)}

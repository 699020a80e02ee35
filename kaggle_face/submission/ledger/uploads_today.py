"""The uploads of a day in the ledger."""

from __future__ import annotations

from datetime import datetime

from kaggle_face.submission.ledger.database import Ledger
from kaggle_face.submission.ledger.entries import ON_KAGGLE


def uploads_today(ledger: Ledger, competition: str, now: datetime) -> int:
    """Uploads to a competition that this ledger has seen since 00:00 UTC, when Kaggle's day begins.

    Args:
        ledger: The ledger.
        competition: The slug.
        now: The time of now, in UTC.
    """
    began = {event.entry: event.time for event in ledger.events() if event.kind == "upload_started"}
    day = now.strftime("%Y-%m-%d")
    listed = [entry for entry in ledger.entries(competition) if entry.status in ON_KAGGLE]
    return sum(began.get(entry.key, entry.time).startswith(day) for entry in listed)

"""Uploads of a day are counted from 00:00 UTC, by the time at which they began."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from kaggle_face.submission.ledger.database import Ledger
from kaggle_face.submission.ledger.uploads_today import uploads_today

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.time = NOON

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


def test_a_file_of_yesterday_counts_on_the_day_of_its_upload(tmp_path: Path) -> None:
    clock = Clock()
    ledger = Ledger(tmp_path, clock)
    old = ledger.add("written", {"competition": "faces", "file": "a.csv"})
    gone = ledger.add("written", {"competition": "faces", "file": "b.csv"})
    clock.sleep(86_400)
    for entry, status in ((old, "COMPLETE"), (gone, "FAILED")):
        ledger.append(entry.key, "upload_started", {"status": "UPLOADING"})
        ledger.append(entry.key, "status", {"status": status})
    ledger.add("found", {"competition": "faces", "status": "COMPLETE", "time": "2026-11-30T01:00:00Z"})
    ledger.add("found", {"competition": "faces", "status": "COMPLETE", "time": "2026-11-29T23:59:59Z"})
    ledger.add("found", {"competition": "other", "status": "COMPLETE", "time": "2026-11-30T01:00:00Z"})
    assert uploads_today(ledger, "faces", clock.now()) == 2  # a.csv, and the one found today
    assert uploads_today(ledger, "faces", NOON) == 1

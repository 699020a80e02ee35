"""What the commands that talk to Kaggle share: their desk, and how they show a row of the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kaggle_face.cli.terminal import Terminal
from kaggle_face.config import Config
from kaggle_face.errors import SubmissionError
from kaggle_face.hints import settings_command
from kaggle_face.kaggle.client.client import connect
from kaggle_face.kaggle.client.clock import SystemClock
from kaggle_face.submission.ledger.database import Ledger
from kaggle_face.submission.ledger.entries import Entry
from kaggle_face.submission.upload.syncing import Desk


def open_ledger(config: Config) -> Ledger:
    """The ledger of the working directory."""
    return Ledger(Path(config.paths.submissions))


def open_desk(config: Config, terminal: Terminal) -> Desk:
    """The ledger, and a client that is logged in.

    Raises:
        RemoteError: There are no working credentials.
    """
    clock = SystemClock()
    return Desk(connect(clock, terminal, config.submit.silent_seconds), open_ledger(config), clock, terminal)


def tell_outcomes(entries: Sequence[Entry], terminal: Terminal) -> None:
    """Says what became of each upload.

    Raises:
        SubmissionError: Kaggle could not score one of them; its own words are told.
    """
    for entry in entries:
        terminal.log(outcome_of(entry))
    refused = [entry for entry in entries if entry.status in ("ERROR", "FAILED")]
    if refused:
        words = refused[0].error or "no reason"
        raise SubmissionError(f"{refused[0].file} has no score: Kaggle says '{words}'")


def outcome_of(entry: Entry) -> str:
    """One line about a row: where the file is and what it scored."""
    reference = f" (reference {entry.reference})" if entry.reference else ""
    match entry.status:
        case "COMPLETE":
            has_own = entry.oof_score is not None
            private = f", private score {entry.private_score}" if entry.private_score else ""
            own = f", out-of-fold {entry.oof_metric} {entry.oof_score:.5g}" if has_own else ""
            score = f"public score {entry.public_score or 'hidden'}{private}{own}"
        case "PENDING" | "UPLOADED" | "UPLOADING":
            score = f"{entry.status}, no score yet; later: {settings_command('submit', '--wait')}"
        case _:
            score = f"{entry.status}: {entry.error or 'no reason given'}"
    return f"{entry.file}{reference}: {score}"

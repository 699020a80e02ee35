"""Uploading a file exactly once, and waiting for its score.

The row of the ledger says that an upload begins before it begins. Kaggle's list is asked before the upload
(is the content there already?), after a failure (did it arrive nevertheless?) and after a success (does the
submission appear, and once?). Uploads of an account to a competition take turns, as do those from one folder.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from kaggle_face.errors import RemoteError, SubmissionError
from kaggle_face.hints import settings_command
from kaggle_face.kaggle.client.answers import Accepted, Limits, RemoteSubmission
from kaggle_face.kaggle.client.failures import Failure, Patience
from kaggle_face.submission.ledger.database import Ledger, upload_turn
from kaggle_face.submission.ledger.entries import (
    ON_KAGGLE,
    OPEN,
    Entry,
    Origin,
    origin_values,
    out_of_fold_values,
)
from kaggle_face.submission.upload.listing import (
    LAST_STEP,
    NEWEST,
    SECONDS_UNTIL_LISTED,
    has_arrived,
    is_listed,
    list_with,
    waits_of,
)
from kaggle_face.submission.upload.syncing import Desk, fetch
from kaggle_face.submission.upload.tags import description_of, has_content, make_tag, next_number
from kaggle_face.submission.upload.turns import account_turn
from kaggle_face.submission.writing import WrittenSubmission


@dataclass(frozen=True)
class Upload:
    """A checked file, the competition that it goes to, what it was made from, and the user's message."""

    competition: str
    file: WrittenSubmission
    origin: Origin
    message: str = ""


def write_down(ledger: Ledger, job: Upload) -> Entry:
    """The newest row of a file's content, with today's out-of-fold score; a new one where there is none."""
    known = [entry for entry in ledger.entries(job.competition) if entry.sha256 == job.file.sha256]
    if not known:
        return _new_row(ledger, job)
    row, figure = known[-1], out_of_fold_values(job.origin.out_of_fold)
    is_new = any(getattr(row, name) != value for name, value in figure.items())
    # Another file may have the same content: the blend of a single network, say.
    if is_new and row.file == _shown_path(job.file.path):
        return ledger.append(row.key, "written", figure)
    return row


def upload(job: Upload, desk: Desk, reserve: int, force: bool = False) -> Entry:
    """Uploads the file unless Kaggle has its content already, and returns its row once Kaggle lists it.

    An upload of the same content that was interrupted is found again and its row completed.

    Raises:
        SubmissionError: The content was submitted before (and not `force`), or too few submissions are left.
        RemoteError: Kaggle refused the file, could not be reached, or does not list it.
    """
    waiting = account_turn(desk.client.account.user, job.competition, desk.progress)
    with waiting as turn, upload_turn(desk.ledger.folder, desk.clock, desk.progress):
        limits = desk.client.limits(job.competition)
        unsettled = ("UPLOADING",) if force else ("UPLOADING", "UPLOADED")
        interrupted = [entry for entry in _same_content(job, desk) if entry.status in unsettled]
        listed = fetch(desk, job.competition)
        for entry in interrupted:
            found = _settle(entry, desk)
            if found.status == "UPLOADED":
                raise _not_listed(found)
            if found.status in ON_KAGGLE:
                desk.progress.log(f"Kaggle has this file already, as {found.reference}: the row is completed")
                return found
        if turn.left_open == job.file.sha256 and not interrupted:
            listed = list_with(job.file.sha256, job.competition, desk)
        if not force:
            _refuse_twin(job, desk, listed)
        check_limits(limits, reserve, desk.clock.now())
        written = [entry for entry in _same_content(job, desk) if entry.status == "WRITTEN"]
        entry = written[-1] if written else _new_row(desk.ledger, job)
        turn.begin(job.file.sha256)
        try:
            uploaded = _upload(entry, job, desk, _new_tag(job, desk, listed))
        finally:
            if _entry(desk.ledger, entry.key).status not in ("UPLOADING", "UPLOADED"):
                turn.end()
        _tell_of_others(uploaded, job, desk, {item.reference for item in listed})
        return uploaded


def wait_for_scores(desk: Desk, entries: Sequence[Entry], minutes: float) -> list[Entry]:
    """The rows once Kaggle scored or refused them, or as they are after so many minutes.

    Raises:
        RemoteError: Kaggle cannot be asked any more; the uploads are safe, and how to go on is said.
    """
    keys, competitions = {entry.key for entry in entries}, sorted({entry.competition for entry in entries})
    seconds = minutes * 60
    waiting = [entry for entry in entries if entry.status in OPEN]
    with desk.progress.track("waiting for Kaggle's score", max(1, round(seconds)), "s") as counter:
        for wait in waits_of(seconds):
            if not waiting:
                break
            desk.clock.sleep(wait)
            for competition in competitions:
                _fetch_while_waiting(desk, competition)
            waiting = [entry for entry in _of_keys(desk.ledger, keys) if entry.status in OPEN]
            counter.advance(round(wait), note=", ".join(entry.status for entry in waiting))
    return _of_keys(desk.ledger, keys)


def _fetch_while_waiting(desk: Desk, competition: str) -> None:
    try:
        fetch(desk, competition, NEWEST)
    except RemoteError as error:
        later = settings_command("submit", "--wait")
        raise RemoteError(f"uploaded, but {error}; the score comes with: {later}") from None


def resume_open(desk: Desk, competition: str) -> list[Entry]:
    """The rows whose outcome was not known, after asking Kaggle; what it does not list has failed."""
    waiting = [entry for entry in desk.ledger.entries(competition) if entry.status in OPEN]
    fetch(desk, competition)
    return [_settle(entry, desk) for entry in waiting]


def check_limits(limits: Limits, reserve: int, now: datetime) -> None:
    """Refuses an upload that would use up the day's submissions, or those that are kept in reserve.

    Raises:
        SubmissionError: Too few are left; when the next day begins is said.
    """
    if not limits.are_known or limits.allowed_now > reserve:
        return
    if limits.limited_by_total and limits.allowed_now <= 0:
        raise SubmissionError(f"no submission is left in this competition: {limits.total} were made")
    tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    minutes = int((tomorrow - now).total_seconds() // 60)
    when = f"the next day begins at 00:00 UTC, in {minutes // 60} h {minutes % 60} min"
    if limits.allowed_now <= 0:
        raise SubmissionError(f"no submission is left today: {limits.today} were made; {when}")
    raise SubmissionError(
        f"only {limits.allowed_now} submission(s) left today, and submit.reserve keeps {reserve}; "
        f"use them with submit.reserve={limits.allowed_now - 1}, or wait: {when}"
    )


def _new_row(ledger: Ledger, job: Upload) -> Entry:
    values = {
        "competition": job.competition,
        "file": _shown_path(job.file.path),
        "sha256": job.file.sha256,
        "rows": job.file.rows,
        "message": job.message,
        "status": "WRITTEN",
        **origin_values(job.origin),
    }
    return ledger.add("written", values)


def _same_content(job: Upload, desk: Desk) -> list[Entry]:
    rows = desk.ledger.entries(job.competition)
    return [entry for entry in rows if entry.sha256 == job.file.sha256]


def _refuse_twin(job: Upload, desk: Desk, listed: Sequence[RemoteSubmission]) -> None:
    """Refuses a content that the ledger or Kaggle's list knows as submitted."""
    twins = [entry for entry in _same_content(job, desk) if entry.status in ON_KAGGLE]
    twins += [
        entry
        for entry in desk.ledger.entries(job.competition)
        for submission in listed
        if submission.reference == entry.reference and has_content(submission, job.file.sha256)
    ]
    if not twins:
        return
    twin = twins[-1]
    score = f", public score {twin.public_score}" if twin.public_score else ""
    raise SubmissionError(
        f"{job.file.path} was already submitted to '{twin.competition}' at {twin.time} as {twin.file} "
        f"(reference {twin.reference}, {twin.status}{score}); --force submits it again"
    )


def _new_tag(job: Upload, desk: Desk, listed: Sequence[RemoteSubmission]) -> str:
    texts = [entry.tag for entry in desk.ledger.entries(job.competition)]
    return make_tag(
        job.file.sha256, next_number(job.file.sha256, [*texts, *(item.description for item in listed)])
    )


def _upload(entry: Entry, job: Upload, desk: Desk, tag: str) -> Entry:
    """Uploads until Kaggle takes or refuses the file; a failed try that arrived is not repeated."""
    desk.ledger.append(
        entry.key, "upload_started", {"status": "UPLOADING", "tag": tag, "message": job.message}
    )
    patience = Patience()
    while True:
        answer = desk.client.submit(job.file.path, description_of(job.message, tag), job.competition)
        if isinstance(answer, Accepted):
            return _accepted(entry, answer, desk)
        if has_arrived(tag, answer, job.competition, desk):
            return _entry(desk.ledger, entry.key)
        wait = patience.next_wait(answer)
        if wait is None:
            break
        desk.progress.log(f"the upload failed ({answer.words}); next try in {wait:.0f} s")
        desk.clock.sleep(wait)
        if answer.method == LAST_STEP and is_listed(tag, job.competition, desk):
            return _entry(desk.ledger, entry.key)
    raise _refused(entry, answer, job, desk)


def _tell_of_others(entry: Entry, job: Upload, desk: Desk, known: Set[int]) -> None:
    """Warns where the content appeared a second time meanwhile: no lock reaches another machine."""
    others = [
        item.reference
        for item in fetch(desk, job.competition, NEWEST)
        if has_content(item, job.file.sha256) and item.reference not in {*known, entry.reference}
    ]
    if others:
        desk.progress.warn(
            f"Kaggle lists the same content also as {', '.join(map(str, others))}: another machine uploaded "
            f"it at the same moment, and it counts twice today"
        )


def _accepted(entry: Entry, answer: Accepted, desk: Desk) -> Entry:
    """Makes sure that Kaggle lists what it accepted."""
    changes = {"status": "UPLOADED"} | ({"reference": answer.reference} if answer.reference else {})
    entry = desk.ledger.append(entry.key, "uploaded", changes)
    for wait in (0.0, *waits_of(SECONDS_UNTIL_LISTED)):
        if wait:
            desk.clock.sleep(wait)
        fetch(desk, entry.competition, NEWEST)
        entry = _entry(desk.ledger, entry.key)
        if entry.status != "UPLOADED":
            return entry
    raise _not_listed(entry, answer.words)


def _not_listed(entry: Entry, words: str = "") -> RemoteError:
    said = f"'{words}', " if words else ""
    return RemoteError(
        f"Kaggle accepted {entry.file} ({said}reference {entry.reference or 'none'}) but does not list it "
        f"after {SECONDS_UNTIL_LISTED:.0f} s; do not upload it again, look later with: "
        f"{settings_command('submit', '--wait')}"
    )


def _refused(entry: Entry, failure: Failure, job: Upload, desk: Desk) -> RemoteError:
    desk.ledger.append(entry.key, "upload_failed", {"status": "FAILED", "error": failure.words})
    doing = f"submit {job.file.path.name} to '{job.competition}'"
    return desk.client.explained(failure, doing, job.competition)


def _settle(entry: Entry, desk: Desk) -> Entry:
    """What became of an upload whose outcome is not known: its row after Kaggle had time to list it."""
    for wait in (0.0, *waits_of(SECONDS_UNTIL_LISTED)):
        if wait:
            desk.clock.sleep(wait)
            fetch(desk, entry.competition, NEWEST)
        entry = _entry(desk.ledger, entry.key)
        if entry.status not in ("UPLOADING", "UPLOADED"):
            return entry
    if entry.status == "UPLOADED":
        return entry
    words = "the upload was interrupted, and Kaggle does not list it"
    return desk.ledger.append(entry.key, "upload_failed", {"status": "FAILED", "error": words})


def _entry(ledger: Ledger, key: str) -> Entry:
    return _of_keys(ledger, {key})[0]


def _of_keys(ledger: Ledger, keys: set[str]) -> list[Entry]:
    return [entry for entry in ledger.entries() if entry.key in keys]


def _shown_path(path: Path) -> str:
    """The path below the working directory, as it is read on another machine."""
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.name

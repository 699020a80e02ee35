"""Uploading a file exactly once, and waiting for its score.

The ledger has the row of an upload before it begins. Kaggle's list is read before the upload (is the content
there already?), after a failure (did it arrive nevertheless?) and after a success (does the submission
appear, and once?). Uploads of an account to a competition take turns, as do those from one folder.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from kaggle_face.artifacts.files.hashing import hash_of_file
from kaggle_face.errors import RemoteError, SubmissionError, counted
from kaggle_face.hints import settings_command
from kaggle_face.kaggle.client.answers import Accepted, Limits, RemoteSubmission
from kaggle_face.kaggle.client.retry import RetryPolicy
from kaggle_face.submission.checks import WrittenSubmission
from kaggle_face.submission.ledger.database import Ledger, News, new_key, upload_turn
from kaggle_face.submission.ledger.entries import (
    ON_KAGGLE,
    OPEN,
    Entry,
    Origin,
    origin_values,
    out_of_fold_values,
    shown_path,
)
from kaggle_face.submission.upload.session import (
    NEWEST,
    SECONDS_UNTIL_LISTED,
    KaggleSession,
    account_turn,
    description_of,
    has_content,
    make_tag,
    next_number,
)

_LAST_STEP = "CreateSubmission"
"""The request after which a file may count, whatever the answer to it was."""


@dataclass(frozen=True)
class Upload:
    """A checked file, its competition and origin, and the user's message."""

    competition: str
    file: WrittenSubmission
    origin: Origin
    message: str = ""


class AlreadySubmittedError(SubmissionError):
    """The content of a file was submitted before; `entry` is the row of that submission."""

    def __init__(self, entry: Entry, line: str) -> None:
        super().__init__(line)
        self.entry = entry


def write_down(ledger: Ledger, job: Upload) -> Entry:
    """The newest row of a file's content, with today's out-of-fold score; a new one where there is none."""
    figure = out_of_fold_values(job.origin.out_of_fold)

    def news(rows: list[Entry]) -> list[News]:
        known = [entry for entry in rows if _is_of_content(entry, job)]
        if not known:
            return [(new_key(), "written", _values_of(job))]
        row = known[-1]
        is_new = any(getattr(row, name) != value for name, value in figure.items())
        # Another file may have the same content: such as the blend of a single network.
        return [(row.key, "written", figure)] if is_new and row.file == shown_path(job.file.path) else []

    ledger.update(news)
    return next(entry for entry in reversed(ledger.entries()) if _is_of_content(entry, job))


def upload(job: Upload, session: KaggleSession, reserve: int, force: bool = False) -> Entry:
    """Uploads the file unless Kaggle has its content already, and returns its row once Kaggle lists it.

    An upload of the same content that was interrupted is found again and its row completed.

    Raises:
        AlreadySubmittedError: The content was submitted before (and not `force`).
        SubmissionError: Too few submissions are left, or the file changed since it was checked.
        RemoteError: Kaggle refused the file, could not be reached, or does not list it.
    """
    waiting = account_turn(session.client.account.user, job.competition, session.progress)
    with waiting as turn, upload_turn(session.ledger.folder, session.clock, session.progress):
        limits = session.client.limits(job.competition)
        unsettled = ("UPLOADING",) if force else ("UPLOADING", "UPLOADED")
        interrupted = [entry for entry in _same_content(job, session) if entry.status in unsettled]
        listed = session.fetch(job.competition)
        for entry in interrupted:
            found = _settle(entry, session)
            if found.status == "UPLOADED":
                raise _not_listed(found)
            if found.status in ON_KAGGLE:
                reference = f"as {found.reference}"
                session.progress.log(f"Kaggle has this file already, {reference}: the row is completed")
                return found
        if turn.left_open == job.file.sha256 and not interrupted:
            for _ in session.looks():
                listed = session.fetch(job.competition)
                if any(has_content(item, job.file.sha256) for item in listed):
                    break
        if not force:
            _refuse_twin(job, session, listed)
        check_limits(limits, reserve, session.clock.now())
        written = [entry for entry in _same_content(job, session) if entry.status == "WRITTEN"]
        entry = written[-1] if written else session.ledger.add("written", _values_of(job))
        with _copy_as_checked(job.file) as copy:
            turn.begin(job.file.sha256)
            try:
                uploaded = _upload(entry, replace(job, file=copy), session, listed)
            finally:
                if _entry(session.ledger, entry.key).status not in ("UPLOADING", "UPLOADED"):
                    turn.end()
        _warn_of_others(uploaded, job, session, {item.reference for item in listed})
        return uploaded


def upload_all(
    jobs: Sequence[Upload], session: KaggleSession, reserve: int, force: bool = False
) -> list[Entry]:
    """Uploads files one after the other, and returns their rows: one that is refused holds up no other.

    Of several files those that were submitted before are left out, with a line: a command that was
    interrupted between two is finished by the same command.

    Raises:
        SubmissionError: All were submitted before, or as of `upload`, after the others were uploaded.
        RemoteError: As of `upload`, after the others were uploaded.
    """
    entries, num_sent = list[Entry](), 0
    twins: list[AlreadySubmittedError] = []
    errors: list[SubmissionError | RemoteError] = []
    for job in jobs:
        try:
            entries.append(upload(job, session, reserve, force))
            num_sent += 1
        except AlreadySubmittedError as error:
            twins.append(error)
            if error.entry.status != "ERROR":  # that one was told when it came
                entries.append(error.entry)
        except (SubmissionError, RemoteError) as error:
            errors.append(error)
    if twins and not errors and not num_sent:
        raise twins[0]
    for note in twins:
        session.progress.log(str(note))
    for other in errors[1:]:
        session.progress.warn(str(other))
    if errors and num_sent:
        later = settings_command("submit", "--wait")
        session.progress.warn(f"not all files were uploaded; the score of the others comes with: {later}")
    if errors:
        raise errors[0]
    return entries


def wait_for_scores(session: KaggleSession, entries: Sequence[Entry], minutes: float) -> list[Entry]:
    """The rows once Kaggle scored or refused them, or as they are after the longest wait.

    Raises:
        RemoteError: Kaggle cannot be reached any more; the uploads are safe.
    """
    keys, competitions = {entry.key for entry in entries}, sorted({entry.competition for entry in entries})
    seconds = minutes * 60
    waiting = [entry for entry in entries if entry.status in OPEN]
    with session.progress.track("waiting for Kaggle's score", max(1, round(seconds)), "s") as counter:
        for wait in session.looks(seconds):
            if wait:
                try:
                    for competition in competitions:
                        session.fetch(competition, NEWEST)
                except RemoteError as error:
                    later = settings_command("submit", "--wait")
                    raise RemoteError(f"uploaded, but {error}; the score comes with: {later}") from None
                waiting = [entry for entry in _of_keys(session.ledger, keys) if entry.status in OPEN]
                counter.advance(round(wait), note=", ".join(entry.status for entry in waiting))
            if not waiting:
                break
    return _of_keys(session.ledger, keys)


def resume_open(session: KaggleSession, competition: str) -> list[Entry]:
    """Looks pending uploads up in Kaggle's list, if there are any; those that are not on it have failed.

    An upload from this folder that is under way is waited for: only its own process knows how it ends.
    """
    with upload_turn(session.ledger.folder, session.clock, session.progress):
        waiting = [entry for entry in session.ledger.entries(competition) if entry.status in OPEN]
        if waiting:
            session.fetch(competition)
        return [_settle(entry, session) for entry in waiting]


def check_limits(limits: Limits, reserve: int, now: datetime) -> None:
    """Refuses an upload that would use up the day's submissions, or those that are kept in reserve.

    Raises:
        SubmissionError: Too few are left; the message has the time at which the next day begins.
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
        f"only {counted(limits.allowed_now, 'submission')} left today, and submit.reserve keeps {reserve}; "
        f"use them with submit.reserve={limits.allowed_now - 1}, or wait: {when}"
    )


def _values_of(job: Upload) -> dict[str, Any]:
    return {
        "competition": job.competition,
        "file": shown_path(job.file.path),
        "sha256": job.file.sha256,
        "rows": job.file.rows,
        "message": job.message,
        "status": "WRITTEN",
        **origin_values(job.origin),
    }


def _same_content(job: Upload, session: KaggleSession) -> list[Entry]:
    return [entry for entry in session.ledger.entries() if _is_of_content(entry, job)]


def _is_of_content(entry: Entry, job: Upload) -> bool:
    return entry.competition == job.competition and entry.sha256 == job.file.sha256


def _refuse_twin(job: Upload, session: KaggleSession, listed: Sequence[RemoteSubmission]) -> None:
    """Refuses a file whose content was submitted already, by the ledger or Kaggle's list."""
    twins = [entry for entry in _same_content(job, session) if entry.status in ON_KAGGLE]
    twins += [
        entry
        for entry in session.ledger.entries(job.competition)
        for submission in listed
        if submission.reference == entry.reference and has_content(submission, job.file.sha256)
    ]
    if not twins:
        return
    twin = twins[-1]
    score = f", public score {twin.public_score}" if twin.public_score else ""
    raise AlreadySubmittedError(
        twin,
        f"{job.file.path} was already submitted to '{twin.competition}' at {twin.time} as {twin.file} "
        f"(reference {twin.reference}, {twin.status}{score}); --force submits it again",
    )


@contextmanager
def _copy_as_checked(file: WrittenSubmission) -> Iterator[WrittenSubmission]:
    """A copy of a file that nobody else writes to, with the bytes that were checked.

    Raises:
        SubmissionError: The file is not what was checked, or cannot be copied.
    """
    with tempfile.TemporaryDirectory(prefix="kaggle-face-") as folder:
        copy = Path(folder) / file.path.name  # Kaggle shows the name
        try:
            shutil.copyfile(file.path, copy)
        except OSError as error:
            reason = error.strerror or error
            raise SubmissionError(f"{file.path} cannot be copied to be sent: {reason}") from error
        if hash_of_file(copy) != file.sha256:
            raise SubmissionError(
                f"{file.path} changed since it was checked, and was not sent; run the same command again"
            )
        yield replace(file, path=copy)


def _upload(entry: Entry, job: Upload, session: KaggleSession, listed: Sequence[RemoteSubmission]) -> Entry:
    """Uploads until Kaggle takes or refuses the file; a failed try that arrived is not repeated."""
    used = [row.tag for row in session.ledger.entries(job.competition)]
    number = next_number(job.file.sha256, [*used, *(item.description for item in listed)])
    tag = make_tag(job.file.sha256, number)
    begun = {"status": "UPLOADING", "tag": tag, "message": job.message}
    session.ledger.append(entry.key, "upload_started", begun)
    policy = RetryPolicy()
    while True:
        answer = session.client.submit(job.file.path, description_of(job.message, tag), job.competition)
        if isinstance(answer, Accepted):
            return _accepted(entry, answer, session)
        if answer.is_passing or answer.leaves_open:
            # Where the last step may be done, Kaggle gets some time to list the file.
            is_last = answer.leaves_open and answer.method == _LAST_STEP
            looks = session.looks(SECONDS_UNTIL_LISTED if is_last else 0.0)
            if any(session.is_listed(tag, job.competition) for _ in looks):
                return _entry(session.ledger, entry.key)
        wait = policy.next_wait(answer)
        if wait is None:
            break
        session.progress.log(f"the upload failed ({answer.words}); next try in {wait:.0f} s")
        session.clock.sleep(wait)
        if answer.method == _LAST_STEP and session.is_listed(tag, job.competition):
            return _entry(session.ledger, entry.key)
    session.ledger.append(entry.key, "upload_failed", {"status": "FAILED", "error": answer.words})
    doing = f"submit {job.file.path.name} to '{job.competition}'"
    raise session.client.explained(answer, doing, job.competition)


def _warn_of_others(entry: Entry, job: Upload, session: KaggleSession, known: Set[int]) -> None:
    """Warns where the content appeared a second time meanwhile: no lock reaches another machine."""
    others = [
        item.reference
        for item in session.fetch(job.competition, NEWEST)
        if has_content(item, job.file.sha256) and item.reference not in {*known, entry.reference}
    ]
    if others:
        session.progress.warn(
            f"Kaggle lists the same content also as {', '.join(map(str, others))}: another machine uploaded "
            f"it at the same moment, and it counts twice today"
        )


def _accepted(entry: Entry, answer: Accepted, session: KaggleSession) -> Entry:
    """The row of an accepted upload once Kaggle lists it.

    Raises:
        RemoteError: Kaggle does not list it in time.
    """
    changes = {"status": "UPLOADED"} | ({"reference": answer.reference} if answer.reference else {})
    entry = session.ledger.append(entry.key, "uploaded", changes)
    for _ in session.looks():
        session.fetch(entry.competition, NEWEST)
        entry = _entry(session.ledger, entry.key)
        if entry.status != "UPLOADED":
            return entry
    raise _not_listed(entry, answer.words)


def _not_listed(entry: Entry, words: str = "") -> RemoteError:
    shown = f"'{words}', " if words else ""
    return RemoteError(
        f"Kaggle accepted {entry.file} ({shown}reference {entry.reference or 'none'}) but does not list it "
        f"after {SECONDS_UNTIL_LISTED:.0f} s; do not upload it again, look later with: "
        f"{settings_command('submit', '--wait')}"
    )


def _settle(entry: Entry, session: KaggleSession) -> Entry:
    """The outcome of an upload for which it is not known: its row after Kaggle had time to list it."""
    for wait in session.looks():
        if wait:
            session.fetch(entry.competition, NEWEST)
        entry = _entry(session.ledger, entry.key)
        if entry.status not in ("UPLOADING", "UPLOADED"):
            return entry
    if entry.status == "UPLOADED":
        return entry
    words = "the upload was interrupted, and Kaggle does not list it"
    return session.ledger.append(entry.key, "upload_failed", {"status": "FAILED", "error": words})


def _entry(ledger: Ledger, key: str) -> Entry:
    return _of_keys(ledger, {key})[0]


def _of_keys(ledger: Ledger, keys: set[str]) -> list[Entry]:
    return [entry for entry in ledger.entries() if entry.key in keys]

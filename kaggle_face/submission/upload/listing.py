"""Asking Kaggle's list for an upload whose outcome is not known: it shows what it took a little later."""

from __future__ import annotations

from collections.abc import Iterator

from kaggle_face.kaggle.client.answers import RemoteSubmission
from kaggle_face.kaggle.client.failures import Failure
from kaggle_face.submission.upload.session import KaggleSession, fetch
from kaggle_face.submission.upload.tags import has_content, tag_of

SECONDS_UNTIL_LISTED = 60.0
NEWEST = 50
LAST_STEP = "CreateSubmission"
_POLLS = (2.0, 3.0, 5.0, 8.0, 13.0, 20.0, 30.0)


def waits_of(seconds: float) -> Iterator[float]:
    """Pauses that grow to half a minute, `seconds` in all."""
    passed, step = 0.0, 0
    while passed < seconds:
        wait = min(_POLLS[min(step, len(_POLLS) - 1)], seconds - passed)
        yield wait
        passed, step = passed + wait, step + 1


def list_with(sha256: str, competition: str, session: KaggleSession) -> list[RemoteSubmission]:
    """What Kaggle lists once it shows the content that another folder sent, or had time to."""
    listed: list[RemoteSubmission] = []
    for wait in (0.0, *waits_of(SECONDS_UNTIL_LISTED)):
        if wait:
            session.clock.sleep(wait)
        listed = fetch(session, competition)
        if any(has_content(item, sha256) for item in listed):
            break
    return listed


def has_arrived(tag: str, failure: Failure, competition: str, session: KaggleSession) -> bool:
    """Whether Kaggle lists an upload that failed; after some time where its last step may be done."""
    if not (failure.is_passing or failure.leaves_open):
        return False
    waits = waits_of(SECONDS_UNTIL_LISTED) if failure.leaves_open and failure.method == LAST_STEP else ()
    for wait in (0.0, *waits):
        if wait:
            session.clock.sleep(wait)
        if is_listed(tag, competition, session):
            return True
    return False


def is_listed(tag: str, competition: str, session: KaggleSession) -> bool:
    """Whether Kaggle lists the upload with this mark now."""
    return any(tag_of(item.description) == tag for item in fetch(session, competition, NEWEST))

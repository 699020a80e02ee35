"""Failures of requests to Kaggle: whether to try again, and advice for the user."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

from kaggle_face.errors import nearest_hint

NO_CONNECTION = 0
UNREADABLE = -1
NO_CREDENTIALS = -2
GARBLED = -3

SETTINGS_PAGE = "https://www.kaggle.com/settings"


@dataclass(frozen=True)
class Failure:
    """An HTTP status (or one of the four above), Kaggle's words, and the wait that Kaggle requests.

    NO_CONNECTION: no whole answer came. UNREADABLE: the request was not made. GARBLED: an answer came that is
    not understood. `method` is that of the last request.
    """

    status: int
    words: str
    retry_after: float | None = None
    method: str = ""

    @property
    def leaves_open(self) -> bool:
        """Whether the request may have succeeded all the same, as behind a gateway that gave up waiting."""
        return self.status in (NO_CONNECTION, GARBLED, 408) or self.status >= 500

    @property
    def is_passing(self) -> bool:
        """Whether the same request may succeed a little later."""
        return self.status in (NO_CONNECTION, 408, 429) or self.status >= 500


def seconds_to_wait(retry_after: str | None, now: datetime) -> float | None:
    """The wait of a Retry-After header, given in seconds or as a date; None where it does not hold one.

    >>> from datetime import UTC
    >>> seconds_to_wait("Sun, 22 Nov 2026 13:00:30 GMT", datetime(2026, 11, 22, 13, tzinfo=UTC))
    30.0
    """
    if retry_after is None:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(retry_after) - now).total_seconds()
        except (ValueError, TypeError, OverflowError, IndexError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def rules_page(slug: str) -> str:
    """The page on which the rules of a competition are accepted."""
    return f"https://www.kaggle.com/competitions/{slug}/rules"


def explain(failure: Failure, doing: str, slug: str | None = None, known: Collection[str] = ()) -> str:
    """One line: what could not be done, Kaggle's own words, and what to do."""
    reply = f"Kaggle says '{failure.words}'" if failure.words else f"Kaggle answers {failure.status}"
    match failure.status:
        case 401:
            advice = "the credentials are not accepted; see which ones are used: kaggle-face auth"
        case 403 if slug is not None:
            near = nearest_hint(slug, [name for name in known if name != slug])
            page = rules_page(slug)
            advice = f"accept the rules at {page}{near}; the account that is used: kaggle-face auth"
        case 404 if slug is not None:
            hint = nearest_hint(slug, known) or "; the slug is the last part of the competition's address"
            return f"cannot {doing}: Kaggle knows no competition '{slug}'{hint} ({reply})"
        case 429:
            wait = f" for {failure.retry_after:.0f} s" if failure.retry_after is not None else ""
            advice = f"it asks to wait{wait}; try again later"
        case _ if failure.status == NO_CONNECTION:
            return f"cannot {doing}: Kaggle could not be reached, {failure.words}; run the same command again"
        case _ if failure.status == NO_CREDENTIALS:
            return f"cannot {doing}: {failure.words}"
        case _ if failure.status == GARBLED:
            return f"cannot {doing}: Kaggle's answer is not understood, {failure.words}; try again later"
        case _ if failure.status >= 500:
            advice = f"an error on its side ({failure.status}); try again later"
        case _:
            return f"cannot {doing}: {reply}"
    return f"cannot {doing}: {reply}; {advice}"

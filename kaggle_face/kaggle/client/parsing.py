"""Objects of the official client as the plain records of this package; others are refused.

Every function raises UnreadableAnswerError where a field is missing or of another type.
"""

from __future__ import annotations

from typing import Any

from kaggle_face.kaggle.client.answers import (
    GpuQuota,
    LeaderboardRow,
    Limits,
    NotebookState,
    NotebookStatus,
    RemoteCompetition,
    RemoteFile,
    RemoteStatus,
    RemoteSubmission,
)
from kaggle_face.kaggle.client.fields import (
    flag_of,
    hours_of,
    moment_of,
    name_of,
    number_of,
    required_number,
    required_text,
    score_of,
    text_of,
)
from kaggle_face.kaggle.client.transport import UnreadableAnswerError

_STATUSES: tuple[RemoteStatus, ...] = ("PENDING", "COMPLETE", "ERROR")
_STATES: dict[str, NotebookState] = {
    "QUEUED": "queued",
    "NEW_SCRIPT": "queued",
    "RUNNING": "running",
    "COMPLETE": "complete",
    "ERROR": "error",
    "CANCEL_REQUESTED": "cancelled",
    "CANCEL_ACKNOWLEDGED": "cancelled",
}


def competition_from(item: Any, slug: str) -> RemoteCompetition:
    """A competition as Kaggle describes it."""
    return RemoteCompetition(
        slug,
        text_of(item, "title") or slug,
        text_of(item, "evaluation_metric"),
        number_of(item, "max_daily_submissions"),
        moment_of(item, "deadline"),
        number_of(item, "team_count"),
        number_of(item, "user_rank") or None,
    )


def slug_from(item: Any) -> str:
    """The slug of a listed competition: the end of its address."""
    return required_text(item, "ref").rstrip("/").rsplit("/", 1)[-1]


def file_from(item: Any) -> RemoteFile:
    """A file of a competition."""
    return RemoteFile(text_of(item, "name") or required_text(item, "ref"), number_of(item, "total_bytes"))


def submission_from(item: Any) -> RemoteSubmission:
    """A listed submission."""
    status = name_of(item, "status")
    if status not in _STATUSES:
        raise UnreadableAnswerError(f"its status '{status}' is not known")
    return RemoteSubmission(
        reference=required_number(item, "ref"),
        date=moment_of(item, "date"),
        description=text_of(item, "description"),
        file_name=text_of(item, "file_name"),
        status=status,
        public_score=text_of(item, "public_score") or None,
        private_score=text_of(item, "private_score") or None,
        error=text_of(item, "error_description") or None,
        team=text_of(item, "team_name"),
    )


def limits_from(item: Any) -> Limits:
    """The number of submissions that are left."""
    return Limits(
        number_of(item, "num_today"),
        number_of(item, "num_total"),
        number_of(item, "num_allowed_now"),
        flag_of(item, "limited_by_total"),
    )


def team_from(item: Any, rank: int) -> LeaderboardRow:
    """A team of the leaderboard."""
    return LeaderboardRow(
        rank,
        text_of(item, "team_name"),
        score_of(item, "score"),
        moment_of(item, "submission_date"),
    )


def quota_from(item: Any) -> GpuQuota:
    """The GPU hours of this week."""
    refresh, quota = moment_of(item, "quota_refresh_time"), item.gpu_quota
    if quota is None:
        return GpuQuota(0.0, 0.0, refresh)
    return GpuQuota(hours_of(quota, "time_used"), hours_of(quota, "total_time_allowed"), refresh)


def notebook_from(item: Any) -> NotebookStatus:
    """The state of a notebook; its failure is Kaggle's text."""
    status = name_of(item, "status")
    if status not in _STATES:
        raise UnreadableAnswerError(f"its status '{status}' is not known")
    return NotebookStatus(_STATES[status], text_of(item, "failure_message"))


def text_from(answer: Any) -> str:
    """An answer that is one text."""
    if not isinstance(answer, str):
        raise UnreadableAnswerError(f"it is not a text but {type(answer).__name__}")
    return answer

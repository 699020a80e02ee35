"""Kaggle's answers as plain records: nothing else of this package sees an object of the client."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

RemoteStatus = Literal["PENDING", "COMPLETE", "ERROR"]


@dataclass(frozen=True)
class Account:
    """The account that is logged in, and the kind of its credentials."""

    user: str
    method: Literal["ACCESS_TOKEN", "LEGACY_API_KEY", "OAUTH"]


@dataclass(frozen=True)
class RemoteFile:
    """A file of a competition and its size in bytes."""

    name: str
    size: int


@dataclass(frozen=True)
class FileList:
    """The files of a competition; incomplete where there are too many to list."""

    files: tuple[RemoteFile, ...]
    is_complete: bool

    @property
    def size(self) -> int:
        """Bytes of the listed files together."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True)
class Limits:
    """Numbers of submissions that the team made and still may make today (UTC)."""

    today: int
    total: int
    allowed_now: int
    limited_by_total: bool

    @property
    def are_known(self) -> bool:
        """Kaggle answers with zeros everywhere until the team has submitted for the first time."""
        return self.today > 0 or self.total > 0 or self.allowed_now > 0


@dataclass(frozen=True)
class RemoteSubmission:
    """A submission as Kaggle lists it; scores are text, None where there is none."""

    reference: int
    date: datetime | None
    description: str
    file_name: str
    status: RemoteStatus
    public_score: str | None
    private_score: str | None
    error: str | None
    team: str


@dataclass(frozen=True)
class Accepted:
    """Kaggle's answer to an upload: its words, and the reference of the submission (0: none was given)."""

    words: str
    reference: int


@dataclass(frozen=True)
class RemoteCompetition:
    """A competition as Kaggle describes it."""

    slug: str
    title: str
    metric: str
    max_daily_submissions: int
    deadline: datetime | None
    teams: int
    own_rank: int | None


@dataclass(frozen=True)
class LeaderboardRow:
    """A team on the leaderboard; rank 1 is the best."""

    rank: int
    team: str
    score: float | None
    date: datetime | None


NotebookState = Literal["queued", "running", "complete", "error", "cancelled"]


@dataclass(frozen=True)
class NotebookStatus:
    """The state of a notebook's run, and the reason of a failure."""

    state: NotebookState
    failure: str = ""


@dataclass(frozen=True)
class GpuQuota:
    """GPU hours of the running week, and when the next one begins."""

    used_hours: float
    total_hours: float
    refresh: datetime | None

    @property
    def hours_left(self) -> float:
        """GPU hours that may still be used."""
        return max(0.0, self.total_hours - self.used_hours)

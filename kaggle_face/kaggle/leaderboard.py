"""The public leaderboard: top rows, own place, and the gap to each cut-off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kaggle_face.competitions.catalogue.known import find_spec
from kaggle_face.competitions.submission.targets import lower_is_better
from kaggle_face.kaggle.client.answers import LeaderboardRow
from kaggle_face.kaggle.client.client import KaggleClient

_SHARES = (0.1, 0.25, 0.5)


@dataclass(frozen=True)
class Gap:
    """A score to reach; `missing` is positive while the own score is worse, None without an own score."""

    name: str
    score: float
    missing: float | None


@dataclass(frozen=True)
class Standing:
    """The leaderboard at one moment, as seen by one team."""

    rows: tuple[LeaderboardRow, ...]
    own: LeaderboardRow | None
    lower_is_better: bool
    gaps: tuple[Gap, ...]

    def as_values(self) -> dict[str, Any]:
        """The values that the ledger keeps."""
        return {
            "teams": len(self.rows),
            "rank": None if self.own is None else self.own.rank,
            "score": None if self.own is None else self.own.score,
            "best": self.rows[0].score if self.rows else None,
        }


def current_standing(client: KaggleClient, slug: str, cutoffs: Mapping[str, float]) -> Standing:
    """The current leaderboard of a competition, with the cut-offs that are known of it and those given."""
    rows = client.leaderboard(slug)
    lower = lower_is_better(slug)
    if lower is None:  # as the leaderboard is sorted
        scores = [row.score for row in rows if row.score is not None]
        lower = len(scores) > 1 and scores[0] < scores[-1]
    own, spec = _own_row(rows, client, slug), find_spec(slug)
    places = {"first place": 1} | {f"best {share:.0%}": max(1, int(len(rows) * share)) for share in _SHARES}
    reached = {name: rows[place - 1].score for name, place in places.items() if place <= len(rows)}
    shares = {name: score for name, score in reached.items() if score is not None}
    named = {**shares, **(spec.cutoffs if spec is not None else {}), **cutoffs}
    gaps = []
    for name, score in named.items():
        missing = None
        if own is not None and own.score is not None:
            missing = own.score - score if lower else score - own.score
        gaps.append(Gap(name, score, missing))
    return Standing(tuple(rows), own, lower, tuple(gaps))


def _own_row(rows: Sequence[LeaderboardRow], client: KaggleClient, slug: str) -> LeaderboardRow | None:
    """The row of the own team, by the name on its submissions, else by the rank that Kaggle gives."""
    teams = {submission.team for submission in client.submissions(slug, newest=1)} - {""}
    named = [row for row in rows if row.team in teams]
    if len(named) == 1:
        return named[0]
    rank = client.competition(slug).own_rank
    return next((row for row in named or rows if row.rank == rank), None)

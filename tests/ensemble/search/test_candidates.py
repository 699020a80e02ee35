from __future__ import annotations

import pytest

from kaggle_face.ensemble.search.candidates import Candidate, Kind, select, select_kind
from kaggle_face.metrics.intervals.bootstrap import Difference


def candidate(
    kind: Kind, gain: float | None = None, doubt: float = 0.0, over_mean: float | None = None
) -> Candidate:
    def difference(value: float | None) -> Difference | None:
        return None if value is None else Difference(value, value - 0.02, value + 0.02, doubt)

    return Candidate(kind, kind, "scores", (), (), {}, None, None, difference(gain), difference(over_mean))


SINGLE = candidate("single")


def winner(*blends: Candidate) -> Kind:
    return select("auc", SINGLE, [SINGLE, *blends]).winner.kind


def test_the_plain_mean_stands_where_it_helps() -> None:
    assert winner(candidate("equal", 0.01)) == "equal"


def test_the_best_single_member_stands_where_the_mean_hurts() -> None:
    assert winner(candidate("equal", -0.01)) == "single"


def test_a_weighted_blend_wins_if_it_is_better_than_both_by_more_than_noise() -> None:
    assert winner(candidate("equal", 0.01), candidate("hill", 0.03, over_mean=0.02)) == "hill"


@pytest.mark.parametrize(
    "challenger",
    [
        candidate("hill", 0.03, doubt=0.3, over_mean=0.02),
        candidate("hill", 0.03, over_mean=-0.01),
        candidate("hill", 0.005),
    ],
    ids=["within noise", "worse than the mean", "never compared with the mean"],
)
def test_a_weighted_blend_that_is_not_clearly_better_loses_to_the_mean(challenger: Candidate) -> None:
    assert winner(candidate("equal", 0.01), challenger) == "equal"


def test_of_several_that_are_clearly_better_the_best_wins() -> None:
    blends = [candidate("hill", 0.03, over_mean=0.02), candidate("constrained", 0.05, over_mean=0.04)]
    assert winner(candidate("equal", 0.01), *blends) == "constrained"


def test_a_kind_that_was_asked_for_wins_by_its_best_contender() -> None:
    blends = [candidate("equal", 0.05), candidate("hill", -0.03), candidate("hill", -0.01)]
    selection = select_kind("hill", select("auc", SINGLE, [SINGLE, *blends]))
    assert selection.winner is blends[2] and "--method" in selection.reason

"""Drawing verification trials among labelled images: half of them the same person, half different people.

Trials all of which show one person, or all of which show two, measure nothing.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from kaggle_face.errors import DataError, naming_first
from kaggle_face.records import CompetitionData, IntArray, Pairs, StrArray

_Couple = tuple[int, int]


def are_of_one_kind(trials: Pairs) -> bool:
    """Whether labelled trials all show one person, or all show two: no error rate is defined on them."""
    return trials.are_labelled and bool((trials.labels == trials.labels[0]).all())


def require_both_kinds(trials: Pairs, data: CompetitionData, remedy: str) -> None:
    """Checks labelled trials where pairs are to be submitted; without such a task they are not needed.

    Raises:
        DataError: They are all of one kind.
    """
    has_task = len(data.test_pairs) > 0 or data.test_gallery is not None
    if has_task and are_of_one_kind(trials):
        what = "one person (label 1)" if trials.labels[0] else "two people (label 0)"
        count, first = len(trials), str(trials.pair_ids[0])
        text = naming_first(count, count, "labelled pair", f"show {what}", first)
        raise DataError(f"{text}, so no error rate can be measured; {remedy}")


def draw_trials(
    image_ids: StrArray, labels: IntArray, num_trials: int, name: str, draw: np.random.Generator
) -> Pairs:
    """`num_trials` labelled trials, no two of the same images; fewer where the images give no more.

    Identities take turns, so one with many images gets hardly more same-person trials than one with few.

    Args:
        image_ids: The images (N).
        labels: Their identities (N).
        num_trials: An odd number counts as one less, 1 as 2.
        name: Begins the id of each trial.
        draw: The random source.
    """
    rows_of = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    half = max(1, num_trials // 2)
    same = _same_couples(rows_of, half, draw)
    different = _different_couples(rows_of, len(labels), half, draw)
    half = min(len(same), len(different))
    couples = np.array(same[:half] + different[:half], np.int64).reshape(-1, 2)
    truth = np.repeat(np.array([1, 0]), half)
    order = draw.permutation(len(couples))
    return Pairs(
        np.array([f"{name}-{number}" for number in range(len(order))], np.str_),
        image_ids[couples[order, 0]],
        image_ids[couples[order, 1]],
        truth[order],
    )


def _same_couples(rows_of: list[IntArray], wanted: int, draw: np.random.Generator) -> list[_Couple]:
    turns = [iter(_couples_within(rows, wanted, draw)) for rows in rows_of]
    chosen: list[_Couple] = []
    while turns and len(chosen) < wanted:
        turns = [turns[index] for index in draw.permutation(len(turns))]
        drawn = [(turn, next(turn, None)) for turn in turns]
        chosen += [couple for _, couple in drawn if couple is not None]
        turns = [turn for turn, couple in drawn if couple is not None]
    return chosen[:wanted]


def _couples_within(rows: IntArray, wanted: int, draw: np.random.Generator) -> list[_Couple]:
    """At most `wanted` pairs of the rows, in random order."""
    firsts, seconds = np.triu_indices(len(rows), k=1)
    picked = draw.permutation(len(firsts))[:wanted]
    return list(zip(rows[firsts[picked]].tolist(), rows[seconds[picked]].tolist(), strict=True))


def _different_couples(
    rows_of: list[IntArray], num_images: int, wanted: int, draw: np.random.Generator
) -> list[_Couple]:
    possible = (num_images**2 - sum(len(rows) ** 2 for rows in rows_of)) // 2
    if possible <= 4 * wanted:  # drawing would meet the same couples again and again
        everything = [
            (int(first), int(second))
            for one, other in combinations(rows_of, 2)
            for first in one
            for second in other
        ]
        return [everything[index] for index in draw.permutation(len(everything))[:wanted]]
    chosen: dict[_Couple, None] = {}
    while len(chosen) < wanted:
        one, other = (rows_of[index] for index in draw.choice(len(rows_of), 2, replace=False))
        first, second = sorted((int(draw.choice(one)), int(draw.choice(other))))
        chosen[first, second] = None
    return list(chosen)

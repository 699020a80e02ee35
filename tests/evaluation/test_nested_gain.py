"""Gains on people who did not choose: who is on which side, and intervals worked out by other means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from scipy import stats

from kaggle_face.errors import InputError
from kaggle_face.evaluation.nested_gain import (
    HeldOutPredictions,
    HeldOutTargets,
    can_be_divided,
    figures_of,
    gain_on,
    mean_gain,
)
from kaggle_face.metrics.intervals.verification import verification_difference
from kaggle_face.metrics.score import parse_composite
from kaggle_face.records import Pairs, no_pairs


def answers(hits: object, scores: object = ()) -> HeldOutPredictions:
    ranks = np.where(np.asarray(hits, np.bool_), 1, 2).astype(np.int64)
    return HeldOutPredictions(ranks, np.zeros(len(ranks)), np.asarray(scores, np.float64))


def held_out_targets(
    classes: Sequence[str], pairs: Pairs, known: Mapping[str, str] | None = None
) -> HeldOutTargets:
    """Images of these classes, and trials."""
    ids = np.array([f"held out {number}" for number in range(len(classes))], np.str_)
    return HeldOutTargets.of(ids, np.array(classes, np.str_), pairs, known or {})


def pairs_of_people(count: int) -> tuple[Pairs, list[tuple[int, int]]]:
    """Two trials of each person with himself, and one of each two."""
    people = [(p, p) for p in range(count) for _ in range(2)]
    people += [(p, q) for p in range(count) for q in range(p)]
    first = np.array([f"{p}a.jpg" for p, _ in people])
    second = np.array([f"{q}b{n}.jpg" if p == q else f"{q}a.jpg" for n, (p, q) in enumerate(people)])
    labels = np.array([int(p == q) for p, q in people])
    return Pairs(np.array([f"t{n:04d}" for n in range(len(people))]), first, second, labels), people


def test_nobody_is_on_both_sides_in_images_and_trials_together() -> None:
    pairs, people = pairs_of_people(8)
    known = {"3a.jpg": "ann", "5a.jpg": "bob"}
    truth = held_out_targets(["ann", "ann", "bob", "cid", "dan"], pairs, known)
    people_of_sides = []
    for rows in truth.sides():
        assert rows.images.any() and rows.pairs.any()
        of_pairs = {
            person
            for pair, inside in zip(people, rows.pairs.tolist(), strict=True)
            if inside
            for person in pair
        }
        names = {{3: "ann", 5: "bob"}.get(person, str(person)) for person in of_pairs}
        people_of_sides.append(names | set(np.array(["ann", "ann", "bob", "cid", "dan"])[rows.images]))
    assert not people_of_sides[0] & people_of_sides[1]


def test_the_gain_in_accuracy_has_the_interval_of_students_t_where_each_image_is_of_another_person() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.random(60) < 0.8, rng.random(60) < 0.6
    truth = held_out_targets([f"n{k}" for k in range(60)], no_pairs())
    part = gain_on(truth.everything, truth, answers(one), answers(other), parse_composite("accuracy"))
    found = mean_gain([part])
    expected = stats.ttest_rel(one.astype(float), other.astype(float)).confidence_interval(0.95)
    assert found.value == pytest.approx(one.mean() - other.mean())
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.006)


def test_the_gain_in_eer_is_that_of_two_systems_compared() -> None:
    pairs, people = pairs_of_people(12)
    rng = np.random.default_rng(1)
    scores = [pairs.labels + rng.normal(size=len(people)) * noise for noise in (0.5, 0.9)]
    truth = held_out_targets([], pairs)
    formula = parse_composite("0.5*accuracy + 0.5*(1-eer)")  # no image is held out
    part = gain_on(truth.everything, truth, answers([], scores[0]), answers([], scores[1]), formula)
    expected = verification_difference(scores[0], scores[1], pairs.labels, people, "eer").reversed()
    assert part.value == pytest.approx(0.5 * expected.value)
    found = mean_gain([part])
    assert (found.high - found.low) == pytest.approx(0.5 * (expected.high - expected.low), rel=0.05)


def test_the_same_trials_of_two_folds_are_not_taken_for_new_ones() -> None:
    pairs, people = pairs_of_people(10)
    rng = np.random.default_rng(2)
    hard, noise = rng.normal(size=10), rng.normal(size=len(people)) / 5
    one = pairs.labels + noise + np.array([hard[p] + hard[q] for p, q in people])
    other = pairs.labels + noise
    truth = held_out_targets([], pairs)
    part = gain_on(truth.everything, truth, answers([], one), answers([], other), parse_composite("auc"))
    alone, twice = mean_gain([part]), mean_gain([part, part])
    assert (twice.low, twice.high) == pytest.approx((alone.low, alone.high))


def test_without_both_kinds_of_trials_on_each_side_nothing_is_divided() -> None:
    pairs, _ = pairs_of_people(2)
    truth = held_out_targets(["ann", "bob"], pairs)
    assert can_be_divided(truth, parse_composite("accuracy"))
    assert not can_be_divided(truth, parse_composite("accuracy - eer"))
    assert set(figures_of(answers([1, 0], [1.0] * 5), truth, truth.everything)) >= {"accuracy", "eer"}


def test_few_people_have_no_interval() -> None:
    truth = held_out_targets(["ann", "bob", "cid"], no_pairs())
    part = gain_on(
        truth.everything, truth, answers([1, 1, 0]), answers([0, 1, 0]), parse_composite("accuracy")
    )
    with pytest.raises(InputError, match="3 people are too few for an interval"):
        mean_gain([part])

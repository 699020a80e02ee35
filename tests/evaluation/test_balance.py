"""What is imbalanced is named with its numbers, and what means nothing on it has a reason."""

from __future__ import annotations

import numpy as np
import pytest

from kaggle_face.evaluation.balance import (
    describe_classes,
    describe_pairs,
    describe_people,
    meaningless_of_classes,
    meaningless_of_pairs,
    meaningless_thresholds,
)
from kaggle_face.evaluation.thresholds import verification_thresholds


def test_balanced_data_are_not_spoken_of() -> None:
    labels = np.repeat([0, 1, 2], [3, 4, 5])
    assert describe_classes(labels, ["a", "b", "c"]) == ()
    assert describe_pairs(np.array([1, 1, 0, 0, 0])) == ()
    assert describe_people(np.array([[0, 0], [1, 1], [0, 1]]), np.array([1, 1, 0])) == ()
    assert meaningless_of_classes(6) == () and meaningless_of_pairs(np.zeros(3000, np.int64)) == ()


def test_classes_without_images_are_counted_and_the_first_is_named() -> None:
    (line,) = describe_classes(np.array([1, 1]), ["a", "b", "c"])
    assert line == "2 of 3 classes have no held-out image, first: a"


@pytest.mark.parametrize("kind", ["genuine", "impostor"])
def test_the_answer_that_is_right_for_most_pairs_is_named(kind: str) -> None:
    many = int(kind == "genuine")
    (line,) = describe_pairs(np.array([many] * 8 + [1 - many] * 2))
    answer = "accepting" if kind == "genuine" else "rejecting"
    assert f"8 {kind} pairs" in line and f"{answer} every pair has an accuracy of 0.800" in line


def test_the_most_accurate_threshold_is_left_out_where_it_rejects_everyone() -> None:
    """One genuine pair scores below all 20 impostors: rejecting all is right for 20 of 21."""
    scores = np.array([0.0, *np.linspace(0.1, 0.9, 20)])
    labels = np.array([1] + [0] * 20)
    people = np.array([[0, 0], *([i, i + 1] for i in range(20))])
    rules = [each.rule for each in verification_thresholds(scores, labels, people, fprs=[0.1, 0.01])]
    assert "accuracy" not in rules
    left_out = {each.name: each.reason for each in meaningless_thresholds(rules, [0.1, 0.01], labels)}
    assert left_out["accuracy"].endswith("rejecting every pair, as 20 of 21 pairs are of one kind")
    assert left_out["fpr=0.01"] == "20 impostor pairs are too few to show that rate"
    assert left_out["fpr=0.1"] == "every threshold that keeps the rate rejects all genuine pairs"

"""Doubtful labels: those that were planted are found, and hard people are not taken for them."""

from __future__ import annotations

import numpy as np
import pytest

from kaggle_face.evaluation.label_noise import doubtful, gaps_of
from kaggle_face.records import IntArray, Predictions

CLASSES = np.array([f"n{number}" for number in range(6)])
COUNT = 600


def predictions(labels: IntArray, easiness: float = 6.0, seed: int = 0) -> Predictions:
    """Logits whose true class stands out."""
    logits = np.random.default_rng(seed).normal(size=(len(labels), 6))
    logits[np.arange(len(labels)), labels] += easiness
    return Predictions(np.array([f"{row:04d}.jpg" for row in range(len(labels))]), logits, CLASSES)


def true_labels() -> IntArray:
    return np.arange(COUNT, dtype=np.int64) % 6


def test_planted_wrong_labels_are_found_and_nothing_else() -> None:
    given, wrong = true_labels(), np.array([3, 77, 410])
    given[wrong] = (given[wrong] + 2) % 6
    found = doubtful(gaps_of(predictions(true_labels()), given))
    assert sorted(found.image_ids.tolist()) == ["0003.jpg", "0077.jpg", "0410.jpg"]
    assert np.array_equal(found.rivals, (found.labels - 2) % 6)


def test_the_most_doubtful_come_first() -> None:
    given = true_labels()
    given[:20] = (given[:20] + 1) % 6
    found = doubtful(gaps_of(predictions(true_labels()), given))
    assert len(found.image_ids) > 10 and (np.diff(found.deviations) >= 0).all()


def test_gaps_are_own_logit_less_the_highest_other() -> None:
    logits = np.array([[1.0, 4.0, 2.0], [3.0, 0.5, 0.0]])
    found = gaps_of(Predictions(np.array(["a", "b"]), logits, CLASSES[:3]), np.array([2, 0]))
    assert found.gaps.tolist() == [-2.0, 2.5]
    assert found.rivals.tolist() == [1, 1]


def test_a_person_who_is_hard_throughout_is_judged_by_the_own_median() -> None:
    labels = true_labels()
    hard = predictions(labels)
    logits = np.array(hard.logits)
    logits[labels == 5] -= 7.0 * np.eye(6)[5]  # this person is mostly taken for others
    found = doubtful(gaps_of(Predictions(hard.image_ids, logits, CLASSES), labels))
    assert len(found.image_ids) < 5
    # Against everyone's median 100 of them would lie more than three deviations below.
    gaps = gaps_of(Predictions(hard.image_ids, logits, CLASSES), labels)
    spread = 1.4826 * np.median(np.abs(gaps.gaps - np.median(gaps.gaps)))
    assert ((gaps.gaps - np.median(gaps.gaps)) / spread < -3).sum() > 50


def test_a_class_that_was_never_trained_is_left_out() -> None:
    labels = np.array([0, 1, 0, 2])
    shown = predictions(labels)
    logits = np.array(shown.logits)
    logits[:, 1] = -np.inf
    gaps = gaps_of(Predictions(shown.image_ids, logits, CLASSES), labels)
    assert gaps.image_ids.tolist() == ["0000.jpg", "0002.jpg", "0003.jpg"]
    assert np.isfinite(gaps.deviations).all()


def test_gaps_do_not_depend_on_a_networks_scale() -> None:
    given = true_labels()
    given[7] = (given[7] + 1) % 6
    first = predictions(true_labels())
    scaled = Predictions(first.image_ids, 30.0 * np.asarray(first.logits), CLASSES)
    assert gaps_of(scaled, given).deviations == pytest.approx(gaps_of(first, given).deviations)

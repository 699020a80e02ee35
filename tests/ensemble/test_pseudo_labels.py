"""Confident predictions as labels."""

from __future__ import annotations

import numpy as np
import pytest

from kaggle_face.ensemble.pseudo_labels import choose_confident
from kaggle_face.records import Predictions

SHARES = np.array([[0.9, 0.1], [0.4, 0.6], [0.97, 0.03], [0.02, 0.98], [0.99, 0.01]])
BLEND = Predictions(np.array(list("abcde")), np.log(SHARES), np.array(["n1", "n2"]))


def test_images_above_the_probability_are_chosen_in_their_order() -> None:
    found = choose_confident(BLEND, 0.89)
    assert found.image_ids.tolist() == ["a", "c", "d", "e"]
    assert found.labels.tolist() == [0, 0, 1, 0]
    assert found.confidences == pytest.approx([0.9, 0.97, 0.98, 0.99])


def test_of_each_person_the_surest_are_taken() -> None:
    found = choose_confident(BLEND, 0.5, most_per_class=2)
    # Of n1: e (0.99) and c (0.97); of n2: d (0.98) and b (0.6).
    assert found.image_ids.tolist() == ["b", "c", "d", "e"]


def test_a_class_that_nobody_knows_is_never_chosen() -> None:
    logits = np.array([[0.0, -np.inf], [3.0, -np.inf]])
    found = choose_confident(Predictions(np.array(["a", "b"]), logits, np.array(["n1", "n2"])), 1.0)
    assert found.labels.tolist() == [0, 0]

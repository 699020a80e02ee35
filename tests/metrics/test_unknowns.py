"""The place of the unknown label."""

from __future__ import annotations

import numpy as np
import pytest

from kaggle_face.errors import InputError
from kaggle_face.metrics.unknowns import choose_unknown_threshold, rank_with_unknown

SURE = np.array([[0.9, 0.05, 0.05], [0.05, 0.9, 0.05], [0.05, 0.05, 0.9]])
LABELS = np.array([0, 1, 2])


def test_the_unknown_stands_before_the_first_class_below_the_threshold() -> None:
    ranked = rank_with_unknown(np.array([[0.5, 0.3, 0.2], [0.2, 0.7, 0.1]]), 0.3, 3)
    assert ranked.tolist() == [[0, 1, 3], [1, 3, 0]]


def test_known_and_unknown_are_told_apart_where_scores_allow_it() -> None:
    # Without its own class each image has two classes of 0.5: any threshold in (0.5, 0.9] is right for both.
    best = choose_unknown_threshold(SURE, LABELS, 0.5, k=1)
    assert 0.5 < best.threshold <= 0.9 and best.expected_map == 1.0


def test_without_unknown_people_the_unknown_never_costs_a_place() -> None:
    assert choose_unknown_threshold(SURE, LABELS, 0.0, k=3).expected_map == 1.0


def test_a_share_beyond_one_is_refused() -> None:
    with pytest.raises(InputError, match=r"got 1\.5"):
        choose_unknown_threshold(SURE, LABELS, 1.5)


def test_the_unknown_label_may_fill_the_row_beside_all_classes() -> None:
    assert rank_with_unknown(np.array([[0.6, 0.4]]), 0.5, 3).tolist() == [[0, 2, 1]]
    assert rank_with_unknown(np.array([[0.6, 0.4]]), 0.1, 3).tolist() == [[0, 1, 2]]
    with pytest.raises(InputError, match="between 1 and the 3 labels, got 4"):
        rank_with_unknown(np.array([[0.6, 0.4]]), 0.5, 4)


def test_the_ranking_is_that_of_a_stable_sort_of_all_labels() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(6), 200).round(1)
    labels = np.concatenate([probabilities, np.full((200, 1), 0.2)], axis=1)
    expected = np.argsort(-labels, axis=1, kind="stable")[:, :4]
    assert rank_with_unknown(probabilities, 0.2, 4).tolist() == expected.tolist()

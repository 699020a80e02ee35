from __future__ import annotations

import numpy as np

from kaggle_face.ensemble.duplicate_members import duplicates_of
from kaggle_face.evaluation.member_scores import MemberScores


def test_a_copy_is_found_also_in_another_order_and_precision() -> None:
    values = np.random.default_rng(0).integers(0, 99, (50, 4)).astype(np.float16)
    order = np.random.default_rng(1).permutation(50)
    original, other = MemberScores("a", values), MemberScores("b", values + 1)
    copy = MemberScores("c", values[order].astype(np.float32), np.argsort(order))
    assert duplicates_of([[original], [other], [copy]], 50) == [None, None, 0]


def test_a_difference_outside_the_sampled_rows_is_seen() -> None:
    values = np.zeros((500, 2), np.float32)
    changed = values.copy()
    changed[7, 1] = 1e-3
    assert duplicates_of([[MemberScores("a", values)], [MemberScores("b", changed)]], 500) == [None, None]


def test_a_member_with_another_fold_is_no_copy() -> None:
    first, second = MemberScores("a", np.zeros(5)), MemberScores("a", np.ones(5))
    assert duplicates_of([[first, second], [first, first], [first]], 5) == [None, None, None]

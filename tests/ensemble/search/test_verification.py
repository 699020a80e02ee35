from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaggle_face.ensemble.search.candidates import Kind
from kaggle_face.ensemble.search.verification import PairProblem, fit_pair_weights, select_pairs
from kaggle_face.evaluation.held_out_pairs import FoldTrials, HeldOutPairs
from kaggle_face.evaluation.member_scores import MemberScores
from kaggle_face.evaluation.objective import task_objective
from kaggle_face.evaluation.pair_scales import PAIR_SPACES, PairSpace
from kaggle_face.metrics.verification import equal_error_rate
from tests.support.worlds import random_trials

NAMES = ["a", "b", "c"]
KINDS: tuple[Kind, ...] = ("equal", "hill", "constrained")


def board_of(trials: HeldOutPairs, formula: str = "1-eer") -> PairProblem:
    return PairProblem(trials, task_objective(formula, "verification", {}))


def with_altered_side(trials: HeldOutPairs, side: int) -> HeldOutPairs:
    """Other scores for all pairs that are not wholly in the other side."""
    rng = np.random.default_rng(99)
    folds = []
    for fold in trials.folds:
        rows = np.flatnonzero(trials.sides[fold.positions] != 1 - side)
        member_scores = []
        for source in fold.member_scores:
            scores = source.values.copy()
            scores[rows] = rng.normal(size=len(rows)) * 100
            member_scores.append(MemberScores(source.name, scores))
        folds.append(FoldTrials(fold.fold, fold.positions, tuple(member_scores)))
    return replace(trials, folds=tuple(folds))


@given(seed=st.integers(0, 1000), kind=st.sampled_from(KINDS), space=st.sampled_from(PAIR_SPACES))
@settings(max_examples=25)
def test_weights_found_on_one_side_never_use_the_other(seed: int, kind: Kind, space: PairSpace) -> None:
    trials = random_trials(seed)
    chosen = trials.sides == 0
    weights = fit_pair_weights(board_of(trials), kind, space, chosen)
    altered = fit_pair_weights(board_of(with_altered_side(trials, 1)), kind, space, chosen)
    assert np.array_equal(weights, altered)


@given(seed=st.integers(0, 1000))
@settings(max_examples=1)
def test_the_selection_does_not_depend_on_the_order_of_scores_on_disk(seed: int) -> None:
    trials = random_trials(seed)
    rng = np.random.default_rng(seed)
    folds = []
    for fold in trials.folds:
        order = rng.permutation(len(fold.positions))
        member_scores = tuple(
            MemberScores(s.name, s.values[order], np.argsort(order)) for s in fold.member_scores
        )
        folds.append(FoldTrials(fold.fold, fold.positions, member_scores))
    straight = select_pairs(board_of(trials), NAMES, ("hill",))
    shuffled = select_pairs(board_of(replace(trials, folds=tuple(folds))), NAMES, ("hill",))
    assert straight == shuffled


def test_networks_of_two_folds_may_score_on_different_scales() -> None:
    trials = random_trials(4)
    first, second = trials.folds
    stretched = tuple(MemberScores(s.name, 1000 * s.values + 7) for s in second.member_scores)
    other = replace(trials, folds=(first, FoldTrials(second.fold, second.positions, stretched)))
    singles = select_pairs(board_of(trials), NAMES, ()).candidates
    rescaled = select_pairs(board_of(other), NAMES, ()).candidates
    assert singles[0].metrics == pytest.approx(rescaled[0].metrics)


def test_the_figures_of_one_member_in_one_fold_are_those_of_its_scores() -> None:
    trials = random_trials(2, num_members=1, num_folds=1)
    selection = select_pairs(board_of(trials), ["a"], KINDS)
    eer = equal_error_rate(trials.folds[0].member_scores[0].values, trials.labels).eer
    assert selection.winner.metrics["eer"] == eer


def test_members_that_err_apart_blend_to_less_error() -> None:
    trials = random_trials(0, num_members=3, people=16)
    selection = select_pairs(board_of(trials), NAMES, KINDS)
    assert selection.winner.kind != "single" and selection.winner.gain is not None
    assert selection.winner.gain.value > 0  # an error that falls is a gain


def test_the_area_under_the_curve_can_be_what_is_maximised() -> None:
    selection = select_pairs(board_of(random_trials(0), "auc"), NAMES, ("hill",))
    assert selection.metric == "auc"


def test_one_person_is_too_few_to_judge_blends() -> None:
    trials = random_trials(0, num_folds=1, people=2)
    selection = select_pairs(board_of(trials), NAMES, KINDS)
    assert selection.winner.kind == "equal" and "too few people" in selection.reason


def test_trials_that_all_folds_share_get_the_mean_of_their_scores() -> None:
    trials = random_trials(0, num_folds=1)
    fold = trials.folds[0]
    shifted = tuple(MemberScores(s.name, s.values + 1) for s in fold.member_scores)
    shared = replace(trials, folds=(fold, FoldTrials(1, fold.positions, shifted)))
    assert shared.values("scores")[0] == pytest.approx(fold.member_scores[0].values + 0.5)
    assert set(shared.pools.tolist()) == {0}

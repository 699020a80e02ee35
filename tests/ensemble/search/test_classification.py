from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaggle_face.ensemble.blending import CLASS_SPACES, ClassSpace, WeightedTerm, blend_classes
from kaggle_face.ensemble.search.candidates import Kind
from kaggle_face.ensemble.search.class_logits import gather_likely_classes
from kaggle_face.ensemble.search.classification import (
    ClassProblem,
    fit_class_weights,
    open_class_problem,
    select_classes,
)
from kaggle_face.evaluation.member_scores import HeldOutLogits, MemberScores
from kaggle_face.evaluation.objective import task_objective
from kaggle_face.metrics.classification import top_k_accuracy
from kaggle_face.metrics.intervals.bootstrap import Resampling
from kaggle_face.progress import SilentProgress
from tests.support.worlds import random_held_out

NAMES = ["a", "b", "c"]
CLASSES = np.array([f"n{i}" for i in range(6)])
KINDS: tuple[Kind, ...] = ("equal", "hill", "constrained")
HeldOut = tuple[HeldOutLogits, ...]


def board_of(held_out: HeldOut, formula: str = "accuracy") -> ClassProblem:
    objective = task_objective(formula, "classification", {})
    return open_class_problem(held_out, CLASSES, objective, SilentProgress(), Resampling(100))


def permuted(held_out: HeldOut, seed: int) -> HeldOut:
    """The same records with the rows on disk in another order for each member."""
    rng = np.random.default_rng(seed)
    folds = []
    for fold in held_out:
        orders = [rng.permutation(len(fold.image_ids)) for _ in fold.member_scores]
        member_scores = [
            MemberScores(s.name, s.values[order], np.argsort(order))
            for s, order in zip(fold.member_scores, orders, strict=True)
        ]
        folds.append(replace(fold, member_scores=tuple(member_scores)))
    return tuple(folds)


def with_altered_side(held_out: HeldOut, sides: np.ndarray, side: int) -> HeldOut:
    """Other logits for the images of one side, in the order in which the problem lists all images."""
    rng = np.random.default_rng(99)
    folds, start = [], 0
    for fold in held_out:
        rows = np.flatnonzero(sides[start : start + len(fold.image_ids)] == side)
        start += len(fold.image_ids)
        member_scores = []
        for source in fold.member_scores:
            logits = source.values.copy()
            logits[rows] += rng.normal(size=logits[rows].shape) * 5
            member_scores.append(MemberScores(source.name, logits))
        folds.append(replace(fold, member_scores=tuple(member_scores)))
    return tuple(folds)


@given(seed=st.integers(0, 1000))
@settings(max_examples=3)
def test_the_selection_does_not_depend_on_row_order(seed: int) -> None:
    held_out = random_held_out(seed)
    straight = select_classes(board_of(held_out), NAMES, KINDS)
    shuffled = select_classes(board_of(permuted(held_out, seed)), NAMES, KINDS)
    assert straight == shuffled


@given(seed=st.integers(0, 1000), kind=st.sampled_from(KINDS), space=st.sampled_from(CLASS_SPACES))
@settings(max_examples=20)
def test_weights_found_on_one_side_never_use_the_other(seed: int, kind: Kind, space: ClassSpace) -> None:
    if (kind, space) == ("constrained", "ranks"):
        return
    held_out = random_held_out(seed)
    problem = board_of(held_out)
    altered = board_of(with_altered_side(held_out, problem.sides, 1))
    assert problem.table.temperatures[1] == altered.table.temperatures[1]
    assert problem.table.temperatures[2] != altered.table.temperatures[2]
    chosen = problem.sides == 0
    weights = fit_class_weights(problem, kind, space, 1, chosen)
    assert np.array_equal(weights, fit_class_weights(altered, kind, space, 1, chosen))


@pytest.mark.parametrize("space", CLASS_SPACES)
def test_blends_of_candidates_have_the_accuracy_of_blends_of_all_classes(
    monkeypatch: pytest.MonkeyPatch, space: ClassSpace
) -> None:
    monkeypatch.setattr("kaggle_face.ensemble.search.class_logits.NUM_LIKELY", 8)
    held_out = random_held_out(3, people=12, images=30)
    ones = (1.0, 1.0, 1.0)
    table = gather_likely_classes(held_out, [ones], SilentProgress())
    right = 0.0
    for fold in held_out:
        votes = [WeightedTerm(source, 1 / 3) for source in fold.member_scores]
        blocks = blend_classes(votes, space, len(fold.image_ids))
        logits = np.concatenate([block for _, block in blocks])
        right += top_k_accuracy(logits, fold.labels)[1] * len(fold.labels)
    found = top_k_accuracy(table.values(space, 0).mean(axis=0), table.true_column)[1]
    assert found == pytest.approx(right / len(table.labels))


def test_two_members_that_err_apart_blend_to_more_than_either() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(6), 40)
    ids = np.array([f"{i:04d}" for i in range(240)])
    logits = [rng.normal(size=(240, 6)) + 1.2 * np.eye(6)[labels] for _ in range(3)]
    member_scores = tuple(
        MemberScores(name, each.astype(np.float32)) for name, each in zip(NAMES, logits, strict=True)
    )
    selection = select_classes(board_of((HeldOutLogits(0, ids, labels, member_scores),)), NAMES, KINDS)
    mean = next(each for each in selection.candidates if each.kind == "equal")
    assert mean.gain is not None and mean.gain.low > 0
    assert selection.winner.kind != "single"


def test_a_search_on_noise_has_an_in_sample_gain_and_no_nested_one() -> None:
    rng = np.random.default_rng(5)
    labels = np.repeat(np.arange(6), 20)
    ids = np.array([f"{i:04d}" for i in range(120)])
    names = [f"m{i}" for i in range(12)]
    member_scores = tuple(MemberScores(name, rng.normal(size=(120, 6)).astype(np.float32)) for name in names)
    selection = select_classes(board_of((HeldOutLogits(0, ids, labels, member_scores),)), names, ("hill",))
    climbed = next(each for each in selection.candidates if each.kind == "hill")
    assert climbed.in_sample_gain is not None and climbed.gain is not None
    assert climbed.in_sample_gain > 0.05 > climbed.gain.value


def test_one_class_is_too_few_to_judge_blends_and_the_plain_mean_is_taken() -> None:
    labels = np.zeros(5, np.int64)
    ids = np.array([str(i) for i in range(5)])
    rng = np.random.default_rng(0)
    member_scores = tuple(MemberScores(name, rng.normal(size=(5, 6)).astype(np.float32)) for name in NAMES)
    selection = select_classes(board_of((HeldOutLogits(0, ids, labels, member_scores),)), NAMES, KINDS)
    assert selection.winner.kind == "equal" and "too few people" in selection.reason


def test_a_single_member_wins_alone() -> None:
    selection = select_classes(board_of(random_held_out(0, num_members=1)), ["a"], KINDS)
    assert selection.winner.name == "a" and selection.reason == "it is the only member"


def test_top_five_can_be_what_is_maximised() -> None:
    selection = select_classes(board_of(random_held_out(1), "top5"), NAMES, ("hill",))
    assert selection.metric == "top5"

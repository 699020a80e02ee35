from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from kaggle_face.artifacts import record_io
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.ensemble.blended import ClassBlend
from kaggle_face.ensemble.postprocess.class_neighbours import (
    NeighbourRecipe,
    Neighbours,
    VotingNetwork,
    candidate_votes,
    held_out_neighbours,
    open_voting_networks,
    with_votes,
)
from kaggle_face.ensemble.postprocess.class_tuning import ClassTuningProblem, open_class_tuning, tune_classes
from kaggle_face.ensemble.search.classification import open_class_problem
from kaggle_face.evaluation.member_scores import open_held_out_logits, open_test_logits
from kaggle_face.evaluation.members import Member, choose_members
from kaggle_face.evaluation.objective import task_objective
from kaggle_face.metrics.intervals.bootstrap import Resampling
from kaggle_face.progress import SilentProgress
from tests.support.worlds import reseal


@pytest.fixture
def member(tmp_path: Path, two_runs: Path) -> Member:
    shutil.copytree(two_runs, tmp_path / "runs")
    return choose_members([RunFolder(tmp_path / "runs" / "demo" / "a")], ["best_cls"])[0]


def problem_of(member: Member) -> ClassTuningProblem:
    names = open_test_logits([member]).class_names
    held_out = open_held_out_logits([member], names)
    objective = task_objective("accuracy", "classification", {})
    blend_problem = open_class_problem(held_out, names, objective, SilentProgress(), Resampling(100))
    return open_class_tuning(blend_problem, ClassBlend((member,), (1.0,), (1.0,)), held_out)


def test_an_image_is_not_its_own_neighbour_even_if_it_has_duplicates(member: Member) -> None:
    fold = member.folds[0]
    path = fold.record_folder("oof", "best_cls", "embeddings")
    vectors = np.array(np.load(path / "embeddings.npy"))
    vectors[:] = vectors[0]
    np.save(path / "embeddings.npy", vectors)
    reseal(member.run)
    ids = np.sort(record_io.read_predictions(path.parent / "predictions").image_ids)
    neighbours = held_out_neighbours(member, fold, ids)
    own = [int(image.split("/")[0][1:]) for image in ids.tolist()]
    counts = {label: own.count(label) for label in own}
    assert neighbours.labels.shape == (len(ids), 20)
    for label, found in zip(own, neighbours.labels.tolist(), strict=True):
        assert found.count(label) <= counts[label] - 1


def test_votes_sum_to_one_over_candidates_and_the_rest() -> None:
    found = Neighbours(np.array([[1, 1, 2]]), np.array([[0.9, 0.9, 0.9]]))
    votes = candidate_votes(found, NeighbourRecipe(3, 0.1, 0.5), np.array([[0, 1]]))
    assert votes[0] == pytest.approx([0, 2 / 3, 1 / 3])


def test_only_the_nearest_vote() -> None:
    found = Neighbours(np.array([[1, 2]]), np.array([[0.9, 0.1]]))
    assert candidate_votes(found, NeighbourRecipe(1, 0.1, 0.5), np.array([[1, 2]])).tolist() == [[1, 0, 0]]


def test_no_neighbours_have_no_votes() -> None:
    alone = Neighbours(np.empty((2, 0), np.int64), np.empty((2, 0)))
    assert candidate_votes(alone, NeighbourRecipe(5, 0.1, 0.5), np.array([[0], [1]])).sum() == 0


def test_votes_of_two_folds_are_averaged_over_those_that_hold_the_class() -> None:
    """Class 1 is in the second fold alone; its one vote there counts as much as two votes for class 0."""
    recipe = NeighbourRecipe(1, 0.1, 1.0)
    first = VotingNetwork(Neighbours(np.array([[0]]), np.array([[0.5]])), np.array([1.0, 0.0]), 0.5)
    second = VotingNetwork(Neighbours(np.array([[1]]), np.array([[0.5]])), np.array([1.0, 1.0]), 0.5)
    blocks = iter([(slice(0, 1), np.log(np.array([[0.5, 0.5]])))])
    mixed = np.exp(next(with_votes(blocks, [first, second], recipe))[1])
    assert mixed[0] == pytest.approx(
        [1 / 3, 2 / 3]
    )  # class 0: side of the networks that know it, class 1 all


def test_a_share_of_zero_leaves_probabilities_as_they_are(member: Member) -> None:
    networks = open_voting_networks([member], [1.0], open_test_logits([member]).ids, 12)
    logits = np.log(np.full((30, 12), 1 / 12))
    mixed = next(with_votes(iter([(slice(0, 30), logits)]), networks, NeighbourRecipe(5, 0.1, 0.0)))[1]
    assert mixed == pytest.approx(logits)


def test_neighbours_are_heard_where_logits_are_noise(member: Member) -> None:
    for fold in member.folds:
        path = fold.record_folder("oof", "best_cls", "predictions") / "logits.npy"
        logits = np.array(np.load(path))
        noise = np.random.default_rng(fold.fold).normal(size=logits.shape)
        np.save(path, np.where(np.isfinite(logits), noise, -np.inf).astype(np.float32))
        ids = record_io.read_embeddings(path.parent.parent / "embeddings").image_ids
        people = np.array([int(image.split("/")[0][1:]) for image in ids.tolist()])
        np.save(path.parent.parent / "embeddings" / "embeddings.npy", np.eye(12, dtype=np.float32)[people])
    reseal(member.run)
    tuning = tune_classes(problem_of(member))
    assert tuning.recipe.share >= 0.4 and tuning.gain.low > 0
    assert tuning.metrics["accuracy"] == 1.0


def test_neighbours_are_not_heard_where_embeddings_are_noise(member: Member) -> None:
    for fold in member.folds:
        path = fold.record_folder("oof", "best_cls", "embeddings") / "embeddings.npy"
        noise = np.random.default_rng(fold.fold).normal(size=np.load(path).shape)
        np.save(path, noise.astype(np.float32))
    reseal(member.run)
    tuning = tune_classes(problem_of(member))
    assert tuning.recipe.is_plain

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kaggle_face.ensemble.postprocess.cohorts import STEPS_BY_COHORT
from kaggle_face.ensemble.postprocess.pair_recipes import PairRecipe, ScoreNorm, Whitening, recipe_scores
from kaggle_face.ensemble.postprocess.pair_tuning import (
    STEPS,
    FoldPool,
    PairTuningProblem,
    fit_setting,
    some_people,
    tune_steps,
)
from kaggle_face.ensemble.postprocess.retrieval import STEPS_BY_TEST_IMAGES
from kaggle_face.ensemble.search.verification import PairProblem
from kaggle_face.evaluation.held_out_pairs import HeldOutPairs
from kaggle_face.evaluation.objective import task_objective
from kaggle_face.metrics.similarity import normalized
from kaggle_face.progress import SilentProgress
from tests.support.progress import Told
from tests.support.worlds import random_trials


def problem_of(trials: HeldOutPairs, nuisance: float, seed: int = 0) -> PairTuningProblem:
    """Embeddings in which one direction says nothing of the person and has `nuisance` times the spread."""
    rng = np.random.default_rng(seed)
    pools = []
    for fold in trials.folds:
        first, second = trials.first_ids[fold.positions], trials.second_ids[fold.positions]
        ids, codes = np.unique(np.concatenate([first, second]), return_inverse=True)
        people = np.array([image.split("/")[0] for image in ids.tolist()])
        vectors = faces(people, rng, nuisance)
        cohort = faces(np.array([f"s{i}" for i in range(200)]), rng, nuisance)
        rows = codes.reshape(2, -1)
        pools.append(FoldPool(fold.positions, rows[0], rows[1], (vectors,), (cohort,)))
    blend_problem = PairProblem(trials, task_objective("1-eer", "verification", {}))
    return PairTuningProblem(blend_problem, tuple(pools), (1.0,), "scores")


def faces(people: np.ndarray, rng: np.random.Generator, nuisance: float) -> np.ndarray:
    names, codes = np.unique(people, return_inverse=True)
    vectors = rng.normal(size=(len(names), 12))[codes] + 0.9 * rng.normal(size=(len(people), 12))
    vectors[:, 0] = nuisance * rng.normal(size=len(people))
    return vectors.astype(np.float32)


def test_whitening_is_switched_on_where_one_direction_drowns_the_others() -> None:
    recipe, tried = tune_steps(problem_of(random_trials(0, people=12), nuisance=12.0), SilentProgress())
    steps = {step.name: step for step in tried}
    assert steps["whitening"].is_on and steps["whitening"].gain.low > 0
    assert isinstance(recipe.whitening, Whitening)


def test_steps_that_need_a_cohort_are_not_tried_without_one() -> None:
    problem = problem_of(random_trials(0, people=12), nuisance=1.0)
    none = (np.empty((0, 12), np.float32),)
    problem.pools = (*problem.pools[:-1], replace(problem.pools[-1], cohorts=none))
    told = Told()
    recipe, tried = tune_steps(problem, told)
    assert [step.name for step in tried] == [name for name, _ in STEPS if name not in STEPS_BY_COHORT]
    assert any("centring, whitening, score_norm are not tried" in line for line in told.lines)
    assert np.isfinite(problem.scores(recipe, problem.blend_problem.everything)).all()


def test_a_step_that_does_not_help_stays_off() -> None:
    recipe, tried = tune_steps(problem_of(random_trials(0, people=12), nuisance=1.0), SilentProgress())
    assert not tried[0].is_on and not recipe.centring
    assert [step.name for step in tried] == [name for name, _ in STEPS]


def test_of_many_images_some_people_are_taken_with_all_of_theirs() -> None:
    trials = random_trials(0, people=20, num_folds=1)
    part = trials.restricted_to(some_people(trials, most_images=30))
    assert len(part.image_ids) == 30 and len(np.unique(part.people)) == 10
    assert len(part.labels) == 30 * 29 / 2
    kept = np.isin(trials.pair_ids, part.pair_ids)
    assert np.array_equal(part.values("scores"), trials.values("scores")[:, kept])


@pytest.mark.parametrize(("name", "settings"), STEPS, ids=[name for name, _ in STEPS])
def test_a_setting_found_on_one_side_never_uses_the_other(name: str, settings: tuple[object, ...]) -> None:
    trials = random_trials(1)
    problem = problem_of(trials, nuisance=6.0)
    chosen = trials.sides == 0
    mine = np.unique(np.concatenate([trials.first_ids[chosen], trials.second_ids[chosen]]))
    altered = []
    for pool, fold in zip(problem.pools, trials.folds, strict=True):
        first, second = trials.first_ids[fold.positions], trials.second_ids[fold.positions]
        ids = np.unique(np.concatenate([first, second]))
        vectors = pool.vectors[0].copy()
        others = ~np.isin(ids, mine)
        assert others.any()
        vectors[others] = np.random.default_rng(9).normal(size=vectors[others].shape)
        altered.append(replace(pool, vectors=(vectors,)))
    other_problem = PairTuningProblem(problem.blend_problem, tuple(altered), (1.0,), "scores")
    assert fit_setting(problem, PairRecipe(), name, settings, chosen) == fit_setting(
        other_problem, PairRecipe(), name, settings, chosen
    )
    everything = problem.blend_problem.everything
    assert not np.array_equal(
        problem.scores(PairRecipe(), everything), other_problem.scores(PairRecipe(), everything)
    )


def test_the_plain_recipe_is_the_cosine() -> None:
    rng = np.random.default_rng(0)
    vectors, cohort = rng.normal(size=(6, 4)), rng.normal(size=(5, 4))
    first, second = np.array([0, 1]), np.array([2, 5])
    unit = normalized(vectors)
    expected = np.einsum("pd,pd->p", unit[first], unit[second])
    assert recipe_scores(PairRecipe(), vectors, first, second, cohort) == pytest.approx(expected)


def test_scores_do_not_depend_on_the_order_of_images() -> None:
    rng = np.random.default_rng(0)
    vectors, cohort = rng.normal(size=(30, 4)), rng.normal(size=(50, 4))
    first, second = rng.integers(0, 30, 20), rng.integers(0, 30, 20)
    order = rng.permutation(30)
    place = np.argsort(order)
    for name, settings in STEPS:
        recipe = replace(PairRecipe(), **{name: settings[0]})
        straight = recipe_scores(recipe, vectors, first, second, cohort)
        shuffled = recipe_scores(recipe, vectors[order], place[first], place[second], cohort)
        assert shuffled == pytest.approx(straight, abs=1e-4)


def test_score_normalisation_takes_a_small_cohort_whole() -> None:
    rng = np.random.default_rng(0)
    vectors, cohort = rng.normal(size=(4, 3)), rng.normal(size=(5, 3))
    rows = (np.array([0]), np.array([1]))
    scores = [
        recipe_scores(PairRecipe(score_norm=ScoreNorm(top)), vectors, *rows, cohort) for top in (5, 300)
    ]
    assert scores[0] == pytest.approx(scores[1])


def test_steps_that_a_rule_forbids_are_not_tried() -> None:
    problem = problem_of(random_trials(0, people=12), nuisance=12.0)
    recipe, tried = tune_steps(problem, SilentProgress(), STEPS_BY_TEST_IMAGES)
    assert [step.name for step in tried] == ["centring", "whitening", "score_norm"]
    assert recipe.expansion is recipe.neighbourhood is recipe.reranking is None

"""Post-processing of galleries: each step measured on dev, and off unless it helps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kaggle_face.ensemble.postprocess.gallery_recipes import (
    GalleryRecipe,
    NetworkGallery,
    best_matches,
    gallery_scores,
)
from kaggle_face.ensemble.postprocess.gallery_tuning import (
    GALLERY_STEPS,
    GalleryTuningProblem,
    can_be_tuned,
    fit_gallery_setting,
    tune_gallery,
)
from kaggle_face.ensemble.postprocess.pair_recipes import QueryExpansion, Whitening
from kaggle_face.ensemble.postprocess.retrieval import STEPS_BY_TEST_IMAGES
from kaggle_face.metrics.galleries import search_gallery
from kaggle_face.metrics.intervals.bootstrap import Resampling
from kaggle_face.progress import SilentProgress
from kaggle_face.records import Embeddings, Gallery

NUM_PEOPLE, NUM_UNKNOWN, SIZE = 24, 10, 12


def faces(people: np.ndarray, rng: np.random.Generator, nuisance: float) -> np.ndarray:
    """Vectors in which the first direction says nothing of the person and has `nuisance` times the spread."""
    centres = np.random.default_rng(0).normal(size=(500, SIZE))
    vectors = centres[people] + 0.7 * rng.normal(size=(len(people), SIZE))
    vectors[:, 0] = nuisance * rng.normal(size=len(people))
    return vectors.astype(np.float32)


def problem_of(nuisance: float, seed: int = 1) -> GalleryTuningProblem:
    rng = np.random.default_rng(seed)
    known_people = np.repeat(np.arange(NUM_PEOPLE), 2)
    probed = np.concatenate([np.repeat(np.arange(NUM_PEOPLE), 3), NUM_PEOPLE + np.arange(NUM_UNKNOWN)])
    networks = tuple(
        NetworkGallery(
            faces(known_people, rng, nuisance),
            known_people,
            faces(probed, rng, nuisance),
            faces(rng.integers(100, 500, 300), rng, nuisance),
            weight,
        )
        for weight in (0.7, 0.3)
    )
    truth = np.where(probed < NUM_PEOPLE, probed, -1)
    return GalleryTuningProblem(
        networks, truth, probed, probed % 2, has_unknown=True, resampling=Resampling(200)
    )


def test_whitening_is_switched_on_where_one_direction_drowns_the_others() -> None:
    tuned = tune_gallery(problem_of(nuisance=8.0), SilentProgress())
    steps = {step.name: step for step in tuned.steps}
    assert steps["whitening"].is_on and steps["whitening"].gain.low > 0
    assert isinstance(tuned.recipe.whitening, Whitening)
    assert tuned.metrics["accuracy"] > 0.5


def test_a_step_that_does_not_help_stays_off() -> None:
    problem = problem_of(nuisance=1.0)
    tuned = tune_gallery(problem, SilentProgress())
    assert [step.name for step in tuned.steps] == [name for name, _ in GALLERY_STEPS]
    assert not tuned.steps[0].is_on and not tuned.recipe.centring
    for step in tuned.steps:
        assert step.is_on == (getattr(tuned.recipe, step.name) not in (None, False))


def test_the_plain_recipe_finds_whom_the_search_of_a_gallery_finds() -> None:
    network = problem_of(nuisance=1.0).networks[0]
    people, scores = best_matches(GalleryRecipe(), (network,))
    ids = np.array(
        [f"k{i}" for i in range(len(network.known))] + [f"q{i}" for i in range(len(network.probes))]
    )
    embeddings = Embeddings(ids, np.concatenate([network.known, network.probes]))
    names = np.char.zfill(network.person_of_image.astype(str), 3)
    count = len(network.known)
    gallery = Gallery(ids[:count], names, ids[count:], ids[count:], np.full(len(ids) - count, ""))
    found = search_gallery(embeddings, gallery)
    assert found.names.astype(int).tolist() == people.tolist()
    assert scores == pytest.approx(found.scores, abs=1e-5)


def test_augmentation_draws_an_image_towards_its_nearest_fellow() -> None:
    known = np.array([[1.0, 0.0], [0.6, 0.8]])
    network = NetworkGallery(known, np.array([0, 1]), np.array([[1.0, 0.0]]), np.eye(2))
    recipe = GalleryRecipe(augmentation=QueryExpansion(1, 1.0))
    # (1, 0) + 0.6 (0.6, 0.8) = (1.36, 0.48), of length 1.4422: the cosine with (1, 0) is 0.9430;
    # (0.6, 0.8) + 0.6 (1, 0) = (1.2, 0.8), also of length 1.4422: 0.8321.
    assert gallery_scores(recipe, network, np.array([[0, 1]])) == pytest.approx(
        np.array([[0.9430, 0.8321]]), abs=1e-4
    )


@pytest.mark.parametrize(("name", "settings"), GALLERY_STEPS, ids=[name for name, _ in GALLERY_STEPS])
def test_a_match_does_not_depend_on_the_order_of_probes_or_images(
    name: str, settings: tuple[object, ...]
) -> None:
    problem, rng = problem_of(nuisance=2.0), np.random.default_rng(5)
    recipe = replace(GalleryRecipe(), **{name: settings[0]})
    people, scores = best_matches(recipe, problem.networks)
    order, images = rng.permutation(len(problem.truth)), rng.permutation(len(problem.networks[0].known))
    shuffled = tuple(
        replace(
            network,
            known=network.known[images],
            person_of_image=network.person_of_image[images],
            probes=network.probes[order],
        )
        for network in problem.networks
    )
    others, other_scores = best_matches(recipe, shuffled)
    assert others.tolist() == people[order].tolist()
    assert other_scores == pytest.approx(scores[order], abs=1e-4)


@pytest.mark.parametrize(("name", "settings"), GALLERY_STEPS, ids=[name for name, _ in GALLERY_STEPS])
def test_a_setting_found_on_one_side_never_uses_a_probe_of_the_other(
    name: str, settings: tuple[object, ...]
) -> None:
    problem = problem_of(nuisance=4.0)
    mine = problem.sides == 0
    noise = np.random.default_rng(9)
    altered = tuple(
        replace(
            network, probes=np.where(mine[:, None], network.probes, noise.normal(size=network.probes.shape))
        )
        for network in problem.networks
    )
    other = replace(problem, networks=altered, _known={})
    assert fit_gallery_setting(problem, GalleryRecipe(), name, settings, mine) == fit_gallery_setting(
        other, GalleryRecipe(), name, settings, mine
    )
    assert problem.accuracy(GalleryRecipe(), ~mine) != other.accuracy(GalleryRecipe(), ~mine)


def test_where_nobody_is_unknown_everybody_is_named() -> None:
    problem = problem_of(nuisance=1.0)
    rows = problem.truth >= 0
    networks = tuple(network.of_probes(np.flatnonzero(rows)) for network in problem.networks)
    closed = GalleryTuningProblem(
        networks, problem.truth[rows], problem.people[rows], problem.sides[rows], has_unknown=False
    )
    assert closed.threshold(GalleryRecipe(), closed.everything) == -np.inf
    people, _ = closed.best(GalleryRecipe(), closed.everything)
    assert closed.accuracy(GalleryRecipe(), closed.everything) == np.mean(people == closed.truth)


def test_few_people_are_too_few_to_tune() -> None:
    problem = problem_of(nuisance=1.0)
    assert can_be_tuned(problem)
    rows = np.flatnonzero(problem.people < 8)
    few = replace(problem, truth=problem.truth[rows], people=problem.people[rows], sides=problem.sides[rows])
    assert not can_be_tuned(few)


def test_steps_that_a_rule_forbids_are_not_tried() -> None:
    tuned = tune_gallery(problem_of(nuisance=8.0), SilentProgress(), STEPS_BY_TEST_IMAGES)
    assert [step.name for step in tuned.steps] == ["centring", "whitening", "score_norm"]

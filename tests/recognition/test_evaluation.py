from __future__ import annotations

import numpy as np
import pytest

from kaggle_face.errors import InputError
from kaggle_face.metrics.similarity import normalized
from kaggle_face.progress import SilentProgress
from kaggle_face.recognition.compared_models import EmbeddedSet, FaceSet, embed_set
from kaggle_face.recognition.evaluation import measure_episodes, measure_shots, measure_sizes


class Cosine:
    """Compares embeddings that the test made up."""

    def __init__(self, name: str) -> None:
        self.name = self.fingerprint = name

    def embed(self, crops: object, progress: object) -> np.ndarray:
        return np.zeros((len(list(crops)), 2), np.float32)  # type: ignore[call-overload]

    def similarity(self, probes: np.ndarray, known: np.ndarray) -> np.ndarray:
        return normalized(probes) @ normalized(known).T

    def template(self, images: np.ndarray) -> np.ndarray:
        return normalized(images).mean(axis=0)


def people(num_mated: int, num_single: int, images: int = 3) -> FaceSet:
    names = [f"m{person:03}" for person in range(num_mated) for _ in range(images)]
    names += [f"s{person:03}" for person in range(num_single)]
    ids = np.arange(len(names)).astype(str)
    return FaceSet(np.array(names), [np.zeros((1, 1, 3), np.uint8)] * len(names), ids)


def embedded(faces: FaceSet, noise: float, name: str = "ours", seed: int = 0) -> EmbeddedSet:
    """A direction for each person, and noise on each image."""
    rng = np.random.default_rng(seed)
    codes = np.unique(faces.people, return_inverse=True)[1]
    middles = rng.normal(size=(codes.max() + 1, 64))
    vectors = normalized(middles)[codes] + noise * rng.normal(size=(len(codes), 64)) / 8
    return EmbeddedSet(Cosine(name), vectors.astype(np.float32), 1.0)


def test_a_perfect_model_finds_everyone_and_no_unknown_person() -> None:
    faces = people(30, 120)
    result = measure_sizes(faces, [embedded(faces, noise=0.01)], [10, 30], draws=3)[0]
    assert [one.size for one in result] == [10, 30]
    assert all(one.rank1.value == one.rank5.value == one.dir_mean == 1.0 for one in result)
    assert all(one.unknown == 120 for one in result)


def test_a_model_that_guesses_finds_one_of_all() -> None:
    faces = people(50, 120)
    result = measure_sizes(faces, [embedded(faces, noise=1e6)], [50], draws=10)[0][0]
    # 1000 guesses of 1 in 50, less the independence of few people: three standard errors are 0.02.
    assert result.rank1.value == pytest.approx(1 / 50, abs=0.02)
    assert result.rank5.value == pytest.approx(5 / 50, abs=0.04)


def test_each_person_is_enrolled_once_and_the_other_images_are_looked_for() -> None:
    faces = people(20, 120, images=4)
    result = measure_sizes(faces, [embedded(faces, noise=0.5)], [20], draws=2)[0][0]
    assert result.probes == 2 * 20 * 3


def test_where_nobody_has_a_single_image_the_not_enrolled_are_unknown() -> None:
    faces = people(60, 0)
    result = measure_sizes(faces, [embedded(faces, noise=0.1)], [20], draws=2)[0][0]
    assert result.unknown == 40 * 3


def test_two_models_are_compared_on_the_same_draws() -> None:
    faces = people(30, 120)
    same = [embedded(faces, noise=1.5, name="one"), embedded(faces, noise=1.5, name="two")]
    comparison = measure_sizes(faces, same, [30], draws=2)[1][0]
    assert (comparison.first, comparison.second, comparison.value) == ("one", "two", 0.0)
    better = [embedded(faces, noise=0.1), embedded(faces, noise=4.0)]
    assert measure_sizes(faces, better, [30], draws=2)[1][0].low > 0


def test_more_people_than_there_are_cannot_be_enrolled() -> None:
    faces = people(5, 10)
    with pytest.raises(InputError, match="a gallery of 6 needs as many people with two images, got 5"):
        measure_sizes(faces, [embedded(faces, noise=0.1)], [6])


def test_more_enrolled_images_help_on_the_same_probes() -> None:
    faces = people(40, 0, images=8)
    results = measure_shots(faces, [embedded(faces, noise=3.0)], [1, 2, 5])
    rates = [one.by_mean.value for one in results]
    assert rates[0] < rates[1] < rates[2]
    assert results[0].by_mean == results[0].by_best


def test_episodes_are_measured_for_each_model() -> None:
    faces = people(30, 0)
    found = measure_episodes(faces, [embedded(faces, noise=0.01)], [5, 20])
    assert [(one.ways, one.accuracy.value) for one in found] == [(5, 1.0), (20, 1.0)]


def test_the_time_of_a_face_is_taken() -> None:
    faces = people(3, 0)
    assert embed_set(Cosine("x"), faces, None, SilentProgress()).milliseconds > 0

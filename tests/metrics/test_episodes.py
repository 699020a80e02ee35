from __future__ import annotations

import numpy as np
import pytest

from kaggle_face.errors import InputError
from kaggle_face.metrics.episodes import episode_accuracy


def spread_people(count: int, images: int, noise: float, size: int = 32) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(count), images)
    return rng.normal(size=(count, size))[people] + noise * rng.normal(size=(len(people), size)), people


@pytest.mark.parametrize("ways", [2, 5, 20])
def test_guessing_is_right_once_in_as_many_ways(ways: int) -> None:
    images, people = spread_people(60, 4, noise=1e6)
    found = episode_accuracy(images, people, ways, num_episodes=800)
    assert found.value == pytest.approx(1 / ways, abs=0.04)


def test_the_interval_is_that_of_the_mean_of_independent_guesses() -> None:
    images, people = spread_people(200, 4, noise=1e6)
    found = episode_accuracy(images, people, ways=5, num_episodes=1000)
    # 5000 guesses of chance 1/5: 1.96 sqrt(0.2 * 0.8 / 5000) = 0.0111.
    assert (found.high - found.low) / 2 == pytest.approx(0.0111, rel=0.1)


def test_more_known_images_help() -> None:
    images, people = spread_people(40, 6, noise=3.0)
    accuracies = [
        episode_accuracy(images, people, ways=20, shots=shots, num_episodes=200).value for shots in (1, 2, 5)
    ]
    assert accuracies[0] < accuracies[1] < accuracies[2]


def test_the_scale_of_an_embedding_does_not_matter() -> None:
    images, people = spread_people(20, 3, noise=1.0)
    scaled = images * np.random.default_rng(1).uniform(0.1, 10, (len(images), 1))
    found, of_scaled = (episode_accuracy(each, people, num_episodes=200) for each in (images, scaled))
    assert found.value == of_scaled.value


def test_the_same_seed_draws_the_same_episodes() -> None:
    images, people = spread_people(20, 3, noise=2.0)
    first, again, other = (episode_accuracy(images, people, num_episodes=200, seed=s) for s in (3, 3, 4))
    assert first == again != other


def test_people_with_too_few_images_are_left_out() -> None:
    images, people = spread_people(6, 2, noise=0.0)
    alone = people.copy()
    alone[1] = 99  # now one person has one image, and somebody else one
    with pytest.raises(InputError, match=r"6-way episodes with 1 known image need 6 people .* got 5"):
        episode_accuracy(images, alone, ways=6)


@pytest.mark.parametrize("numbers", [{"ways": 1}, {"shots": 0}, {"num_episodes": 1}])
def test_numbers_below_their_least_are_refused(numbers: dict[str, int]) -> None:
    images, people = spread_people(6, 3, noise=0.0)
    with pytest.raises(InputError, match="episodes need 2 ways, 1 shot and 2 episodes"):
        episode_accuracy(images, people, **numbers)

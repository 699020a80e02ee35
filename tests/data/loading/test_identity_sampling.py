"""Orders of an epoch: what they contain, and that they repeat."""

from __future__ import annotations

import numpy as np
import pytest

from kaggle_face.config import SamplerConfig
from kaggle_face.data.loading.identity_sampling import sampled_order
from kaggle_face.errors import ConfigError

SIZES = (1, 3, 8, 20, 68)
PERSON_OF = np.repeat(np.arange(5), SIZES)
"""100 images of five people."""
MANY = np.random.default_rng(0).integers(0, 37, 1000)
NAMES = ("shuffled", "balanced", "square_root", "identities")


def order(name: str, labels: np.ndarray, epoch: int = 0, batch_size: int = 20) -> np.ndarray:
    config = SamplerConfig(name=name, images_per_identity=4)  # type: ignore[arg-type]
    return sampled_order(labels, config, batch_size, seed=5, epoch=epoch)


@pytest.mark.parametrize("name", NAMES)
def test_an_order_repeats_for_its_epoch_and_differs_between_epochs(name: str) -> None:
    assert np.array_equal(order(name, MANY, 3), order(name, MANY, 3))
    assert not np.array_equal(order(name, MANY, 3), order(name, MANY, 4))


def test_shuffled_takes_every_image_once() -> None:
    assert np.array_equal(np.sort(order("shuffled", PERSON_OF)), np.arange(100))


def test_balanced_takes_every_person_equally_often() -> None:
    # 100 draws of five people.
    assert np.bincount(PERSON_OF[order("balanced", PERSON_OF)]).tolist() == [20] * 5


def test_square_root_takes_people_by_the_root_of_their_images() -> None:
    counts = np.bincount(PERSON_OF[order("square_root", PERSON_OF)])
    # Roots 1, 1.732, 2.828, 4.472, 8.246 sum to 18.278; times 100 / 18.278.
    expected = np.array([5.47, 9.48, 15.47, 24.47, 45.11])
    assert counts.sum() == 100
    assert (np.abs(counts - expected) < 1).all()


def test_square_root_rounds_up_as_often_as_the_fraction_says() -> None:
    counts = [np.bincount(PERSON_OF[order("square_root", PERSON_OF, epoch)]) for epoch in range(400)]
    assert np.mean(counts, axis=0) == pytest.approx([5.47, 9.48, 15.47, 24.47, 45.11], abs=0.1)


@pytest.mark.parametrize("name", ["balanced", "square_root"])
def test_no_image_is_drawn_twice_more_than_another_of_its_person(name: str) -> None:
    counts = np.bincount(order(name, PERSON_OF), minlength=100)
    for of_person in np.split(counts, np.cumsum(SIZES)[:-1]):
        assert of_person.max() - of_person.min() <= 1


def test_identities_gives_batches_of_five_people_with_four_images() -> None:
    batches = MANY[order("identities", MANY)].reshape(-1, 5, 4)
    assert len(batches) == 50
    assert (batches == batches[:, :, :1]).all()
    assert all(len(set(batch[:, 0])) == 5 for batch in batches)


def test_identities_takes_different_images_of_a_person_who_has_enough() -> None:
    groups = order("identities", MANY).reshape(-1, 4)
    assert all(len(set(group)) == 4 for group in groups)


def test_identities_repeats_the_images_of_a_person_who_has_too_few() -> None:
    groups = order("identities", PERSON_OF).reshape(-1, 4)
    of_second = [group for group in groups if PERSON_OF[group[0]] == 1]
    assert of_second and all(set(group) == {1, 2, 3} for group in of_second)


def test_identities_lets_nobody_get_two_turns_ahead() -> None:
    people = MANY[order("identities", MANY)].reshape(-1, 4)[:, 0]
    for turns in (60, 100, 250):
        counts = np.bincount(people[:turns], minlength=37)
        assert counts.max() - counts.min() <= 1


def test_identities_takes_new_images_at_each_turn_of_a_person() -> None:
    labels = np.repeat(np.arange(5), 40)
    assert len(set(order("identities", labels).tolist())) == 200


def test_identities_needs_as_many_people_as_a_batch_takes() -> None:
    with pytest.raises(ConfigError, match="takes 6 people per batch, and there are 5"):
        order("identities", PERSON_OF, batch_size=24)

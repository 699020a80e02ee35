"""Few-shot episodes: the accuracy of naming an image among K people from a few images of each.

Letters: N images, D embedding size, K people of an episode.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kaggle_face.errors import InputError, counted
from kaggle_face.metrics.inputs import (
    FloatArray,
    as_ids,
    as_numbers,
    require_count,
    require_finite,
    require_same_length,
    require_whole,
)
from kaggle_face.metrics.similarity import normalized


@dataclass(frozen=True)
class EpisodeAccuracy:
    """Mean accuracy in [0, 1] over episodes, and its 95 % interval for other episodes of the same people."""

    value: float
    low: float
    high: float
    num_episodes: int


def episode_accuracy(
    embeddings: npt.ArrayLike,
    people: npt.ArrayLike,
    ways: int = 5,
    shots: int = 1,
    num_episodes: int = 1000,
    seed: int = 0,
) -> EpisodeAccuracy:
    """K-way accuracy: each episode draws `ways` people, `shots` known images and one unknown image of each.

    An unknown image goes to the person whose mean of normalised embeddings is nearest by cosine. The interval
    is the mean plus and minus 1.96 standard errors over the episodes, as few-shot papers report it.
    Source: Vinyals et al. 2016, "Matching networks for one shot learning"; prototypes: Snell et al. 2017.

    Shapes: embeddings (N, D), people (N,), any ids.

    Raises:
        InputError: Lengths differ, numbers below their least, or fewer than `ways` people with enough images.

    Two people in opposite directions are never confused:

    >>> faces = np.array([[1.0, 0.1], [1.0, 0.0], [-1.0, 0.1], [-1.0, 0.0]])
    >>> episode_accuracy(faces, ["a", "a", "b", "b"], ways=2, num_episodes=10)
    EpisodeAccuracy(value=1.0, low=1.0, high=1.0, num_episodes=10)
    """
    for name, number in (("ways", ways), ("shots", shots), ("num_episodes", num_episodes)):
        require_whole(number, name)
    require_count(seed, "seed", 0)
    if ways < 2 or shots < 1 or num_episodes < 2:
        raise InputError(
            f"episodes need 2 ways, 1 shot and 2 episodes or more, got {ways}, {shots} and {num_episodes}"
        )
    ids, vectors_ND = as_ids(people, "people"), as_numbers(embeddings, "embeddings")
    if vectors_ND.ndim != 2:
        raise InputError(f"embeddings must be a table (images, numbers), got shape {vectors_ND.shape}")
    require_same_length(vectors_ND, ids, "embeddings and people")
    require_finite(vectors_ND, "embeddings")
    order = np.argsort(ids, kind="stable").astype(np.int64)
    starts = np.unique(ids[order], return_index=True)[1]
    rows_of_person = [rows for rows in np.split(order, starts[1:]) if len(rows) > shots]
    if len(rows_of_person) < ways:
        raise InputError(
            f"{ways}-way episodes with {counted(shots, 'known image')} need {counted(ways, 'person')} with "
            f"{counted(shots + 1, 'image')} or more, got {len(rows_of_person)}"
        )
    directions_ND = normalized(vectors_ND)
    rng = np.random.default_rng(seed)
    accuracies = [_one_episode(directions_ND, rows_of_person, ways, shots, rng) for _ in range(num_episodes)]
    mean = float(np.mean(accuracies))
    margin = 1.96 * float(np.std(accuracies, ddof=1)) / math.sqrt(num_episodes)
    return EpisodeAccuracy(mean, max(0.0, mean - margin), min(1.0, mean + margin), num_episodes)


def _one_episode(
    directions_ND: FloatArray,
    rows_of_person: list[npt.NDArray[np.int64]],
    ways: int,
    shots: int,
    rng: np.random.Generator,
) -> float:
    """The share of the episode's unknown images (K,) that go to the right person."""
    people = rng.choice(len(rows_of_person), ways, replace=False)
    drawn = np.stack([rng.choice(rows_of_person[person], shots + 1, replace=False) for person in people])
    known_KD = normalized(directions_ND[drawn[:, 1:]].sum(axis=1))
    nearest_K = (directions_ND[drawn[:, 0]] @ known_KD.T).argmax(axis=1)
    return float(np.mean(nearest_K == np.arange(ways)))

"""The order of an epoch by identity: balanced, square-root, or P people with K images each.

Every order is a pure function of (labels, settings, seed, epoch), so a training goes on in the middle of an
epoch by leaving out its first batches, and several processes cut their parts of each batch out of one order
without talking to each other.

Letters: N images, C classes, L length of an order, P identities of a batch, K images of each.
"""

from __future__ import annotations

from collections import deque
from typing import assert_never

import numpy as np

from kaggle_face.config.training import SamplerConfig
from kaggle_face.data.loading.samplers import epoch_order, seeded
from kaggle_face.errors import ConfigError
from kaggle_face.records import FloatArray, IntArray

_DRAWS = 0x5EED04
"""The first word after the seed: what these random draws are for."""


def sampled_order(
    labels: IntArray, config: SamplerConfig, batch_size: int, seed: int, epoch: int
) -> IntArray:
    """The positions (L) of an epoch's images among all training images, in their order.

    L is N, except for `identities`: there it is a multiple of the batch size, at most N unless N is less.

    Args:
        labels: Class index of each training image (N).
        config: Which order.
        batch_size: Images of a step over all processes; `identities` takes P = batch_size / K people.
        seed: Seed of the run.
        epoch: Counted from 0.

    Raises:
        ConfigError: There are fewer people than a batch takes.
    """
    match config.name:
        case "shuffled":
            return epoch_order(len(labels), seed, epoch)
        case "balanced":
            return _reweighted_order(labels, 0.0, seeded(seed, _DRAWS, epoch))
        case "square_root":
            return _reweighted_order(labels, 0.5, seeded(seed, _DRAWS, epoch))
        case "identities":
            per_identity = config.images_per_identity
            return _order_by_identity(labels, batch_size, per_identity, seeded(seed, _DRAWS, epoch))
        case _:
            assert_never(config.name)


def _reweighted_order(labels: IntArray, power: float, random: np.random.Generator) -> IntArray:
    """N draws of which a class of n images gets a share in proportion to n^power, its images in turn."""
    images_of_class = _shuffled_classes(labels, random)
    sizes_C = np.array([len(images) for images in images_of_class], np.float64)
    quotas = _round_to_sum(len(labels) * sizes_C**power / (sizes_C**power).sum(), random)
    chosen = [np.resize(images, quota) for images, quota in zip(images_of_class, quotas, strict=True)]
    return random.permutation(np.concatenate(chosen))


def _order_by_identity(
    labels: IntArray, batch_size: int, per_identity: int, random: np.random.Generator
) -> IntArray:
    """Batches of P different people; all people take turns, and so do the images of a person."""
    images_of_class = _shuffled_classes(labels, random)
    per_batch = batch_size // per_identity
    if len(images_of_class) < per_batch:
        raise ConfigError(
            f"train.batch_size={batch_size} with sampler.images_per_identity={per_identity} takes "
            f"{per_batch} people per batch, and there are {len(images_of_class)}; lower train.batch_size"
        )
    batches = max(1, len(labels) // batch_size)
    turns = _turns_of_people(len(images_of_class), per_batch, batches, random)
    turn_of = np.zeros(len(images_of_class), np.int64)
    groups = []
    for person in turns.tolist():
        images = images_of_class[person]
        turns_per_round = max(1, len(images) // per_identity)
        start = (int(turn_of[person]) % turns_per_round) * per_identity
        groups.append(np.resize(images[start : start + per_identity], per_identity))
        turn_of[person] += 1
    return np.concatenate(groups)


def _turns_of_people(count: int, per_batch: int, batches: int, random: np.random.Generator) -> IntArray:
    """People (batches * P), different within a batch, each at most one turn ahead of any other.

    Whoever of a new round is in the batch that ends the old one already waits for the next batch.
    """
    waiting: deque[int] = deque()
    turns: list[int] = []
    for _ in range(batches):
        batch: list[int] = []
        while len(batch) < per_batch:
            if not waiting:
                fresh = random.permutation(count).tolist()
                inside = set(batch)
                fresh.sort(key=inside.__contains__)  # stable: those of this batch come last
                waiting.extend(fresh)
            batch.append(waiting.popleft())
        turns += batch
    return np.asarray(turns, np.int64)


def _shuffled_classes(labels: IntArray, random: np.random.Generator) -> list[IntArray]:
    """The positions of the images of each class that has any, each in random order."""
    shuffled = random.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    _, starts = np.unique(labels[by_class], return_index=True)
    return np.split(by_class, starts[1:])


def _round_to_sum(shares: FloatArray, random: np.random.Generator) -> IntArray:
    """Whole numbers with the sum of the shares, each its share rounded down or up.

    Systematic sampling: up with the probability of the fraction (Madow 1949).
    """
    ends = np.cumsum(shares)
    ends[-1] = round(float(ends[-1]))
    whole: IntArray = np.diff(np.floor(ends + random.random()), prepend=0.0).astype(np.int64)
    return whole

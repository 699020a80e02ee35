"""The order of an epoch's images, the shards of a batch, and the one random source of the package."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from kaggle_face.records import IntArray


class Stream(IntEnum):
    """The first word after the seed: the purpose of a random draw of this package part."""

    EPOCH_ORDER = 0x5EED01
    FOLDS = 0x5EED02
    TRIALS = 0x5EED03


@dataclass(frozen=True)
class Shard:
    """The part of every batch that one of several processes makes; processes count from 0."""

    rank: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        assert 0 <= self.rank < self.count

    def of(self, size: int) -> slice:
        """The positions in a batch of that size; the parts make up the batch and differ by one image at most.

        >>> [Shard(rank, 3).of(8) for rank in range(3)]
        [slice(0, 2, None), slice(2, 5, None), slice(5, 8, None)]
        """
        return slice(size * self.rank // self.count, size * (self.rank + 1) // self.count)


WHOLE_BATCH = Shard()


def seeded(seed: int, *words: int) -> np.random.Generator:
    """A generator that follows from the seed and the words alone, each 0 <= word < 2**32.

    Different words, also words of different number, give independent streams: the words are hashed by
    `numpy.random.SeedSequence` beside the seed.
    """
    assert seed >= 0 and all(0 <= word < 2**32 for word in words), f"words out of range: {words}"
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=words))


def epoch_order(num_images: int, seed: int, epoch: int) -> IntArray:
    """The positions 0..num_images-1 in the order of an epoch (counted from 0); a pure function."""
    return seeded(seed, Stream.EPOCH_ORDER, epoch).permutation(num_images).astype(np.int64, copy=False)

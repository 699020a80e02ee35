"""The plan of an epoch: its images in order, and the sample key that each is augmented by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kaggle_face.records import IntArray


@dataclass(frozen=True, eq=False)
class Request:
    """The images of a batch: rows of the image cache, and the sample key of each."""

    epoch: int
    rows: IntArray
    sample_keys: IntArray


@dataclass(frozen=True, eq=False)
class EpochPlan:
    """The rest of an epoch: rows and sample keys (N) of all of its whole batches."""

    epoch: int
    rows: IntArray
    sample_keys: IntArray
    batch_size: int

    def __post_init__(self) -> None:
        assert len(self.rows) == len(self.sample_keys)
        assert len(self.rows) % self.batch_size == 0, "only whole batches are planned"

    @property
    def steps(self) -> int:
        """The number of batches."""
        return len(self.rows) // self.batch_size

    def requests(self) -> list[Request]:
        """The batches."""
        parts = [slice(step * self.batch_size, (step + 1) * self.batch_size) for step in range(self.steps)]
        return [Request(self.epoch, self.rows[p], self.sample_keys[p]) for p in parts]

    def blocks(self, batches: int) -> list[slice]:
        """The images of every `batches` batches that follow each other; the last block may be smaller."""
        length = batches * self.batch_size
        return [
            slice(start, min(start + length, len(self.rows))) for start in range(0, len(self.rows), length)
        ]


def sample_keys(order: IntArray) -> IntArray:
    """The key by which each image of an order is augmented: its place, and its repeat index above bit 32.

    The place is that among the training images: another test set changes nothing about a training. The repeat
    index counts how often the image came before in the order, so that an image shown again is augmented anew.

    >>> keys = sample_keys(np.array([5, 4, 5]))
    >>> (keys & (2**32 - 1)).tolist(), (keys >> 32).tolist()
    ([5, 4, 5], [0, 0, 1])
    """
    by_image = np.argsort(order, kind="stable")
    _, starts, counts = np.unique(order[by_image], return_index=True, return_counts=True)
    repeats = np.empty(len(order), np.int64)
    repeats[by_image] = np.arange(len(order)) - np.repeat(starts, counts)
    return np.asarray(order + (repeats << 32))

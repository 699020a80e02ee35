"""A part of the classes for one step, so that millions of them cost as little as thousands (Partial FC).

An et al. 2022, arXiv:2203.15565, section 3: the classes of the batch are always there, the rest is drawn
at random. Where several processes each hold a part of the head (`shards.py`), a sample is made of the part
that each holds. Letters: B images, C classes, S sampled classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from kaggle_face.model.heads.shards import ClassShard


@dataclass(frozen=True, eq=False)
class ClassSample:
    """The classes that take part in a step.

    Attributes:
        indices: Their rows in the weights (S), ascending; None when all take part. These are class indices,
            counted from the shard's first class where there is one.
        shard: The classes that this process holds, where that is a part of them.
        filled: Which of `indices` count (S), where some only fill a length that the host knows.
        total: The number of classes that take part in all processes; None without a shard.
    """

    indices: Tensor | None = None
    shard: ClassShard | None = None
    filled: Tensor | None = None
    total: int | None = None

    def positions(self, labels_B: Tensor) -> Tensor:
        """Positions of labels among the sampled classes; each label must be one of them.

        Of a shard: some position, where another process holds the label (see `holds`).
        """
        if self.shard is not None:
            labels_B = (labels_B - self.shard.first).clamp(0, max(0, self.shard.size - 1))
        if self.indices is None:
            return labels_B
        positions_B = torch.searchsorted(self.indices, labels_B)
        return positions_B if self.shard is None else positions_B.clamp(max=max(0, len(self.indices) - 1))

    def holds(self, labels_B: Tensor) -> Tensor | None:
        """Mask (B) of the labels that this process holds; None where it holds all."""
        return None if self.shard is None else self.shard.holds(labels_B)

    def rows(self, per_class: Tensor) -> Tensor:
        """The rows of a tensor (C, ...) that belong to the sampled classes: (S, ...)."""
        return per_class if self.indices is None else per_class.index_select(0, self.indices)

    def part_of(self, shard: ClassShard, num_labels: int) -> ClassSample:
        """The classes of a sample of all that a process holds.

        A GPU would have to be waited for to know how many these are. There so many rows are taken that they
        suffice but with a probability below 1e-15, and the rest is marked as not `filled`.

        Args:
            shard: What the process holds.
            num_labels: The number of labels that are certainly in the sample.
        """
        if self.indices is None:
            return ClassSample(None, shard, None, shard.num_classes)
        total = len(self.indices)
        bounds = torch.tensor([shard.first, shard.stop], device=self.indices.device)
        first, stop = torch.searchsorted(self.indices, bounds)
        if self.indices.device.type == "cpu":
            return ClassSample(self.indices[int(first) : int(stop)] - shard.first, shard, None, total)
        return self._filled_part(shard, shard.likely_most(total, num_labels), first, stop)

    def _filled_part(self, shard: ClassShard, size: int, first: Tensor, stop: Tensor) -> ClassSample:
        """The rows from `first` to before `stop`, and copies of the last one up to `size`."""
        assert self.indices is not None
        places_S = first + torch.arange(size, device=self.indices.device)
        rows_S = self.indices[torch.minimum(places_S, stop - 1).clamp(min=0)] - shard.first
        rows_S = rows_S.clamp(0, max(0, shard.size - 1))
        return ClassSample(rows_S, shard, places_S < stop, len(self.indices))


EVERY_CLASS = ClassSample()


def sample_classes(
    labels: Tensor,
    num_classes: int,
    fraction: float,
    generator: torch.Generator,
    num_different: int | None = None,
) -> ClassSample:
    """All classes of the labels, and others drawn without replacement up to ceil(fraction * C) in total.

    Args:
        labels: Class indices of the batch in any shape; for mixed images the labels of both sources.
        num_classes: C.
        fraction: In (0, 1]; 1 takes every class.
        generator: The one source of randomness, on its own device.
        num_different: The number of different labels, where the caller knows it. Without it the device is
            waited for where fewer classes are sampled than there are labels.
    """
    if fraction >= 1.0:
        return EVERY_CLASS
    scores_C = torch.rand(num_classes, generator=generator, device=generator.device)
    scores_C.index_fill_(0, labels.flatten().to(scores_C.device), 2.0)
    count = math.ceil(fraction * num_classes)
    if count < labels.numel():  # else they fit however many differ
        count = max(count, int((scores_C == 2.0).sum()) if num_different is None else num_different)
    return ClassSample(scores_C.topk(count).indices.sort().values.to(labels.device))

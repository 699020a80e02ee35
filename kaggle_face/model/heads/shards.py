"""A head whose classes are divided among processes: each holds some rows of the weights (Partial FC).

An et al. 2021, arXiv:2010.05222, section 3.1. Letters: B images, C classes, N processes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

_DEVIATIONS = 8.0
"""Standard deviations above the mean that a normal variable exceeds with a probability of 6e-16."""


@dataclass(frozen=True)
class ClassShard:
    """The classes `first` to before `stop` of `num_classes`, which this process holds.

    Attributes:
        add_up: Replaces a tensor by its sum over the processes.
    """

    first: int
    stop: int
    num_classes: int
    add_up: Callable[[Tensor], None]

    @property
    def size(self) -> int:
        """The number of classes that are held; 0 where there are more processes than classes."""
        return self.stop - self.first

    def holds(self, labels_B: Tensor) -> Tensor:
        """Mask (B) of the labels that are held."""
        return (labels_B >= self.first) & (labels_B < self.stop)

    def complete(self, held_B: Tensor) -> Tensor:
        """Numbers (B) of which each process has those of its labels, and zeros; without gradients."""
        whole_B = held_B.detach().clone()
        self.add_up(whole_B)
        return whole_B

    def likely_most(self, total: int, num_labels: int) -> int:
        """As many rows as a sample of `total` classes takes of those held, but for a chance below 1e-15.

        The drawn ones are hypergeometric, whose deviation is at most that of a binomial variable. Certain
        labels may all be held here.
        """
        share = self.size / self.num_classes
        drawn = total * share + _DEVIATIONS * math.sqrt(total * share * (1.0 - share)) + _DEVIATIONS
        return min(self.size, total, math.ceil(drawn) + num_labels)


def rows_of(tensor: Tensor, shard: ClassShard) -> Tensor:
    """A copy of the held rows of a tensor (C, ...)."""
    assert len(tensor) == shard.num_classes
    return tensor[shard.first : shard.stop].clone(memory_format=torch.contiguous_format)

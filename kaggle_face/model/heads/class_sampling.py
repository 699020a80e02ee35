"""A part of the classes for one step, so that millions of them cost as little as thousands (Partial FC).

An et al. 2022, arXiv:2203.15565, section 3: the classes of the batch are always there, the rest is drawn
at random. Letters: B images, C classes, S sampled classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class ClassSample:
    """The classes that take part in a step.

    Attributes:
        indices: Their class indices (S), ascending; None when every class takes part.
    """

    indices: Tensor | None = None

    def positions(self, labels_B: Tensor) -> Tensor:
        """Where labels stand among the sampled classes; each label must be one of them."""
        if self.indices is None:
            return labels_B
        return torch.searchsorted(self.indices, labels_B)

    def rows(self, per_class: Tensor) -> Tensor:
        """The rows of a tensor (C, ...) that belong to the sampled classes: (S, ...)."""
        return per_class if self.indices is None else per_class.index_select(0, self.indices)


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

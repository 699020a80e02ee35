"""Heads: from embeddings to the logits of the classes.

A head works in two steps, so that a mixed batch (CutMix, Mixup) computes the expensive step once and
applies a margin for each of its two labels:

    similarity_BC = head.similarity(embeddings_BD)            # the matrix product, in float32
    logits_BC = head.logits(similarity_BC)                    # inference: no margin
    logits_BC = head.margin_logits(similarity_BC, labels_B, norms_B)   # training

With `margin.sampled_classes < 1` a step uses a part of the classes:

    classes = head.choose_classes(labels_B, generator)
    similarity_BS = head.similarity(embeddings_BD, classes)
    logits_BS = head.margin_logits(similarity_BS, labels_B, norms_B, classes)
    loss = cross_entropy(logits_BS, classes.positions(labels_B))

Letters: B images, D embedding size, C classes, S sampled classes (all C by default).
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kaggle_face.config import MarginConfig
from kaggle_face.model.heads.class_sampling import EVERY_CLASS, ClassSample, sample_classes

_WEIGHT_STD = 0.01
# Shorter vectors are taken for this long: their direction means nothing, and the gradient stays finite.
_SHORTEST_NORM = 1e-4


class Head(nn.Module, ABC):
    """What every head has.

    Attributes:
        num_classes: C.
        embedding_size: D.
        sampled_fraction: Share of the classes that a training step uses, in (0, 1].
    """

    def __init__(self, num_classes: int, embedding_size: int, sampled_fraction: float = 1.0) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.embedding_size = embedding_size
        self.sampled_fraction = sampled_fraction

    @abstractmethod
    def similarity(self, embeddings_BD: Tensor, classes: ClassSample = EVERY_CLASS) -> Tensor:
        """How near each embedding is to each class (B, S), at least float32 whatever autocast says."""

    @abstractmethod
    def logits(self, similarity_BC: Tensor) -> Tensor:
        """The logits (B, S) for inference."""

    @abstractmethod
    def margin_logits(
        self,
        similarity_BC: Tensor,
        labels_B: Tensor,
        norms_B: Tensor | None = None,
        classes: ClassSample = EVERY_CLASS,
    ) -> Tensor:
        """The logits (B, S) for training: the class of the label is made harder by the margin.

        Args:
            similarity_BC: What `similarity` gave for the same `classes`.
            labels_B: Class indices in [0, C), also where classes are sampled.
            norms_B: L2 norms of the embeddings; only AdaFace needs them.
            classes: The sampled classes; they include every label.
        """

    def set_progress(self, epoch: float) -> None:
        """Tells how many epochs, with their fraction, are trained; warm-ups follow from it alone."""

    def choose_classes(self, labels: Tensor, generator: torch.Generator) -> ClassSample:
        """The classes of a training step, with every label among them (see `sample_classes`)."""
        return sample_classes(labels, self.num_classes, self.sampled_fraction, generator)


def in_full_precision(tensor: Tensor) -> Tensor:
    """The tensor in float32, or as it is where it is finer."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def unit_vectors(vectors: Tensor) -> Tensor:
    """Vectors along the last dimension scaled to length 1; the zero vector stays zero."""
    return F.normalize(vectors, dim=-1, eps=_SHORTEST_NORM)


class LinearHead(Head):
    """A linear classifier; its similarities are the logits.

    With `normalizes`, embeddings and class weights lie on the unit sphere, there is no bias, and the logits
    are `scale` times the cosines (NormFace, Wang et al. 2017, arXiv:1704.06369, equation 6).
    """

    def __init__(
        self,
        num_classes: int,
        embedding_size: int,
        sampled_fraction: float = 1.0,
        normalizes: bool = False,
        scale: float = 1.0,
    ) -> None:
        super().__init__(num_classes, embedding_size, sampled_fraction)
        self.normalizes = normalizes
        self.scale = scale
        self.weight_CD = nn.Parameter(torch.empty(num_classes, embedding_size))
        self.bias_C: nn.Parameter | None = None if normalizes else nn.Parameter(torch.zeros(num_classes))
        nn.init.normal_(self.weight_CD, std=_WEIGHT_STD)

    def similarity(self, embeddings_BD: Tensor, classes: ClassSample = EVERY_CLASS) -> Tensor:
        """The logits (B, S)."""
        with torch.autocast(embeddings_BD.device.type, enabled=False):
            inputs_BD = in_full_precision(embeddings_BD)
            weight_SD = classes.rows(self.weight_CD).to(inputs_BD.dtype)
            if self.bias_C is None:
                return self.scale * F.linear(unit_vectors(inputs_BD), unit_vectors(weight_SD))
            return F.linear(inputs_BD, weight_SD, classes.rows(self.bias_C).to(inputs_BD.dtype))

    def logits(self, similarity_BC: Tensor) -> Tensor:
        """The similarities themselves."""
        return similarity_BC

    def margin_logits(
        self,
        similarity_BC: Tensor,
        labels_B: Tensor,
        norms_B: Tensor | None = None,
        classes: ClassSample = EVERY_CLASS,
    ) -> Tensor:
        """The similarities themselves: a linear head has no margin."""
        return similarity_BC


class MarginHead(Head):
    """A head on the unit sphere: similarities are cosines, logits are `scale` times them.

    A subclass says in `harder_cosine` what becomes of the cosine with the label's own class.

    Attributes:
        class_margins: Margin of each class (C), or one margin for all (1); not part of the weights.
        margin_factor: Share of the margin that the warm-up allows now, in [0, 1].
        scale: The current scale.
    """

    class_margins: Tensor

    def __init__(
        self, num_classes: int, embedding_size: int, margin: MarginConfig, class_counts: Tensor | None = None
    ) -> None:
        super().__init__(num_classes, embedding_size, margin.sampled_classes)
        self._config = margin
        self.margin_factor = 1.0
        self.scale = margin.scale
        self.register_buffer("class_margins", _margins(margin, class_counts), persistent=False)
        self.weight_CD = nn.Parameter(torch.empty(num_classes, embedding_size))
        nn.init.normal_(self.weight_CD, std=_WEIGHT_STD)
        self._statistics_due = False

    def set_progress(self, epoch: float) -> None:
        """Margin and scale grow linearly over `margin.warmup_epochs`; afterwards they are whole."""
        warmup = self._config.warmup_epochs
        self.margin_factor = min(1.0, epoch / warmup) if warmup > 0.0 else 1.0
        start = self._config.start_scale
        if start is not None:
            self.scale = start + (self._config.scale - start) * self.margin_factor

    def similarity(self, embeddings_BD: Tensor, classes: ClassSample = EVERY_CLASS) -> Tensor:
        """The cosines (B, S) in [-1, 1]."""
        self._statistics_due = self.training
        with torch.autocast(embeddings_BD.device.type, enabled=False):
            units_BD = unit_vectors(in_full_precision(embeddings_BD))
            return self._cosines(units_BD, classes).clamp(-1.0, 1.0)

    def _cosines(self, units_BD: Tensor, classes: ClassSample) -> Tensor:
        weight_SD = classes.rows(self.weight_CD).to(units_BD.dtype)
        return F.linear(units_BD, unit_vectors(weight_SD))

    def logits(self, similarity_BC: Tensor) -> Tensor:
        """Scaled cosines without a margin."""
        return self.scale * similarity_BC

    def margin_logits(
        self,
        similarity_BC: Tensor,
        labels_B: Tensor,
        norms_B: Tensor | None = None,
        classes: ClassSample = EVERY_CLASS,
    ) -> Tensor:
        """Scaled cosines with the margin at the label's class.

        In training mode the running statistics, where a head has any, advance at the first call after each
        `similarity`, so that the two labels of a mixed batch count once.
        """
        positions_B1 = classes.positions(labels_B)[:, None]
        target_B = similarity_BC.gather(1, positions_B1)[:, 0]
        if self._statistics_due:
            self._statistics_due = False
            self.update_statistics(target_B.detach(), norms_B)
        harder_B = self.harder_cosine(target_B, self._margins_of(labels_B), norms_B)
        others_BC = self.other_cosines(similarity_BC, target_B, self._margins_of(labels_B))
        return self.scale * others_BC.scatter(1, positions_B1, harder_B[:, None])

    def _margins_of(self, labels_B: Tensor) -> Tensor:
        assert self.class_margins.numel() > 0, "margin.by_class_size needs class_counts for training"
        chosen = self.class_margins if self.class_margins.numel() == 1 else self.class_margins[labels_B]
        return self.margin_factor * chosen

    @abstractmethod
    def harder_cosine(self, target_B: Tensor, margins_B: Tensor, norms_B: Tensor | None) -> Tensor:
        """The cosine with the label's class, made harder by a margin (B) or (1)."""

    def other_cosines(self, similarity_BC: Tensor, target_B: Tensor, margins_B: Tensor) -> Tensor:
        """The cosines with the other classes; the entries of the labels themselves do not matter."""
        return similarity_BC

    def update_statistics(self, target_B: Tensor, norms_B: Tensor | None) -> None:
        """Advances the running statistics of a training step; most heads have none."""


def _margins(margin: MarginConfig, class_counts: Tensor | None) -> Tensor:
    """One margin (1), or one per class (C): scale * n^-power + offset with n images, at least one.

    Empty where the margin follows the class sizes and these are not known: enough for inference.
    """
    by_size = margin.by_class_size
    if by_size is None:
        return torch.tensor([margin.margin])
    if class_counts is None:
        return torch.empty(0)
    counts_C = class_counts.double().clamp(min=1.0)
    return (by_size.scale * counts_C.pow(-by_size.power) + by_size.offset).float()

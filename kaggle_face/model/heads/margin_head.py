"""Shared parts of all heads with a margin: cosines, the margin's warm-up, and where the margin goes.

Letters: B images, D embedding size, C classes, S sampled classes (all C by default).
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kaggle_face.arguments import checked
from kaggle_face.model.heads.class_sampling import EVERY_CLASS, ClassSample
from kaggle_face.model.heads.head import WEIGHT_STD, Head, in_full_precision, unit_vectors


class MarginHead(Head):
    """A head on the unit sphere: similarities are cosines, logits are `scale` times them.

    A subclass defines by `harder_cosine` what becomes of the cosine with the label's own class.

    Attributes:
        class_margins: Margin of each class (C), or one margin for all (1); not part of the weights.
        margin_factor: Share of the margin that the warm-up allows now, in [0, 1].
        scale: The current scale.
    """

    STATISTICS: ClassVar[Mapping[str, float]] = {}
    """Running statistics, which are buffers, and the values that they begin with."""
    NEEDS_EVERY_TARGET: ClassVar[bool] = False
    """Whether statistics or negatives depend on the cosine with the label's class, whoever holds that."""

    class_margins: Tensor

    @checked
    def __init__(
        self,
        num_classes: int,
        embedding_size: int,
        margin: float | Tensor = 0.5,
        scale: float = 30.0,
        warmup_epochs: float = 0.0,
        start_scale: float | None = None,
        sampled_classes: float = 1.0,
    ) -> None:
        """Draws the weights of the classes.

        Args:
            num_classes: C, >= 1.
            embedding_size: D, >= 1.
            margin: In [0, pi], or one for each class (C); an empty tensor serves inference alone.
            scale: What the cosines are multiplied by, > 0.
            warmup_epochs: Epochs over which margin and scale grow, as `set_progress` counts them.
            start_scale: Scale at the begin of the warm-up; None is the whole scale.
            sampled_classes: Share of the classes that `choose_classes` takes, in (0, 1]; calls use all.

        Raises:
            ConfigError: An argument is out of range.
        """
        super().__init__(num_classes, embedding_size, sampled_classes)
        self.require(0.0 < scale < math.inf, f"scale must be > 0, got {scale}")
        self.require(start_scale is None or start_scale > 0.0, f"start_scale must be > 0, got {start_scale}")
        self.require(warmup_epochs >= 0.0, f"warmup_epochs must be >= 0, got {warmup_epochs}")
        self._full_scale, self._start_scale, self._warmup_epochs = scale, start_scale, warmup_epochs
        self.margin_factor = 1.0
        self.scale = scale
        self.register_buffer("class_margins", self._checked_margins(margin), persistent=False)
        self.weight_CD = nn.Parameter(torch.empty(num_classes, embedding_size))
        nn.init.normal_(self.weight_CD, std=WEIGHT_STD)
        for name, beginning in self.STATISTICS.items():
            self.register_buffer(name, torch.tensor(beginning))
        self._statistics_due = False

    def _checked_margins(self, margin: float | Tensor) -> Tensor:
        if not isinstance(margin, Tensor):
            self.require(0.0 <= margin <= math.pi, f"margin must be >= 0 and <= pi, got {margin}")
            return torch.tensor([float(margin)])
        self.require(
            margin.ndim == 1 and len(margin) in (0, 1, self.num_classes),
            f"margin must be one number or {self.num_classes}, got a tensor of shape {tuple(margin.shape)}",
        )
        in_range = margin.is_meta or bool(((margin >= 0.0) & (margin <= math.pi)).all())
        self.require(in_range, "margins must all be >= 0 and <= pi")
        return margin.float()

    def set_progress(self, epoch: float) -> None:
        """Margin and scale grow linearly over `warmup_epochs`; afterwards they are whole."""
        warmup = self._warmup_epochs
        self.margin_factor = min(1.0, epoch / warmup) if warmup > 0.0 else 1.0
        start = self._start_scale
        if start is not None:
            self.scale = start + (self._full_scale - start) * self.margin_factor

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
        is_held_B, is_empty = classes.holds(labels_B), similarity_BC.shape[1] == 0
        target_B = similarity_BC.sum(1) if is_empty else similarity_BC.gather(1, positions_B1)[:, 0]
        if is_held_B is not None:
            target_B = torch.where(is_held_B, target_B, 0.0)
        known_B = target_B
        if classes.shard is not None and self.NEEDS_EVERY_TARGET:
            known_B = classes.shard.complete(target_B)
        if self._statistics_due:
            self._statistics_due = False
            self.update_statistics(known_B.detach(), norms_B)
        margins_B = self._margins_of(labels_B)
        others_BC = self.other_cosines(similarity_BC, known_B, margins_B)
        if is_empty:
            return self.scale * others_BC
        harder_B1 = self.harder_cosine(target_B, margins_B, norms_B)[:, None]
        if is_held_B is not None:
            harder_B1 = torch.where(is_held_B[:, None], harder_B1, others_BC.gather(1, positions_B1))
        return self.scale * others_BC.scatter(1, positions_B1, harder_B1)

    def _margins_of(self, labels_B: Tensor) -> Tensor:
        self.require(self.class_margins.numel() > 0, "an empty margin serves inference alone")
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

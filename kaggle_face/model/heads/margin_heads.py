"""The margin heads, and the choice of a head by the settings.

`margin.margin` is the margin of every head: radians where angles are added to (arcface, subcenter_arcface,
curricularface, combined_margin), cosine where it is subtracted (cosface), both for adaface. Letters: B
images, D embedding size, C classes, S sampled classes, K centres of a class.
"""

from __future__ import annotations

import math
from typing import Literal, assert_never

import torch
from torch import Tensor, nn

from kaggle_face.config import MarginConfig, ModelConfig
from kaggle_face.errors import ConfigError
from kaggle_face.model.heads import margins
from kaggle_face.model.heads.class_sampling import ClassSample
from kaggle_face.model.heads.head import Head, LinearHead, MarginHead, unit_vectors

MarginHeadName = Literal[
    "cosface", "arcface", "adaface", "curricularface", "subcenter_arcface", "combined_margin"
]


class CosFace(MarginHead):
    """cos(theta) - m (Wang et al. 2018, arXiv:1801.09414)."""

    def harder_cosine(self, target_B: Tensor, margins_B: Tensor, norms_B: Tensor | None) -> Tensor:
        """The cosine less the margin."""
        return margins.subtracted(target_B, margins_B)


class ArcFace(MarginHead):
    """cos(theta + m) (Deng et al. 2019, arXiv:1801.07698)."""

    def harder_cosine(self, target_B: Tensor, margins_B: Tensor, norms_B: Tensor | None) -> Tensor:
        """The cosine of the angle plus the margin."""
        return margins.additive_angle(target_B, margins_B, self._config.easy)


class CombinedMargin(MarginHead):
    """cos(m1 * theta + m2) - m3 with `margin.multiplier`, `margin.margin` and `margin.cosine_margin`."""

    def harder_cosine(self, target_B: Tensor, margins_B: Tensor, norms_B: Tensor | None) -> Tensor:
        """The cosine with all three margins, each as far as the warm-up allows."""
        factor = self.margin_factor
        multiplier = 1.0 + factor * (self._config.multiplier - 1.0)
        cosine_margin = factor * self._config.cosine_margin
        return margins.combined(target_B, multiplier, margins_B, cosine_margin, self._config.easy)


class SubcenterArcFace(ArcFace):
    """ArcFace with K centres per class, of which the nearest counts (Deng et al. 2020, ECCV, section 3.3)."""

    def __init__(
        self, num_classes: int, embedding_size: int, margin: MarginConfig, class_counts: Tensor | None = None
    ) -> None:
        super().__init__(num_classes, embedding_size, margin, class_counts)
        del self.weight_CD
        self.weight_CKD = nn.Parameter(torch.empty(num_classes, margin.centers, embedding_size))
        nn.init.normal_(self.weight_CKD, std=0.01)

    def _cosines(self, units_BD: Tensor, classes: ClassSample) -> Tensor:
        centres_SKD = unit_vectors(classes.rows(self.weight_CKD).to(units_BD.dtype))
        cosines = units_BD @ centres_SKD.flatten(0, 1).T
        return cosines.view(len(units_BD), -1, self._config.centers).amax(dim=2)


class AdaFace(MarginHead):
    """A margin that follows the embedding's norm, which stands for image quality (Kim et al. 2022).

    arXiv:2204.00964, equations 14 to 16, with the constants of section 4.1: h = 0.333 and running mean and
    standard deviation of the norms with momentum 0.99; norms are cut to [0.001, 100] and angles to
    [0.001, pi - 0.001] as in its authors' code.

    Attributes:
        norm_mean: Buffer: running mean of the norms.
        norm_std: Buffer: running standard deviation of the norms.
    """

    norm_mean: Tensor
    norm_std: Tensor

    _CONCENTRATION = 0.333
    _MOMENTUM = 0.99
    _NORM_RANGE = (1e-3, 100.0)
    _EPS = 1e-3

    def __init__(
        self, num_classes: int, embedding_size: int, margin: MarginConfig, class_counts: Tensor | None = None
    ) -> None:
        super().__init__(num_classes, embedding_size, margin, class_counts)
        # The start values of the authors' code.
        self.register_buffer("norm_mean", torch.tensor(20.0))
        self.register_buffer("norm_std", torch.tensor(100.0))

    def update_statistics(self, target_B: Tensor, norms_B: Tensor | None) -> None:
        """Moves mean and deviation towards those of the batch; a non-finite batch changes nothing."""
        assert norms_B is not None, "AdaFace needs the norms of the embeddings"
        norms = norms_B.detach().float().clamp(*self._NORM_RANGE)
        if len(norms) < 2:
            return
        for running, now in ((self.norm_mean, norms.mean()), (self.norm_std, norms.std())):
            running.lerp_(torch.where(now.isfinite(), now, running), 1.0 - self._MOMENTUM)

    def harder_cosine(self, target_B: Tensor, margins_B: Tensor, norms_B: Tensor | None) -> Tensor:
        """cos(theta + g_angle) - g_add, where both margins follow the norm."""
        assert norms_B is not None, "AdaFace needs the norms of the embeddings"
        norms = norms_B.detach().to(target_B.dtype).clamp(*self._NORM_RANGE)
        quality_B = (norms - self.norm_mean) / (self.norm_std + self._EPS) * self._CONCENTRATION
        quality_B = quality_B.clamp(-1.0, 1.0)
        angle_B = margins.angle_of(target_B) - margins_B * quality_B
        rotated_B = torch.cos(angle_B.clamp(self._EPS, math.pi - self._EPS))
        return rotated_B - margins_B * (1.0 + quality_B)


class CurricularFace(MarginHead):
    """ArcFace whose hard negatives weigh more as training advances (Huang et al. 2020, arXiv:2004.00288).

    Equations 9 to 11: a negative nearer than the label's own class after its margin gets cos * (t + cos),
    where t is the running mean of the cosines with the own class, with momentum 0.99.

    Attributes:
        t: Buffer: the running mean.
    """

    t: Tensor

    _MOMENTUM = 0.99

    def __init__(
        self, num_classes: int, embedding_size: int, margin: MarginConfig, class_counts: Tensor | None = None
    ) -> None:
        super().__init__(num_classes, embedding_size, margin, class_counts)
        self.register_buffer("t", torch.tensor(0.0))

    def update_statistics(self, target_B: Tensor, norms_B: Tensor | None) -> None:
        """Moves t towards the mean cosine of the batch; a non-finite batch changes nothing."""
        now = target_B.mean().to(self.t.dtype)
        self.t.lerp_(torch.where(now.isfinite(), now, self.t), 1.0 - self._MOMENTUM)

    def harder_cosine(self, target_B: Tensor, margins_B: Tensor, norms_B: Tensor | None) -> Tensor:
        """The cosine of the angle plus the margin."""
        return margins.additive_angle(target_B, margins_B, easy=False)

    def other_cosines(self, similarity_BC: Tensor, target_B: Tensor, margins_B: Tensor) -> Tensor:
        """The cosines of the negatives, the hard ones weighted."""
        threshold_B1 = margins.rotated(target_B, margins_B).detach()[:, None]
        weighted_BC = similarity_BC * (self.t + similarity_BC)
        return torch.where(similarity_BC > threshold_B1, weighted_BC, similarity_BC)


def create_head(
    model: ModelConfig,
    margin: MarginConfig,
    embedding_size: int,
    num_classes: int,
    class_counts: Tensor | None = None,
) -> Head:
    """The head of the settings.

    Args:
        model: Chooses the head.
        margin: Scale and margin.
        embedding_size: D.
        num_classes: C, > 0.
        class_counts: Training images of each class (C), for `margin.by_class_size`; inference needs none.

    Raises:
        ConfigError: A margin is set that the head does not have.
    """
    name = model.head
    if name == "linear":
        return LinearHead(
            num_classes, embedding_size, margin.sampled_classes, model.normalize_features, margin.scale
        )
    _refuse_foreign_margins(name, margin)
    return _margin_head(name)(num_classes, embedding_size, margin, class_counts)


def _margin_head(name: MarginHeadName) -> type[MarginHead]:
    match name:
        case "cosface":
            return CosFace
        case "arcface":
            return ArcFace
        case "adaface":
            return AdaFace
        case "curricularface":
            return CurricularFace
        case "subcenter_arcface":
            return SubcenterArcFace
        case "combined_margin":
            return CombinedMargin
        case _:
            assert_never(name)


def _refuse_foreign_margins(name: MarginHeadName, margin: MarginConfig) -> None:
    if name != "combined_margin":
        if margin.multiplier != 1.0:
            raise ConfigError(f"margin.multiplier belongs to model.head=combined_margin, not to {name}")
        if margin.cosine_margin != 0.0:
            raise ConfigError(
                f"margin.cosine_margin belongs to model.head=combined_margin, not to {name}, "
                "whose margin is margin.margin"
            )
    if margin.easy and name not in ("arcface", "subcenter_arcface", "combined_margin"):
        raise ConfigError(f"margin.easy is known to the arcface heads and combined_margin, not to {name}")

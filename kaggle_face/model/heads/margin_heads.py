"""The margin heads, and the choice of a head by the settings.

`margin` is a number of radians where it is added to an angle (ArcFace, SubcenterArcFace, CurricularFace,
CombinedMargin), a difference of cosines where it is subtracted (CosFace), and both for AdaFace. Letters: B
images, D embedding size, C classes, S sampled classes, K centres of a class.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, assert_never

import torch
from torch import Tensor, nn

from kaggle_face.arguments import checked
from kaggle_face.config import MarginConfig, ModelConfig
from kaggle_face.errors import ConfigError
from kaggle_face.model.heads import margins
from kaggle_face.model.heads.class_sampling import ClassSample
from kaggle_face.model.heads.head import Head, LinearHead, in_full_precision, unit_vectors
from kaggle_face.model.heads.margin_head import MarginHead

MarginHeadName = Literal[
    "cosface", "arcface", "adaface", "curricularface", "subcenter_arcface", "combined_margin"
]


class CosFace(MarginHead):
    """cos(theta) - m: a margin on the cosine (Wang et al. 2018, arXiv:1801.09414, equation 4).

    Arguments and errors are those of `MarginHead`; the margin is a difference of cosines, usually 0.2 to 0.4.

    >>> head = CosFace(num_classes=2, embedding_size=2, margin=0.35, scale=64.0)
    >>> _ = head.weight_CD.data.copy_(torch.tensor([[1.0, 0.0], [0.6, 0.8]]))
    >>> logits = head(torch.tensor([[5.0, 0.0]]), torch.tensor([0]))
    >>> [round(value, 3) for value in logits.flatten().tolist()]  # 64 * (1 - 0.35), 64 * 0.6
    [41.6, 38.4]
    """

    def harder_cosine(self, target_B: Tensor, margins_B: Tensor, norms_B: Tensor | None) -> Tensor:
        """The cosine less the margin."""
        return margins.subtracted(target_B, margins_B)


class ArcFace(MarginHead):
    """cos(theta + m): a margin on the angle (Deng et al. 2019, arXiv:1801.07698, equation 3).

    Beyond theta = pi - m, where the cosine would rise again, cos(theta) - m * sin(m) is taken, as in the
    authors' code.

    >>> head = ArcFace(num_classes=2, embedding_size=2, margin=0.5, scale=30.0)
    >>> _ = head.weight_CD.data.copy_(torch.tensor([[1.0, 0.0], [0.6, 0.8]]))
    >>> embeddings, labels = torch.tensor([[5.0, 0.0]]), torch.tensor([0])
    >>> [round(value, 3) for value in head(embeddings, labels).flatten().tolist()]  # 30 cos(0.5), 30 * 0.6
    [26.327, 18.0]
    >>> [round(value, 3) for value in head(embeddings).flatten().tolist()]  # inference: no margin
    [30.0, 18.0]
    """

    @checked
    def __init__(
        self,
        num_classes: int,
        embedding_size: int,
        margin: float | Tensor = 0.5,
        scale: float = 30.0,
        easy: bool = False,
        warmup_epochs: float = 0.0,
        start_scale: float | None = None,
        sampled_classes: float = 1.0,
    ) -> None:
        """Draws the weights of the classes.

        Args:
            num_classes: C, >= 1.
            embedding_size: D, >= 1.
            margin: Radians in [0, pi], usually 0.3 to 0.5; or one for each class (C).
            scale: What the cosines are multiplied by, > 0.
            easy: Whether images more than 90 degrees away from their class get no margin.
            warmup_epochs: As for `MarginHead`.
            start_scale: As for `MarginHead`.
            sampled_classes: As for `MarginHead`.

        Raises:
            ConfigError: An argument is out of range.
        """
        super().__init__(
            num_classes, embedding_size, margin, scale, warmup_epochs, start_scale, sampled_classes
        )
        self._easy = easy

    def harder_cosine(self, target_B: Tensor, margins_B: Tensor, norms_B: Tensor | None) -> Tensor:
        """The cosine of the angle plus the margin."""
        return margins.additive_angle(target_B, margins_B, self._easy)


class CombinedMargin(MarginHead):
    """cos(m1 * theta + m2) - m3 (Deng et al. 2019, arXiv:1801.07698, equation 4).

    With m2 = m3 = 0 it is SphereFace (Liu et al. 2017, arXiv:1704.08063, equation 7).

    >>> head = CombinedMargin(num_classes=2, embedding_size=2, margin=0.0, scale=10.0, multiplier=2.0)
    >>> _ = head.weight_CD.data.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    >>> logits = head(torch.tensor([[1.0, 1.0]]), torch.tensor([0]))
    >>> [round(value, 2) + 0.0 for value in logits.flatten().tolist()]  # 10 cos(2 * 45 deg), 10 cos(45 deg)
    [0.0, 7.07]
    """

    @checked
    def __init__(
        self,
        num_classes: int,
        embedding_size: int,
        margin: float | Tensor = 0.5,
        scale: float = 30.0,
        multiplier: float = 1.0,
        cosine_margin: float = 0.0,
        easy: bool = False,
        warmup_epochs: float = 0.0,
        start_scale: float | None = None,
        sampled_classes: float = 1.0,
    ) -> None:
        """Draws the weights of the classes.

        Args:
            num_classes: C, >= 1.
            embedding_size: D, >= 1.
            margin: m2, radians in [0, pi]; or one for each class (C).
            scale: What the cosines are multiplied by, > 0.
            multiplier: m1, >= 1.
            cosine_margin: m3, a difference of cosines in [0, 1].
            easy: Whether images more than 90 degrees away from their class get no margin.
            warmup_epochs: As for `MarginHead`.
            start_scale: As for `MarginHead`.
            sampled_classes: As for `MarginHead`.

        Raises:
            ConfigError: An argument is out of range.
        """
        super().__init__(
            num_classes, embedding_size, margin, scale, warmup_epochs, start_scale, sampled_classes
        )
        self.require(multiplier >= 1.0, f"multiplier must be >= 1, got {multiplier}")
        self.require(0.0 <= cosine_margin <= 1.0, f"cosine_margin must be >= 0 and <= 1, got {cosine_margin}")
        self._multiplier, self._cosine_margin, self._easy = multiplier, cosine_margin, easy

    def harder_cosine(self, target_B: Tensor, margins_B: Tensor, norms_B: Tensor | None) -> Tensor:
        """The cosine with all three margins, each as far as the warm-up allows."""
        factor = self.margin_factor
        multiplier = 1.0 + factor * (self._multiplier - 1.0)
        cosine_margin = factor * self._cosine_margin
        return margins.combined(target_B, multiplier, margins_B, cosine_margin, self._easy)


class SubcenterArcFace(ArcFace):
    """ArcFace with K centres per class, of which the nearest counts (Deng et al. 2020, ECCV, section 3.3).

    >>> head = SubcenterArcFace(num_classes=1, embedding_size=2, margin=0.0, scale=10.0, centers=2)
    >>> _ = head.weight_CKD.data.copy_(torch.tensor([[[1.0, 0.0], [0.6, 0.8]]]))  # cosines 0 and 0.8
    >>> round(head(torch.tensor([[0.0, 2.0]]), torch.tensor([0])).item(), 3)
    8.0
    """

    @checked
    def __init__(
        self,
        num_classes: int,
        embedding_size: int,
        margin: float | Tensor = 0.5,
        scale: float = 30.0,
        centers: int = 3,
        easy: bool = False,
        warmup_epochs: float = 0.0,
        start_scale: float | None = None,
        sampled_classes: float = 1.0,
    ) -> None:
        """Draws the weights of the centres.

        Args:
            num_classes: C, >= 1.
            embedding_size: D, >= 1.
            margin: Radians in [0, pi]; or one for each class (C).
            scale: What the cosines are multiplied by, > 0.
            centers: K, >= 1.
            easy: Whether images more than 90 degrees away from their class get no margin.
            warmup_epochs: As for `MarginHead`.
            start_scale: As for `MarginHead`.
            sampled_classes: As for `MarginHead`.

        Raises:
            ConfigError: An argument is out of range.
        """
        super().__init__(
            num_classes, embedding_size, margin, scale, easy, warmup_epochs, start_scale, sampled_classes
        )
        self.require(centers >= 1, f"centers must be >= 1, got {centers}")
        self._centers = centers
        del self.weight_CD
        self.weight_CKD = nn.Parameter(torch.empty(num_classes, centers, embedding_size))
        nn.init.normal_(self.weight_CKD, std=0.01)

    def _cosines(self, units_BD: Tensor, classes: ClassSample) -> Tensor:
        centres_SKD = unit_vectors(classes.rows(self.weight_CKD).to(units_BD.dtype))
        cosines = units_BD @ centres_SKD.flatten(0, 1).T
        return cosines.view(units_BD.shape[0], centres_SKD.shape[0], self._centers).amax(dim=2)


class AdaFace(MarginHead):
    """A margin that follows the embedding's norm, which stands for image quality (Kim et al. 2022).

    arXiv:2204.00964, equations 14 to 16, with the constants of section 4.1: h = 0.333 and running mean and
    standard deviation of the norms with momentum 0.99; norms are cut to [0.001, 100] and angles to
    [0.001, pi - 0.001] as in its authors' code.

    Attributes:
        norm_mean: Buffer: running mean of the norms.
        norm_std: Buffer: running standard deviation of the norms.

    >>> head = AdaFace(num_classes=2, embedding_size=2, margin=0.4, scale=10.0).eval()
    >>> _ = head.weight_CD.data.copy_(torch.tensor([[1.0, 0.0], [0.6, 0.8]]))
    >>> logits = head(torch.tensor([[20.0, 0.0]]), torch.tensor([0]))  # a norm like the mean: as CosFace
    >>> [round(value, 3) for value in logits.flatten().tolist()]
    [6.0, 6.0]
    """

    STATISTICS: ClassVar[Mapping[str, float]] = {"norm_mean": 20.0, "norm_std": 100.0}
    """The start values of the authors' code."""

    norm_mean: Tensor
    norm_std: Tensor

    _CONCENTRATION = 0.333
    _MOMENTUM = 0.99
    _NORM_RANGE = (1e-3, 100.0)
    _EPS = 1e-3

    def update_statistics(self, target_B: Tensor, norms_B: Tensor | None) -> None:
        """Moves mean and deviation towards those of the batch; a non-finite batch changes nothing."""
        assert norms_B is not None, "AdaFace needs the norms of the embeddings"
        norms = in_full_precision(norms_B.detach()).clamp(*self._NORM_RANGE)
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

    >>> head = CurricularFace(num_classes=2, embedding_size=2, margin=0.5, scale=10.0).eval()
    >>> _ = head.weight_CD.data.copy_(torch.tensor([[0.0, 1.0], [0.6, 0.8]]))
    >>> logits = head(torch.tensor([[1.0, 0.0]]), torch.tensor([0]))
    >>> [round(value, 3) for value in logits.flatten().tolist()]  # 10 cos(90 deg + 0.5), 10 * 0.6 * (t + 0.6)
    [-4.794, 3.6]
    """

    STATISTICS: ClassVar[Mapping[str, float]] = {"t": 0.0}
    NEEDS_EVERY_TARGET: ClassVar[bool] = True

    t: Tensor

    _MOMENTUM = 0.99

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
    shared: dict[str, Any] = {
        "num_classes": num_classes,
        "embedding_size": embedding_size,
        "margin": _margin_of_classes(margin, class_counts),
        "scale": margin.scale,
        "warmup_epochs": margin.warmup_epochs,
        "start_scale": margin.start_scale,
        "sampled_classes": margin.sampled_classes,
    }
    match name:
        case "cosface":
            return CosFace(**shared)
        case "arcface":
            return ArcFace(easy=margin.easy, **shared)
        case "adaface":
            return AdaFace(**shared)
        case "curricularface":
            return CurricularFace(**shared)
        case "subcenter_arcface":
            return SubcenterArcFace(easy=margin.easy, centers=margin.centers, **shared)
        case "combined_margin":
            shared |= {"multiplier": margin.multiplier, "cosine_margin": margin.cosine_margin}
            return CombinedMargin(easy=margin.easy, **shared)
        case _:
            assert_never(name)


def _margin_of_classes(margin: MarginConfig, class_counts: Tensor | None) -> float | Tensor:
    """One margin, or one per class (C): scale * n^-power + offset with n images, at least one.

    Empty where the margin follows the class sizes and these are not known: enough for inference.
    """
    by_size = margin.by_class_size
    if by_size is None:
        return margin.margin
    if class_counts is None:
        return torch.empty(0)
    counts_C = class_counts.double().clamp(min=1.0)
    return (by_size.scale * counts_C.pow(-by_size.power) + by_size.offset).float()


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

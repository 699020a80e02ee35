"""Losses that compare the embeddings of a batch with each other instead of with class weights.

All run in float32 outside autocast, wait for no device, and give a finite gradient for identical and for zero
embeddings too. A batch without the pairs that a loss needs gives zero.

Letters: B images of the batch, D embedding size, C classes.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from inspect import signature
from numbers import Real
from typing import Literal, assert_never, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kaggle_face.arguments import checked
from kaggle_face.config import LossConfig
from kaggle_face.config.wording import shown
from kaggle_face.errors import InputError
from kaggle_face.model.heads.batch_checks import require_embeddings, require_labels
from kaggle_face.model.heads.head import LARGEST_SIZE, in_full_precision, unit_vectors

TripletSelection = Literal["semi_hard", "hard", "all"]
PairDistance = Literal["euclidean", "cosine"]


class MetricLoss(nn.Module, ABC):
    """A loss of embeddings (B, D) and their classes (B); its own parameters are not part of the network."""

    @checked
    def __init__(self, normalizes: bool) -> None:
        super().__init__()
        self.normalizes = normalizes

    def forward(self, embeddings_BD: Tensor, labels_B: Tensor) -> Tensor:
        """The mean loss of the batch, a scalar.

        Args:
            embeddings_BD: Embeddings, floating.
            labels_B: Their classes.

        Raises:
            InputError: A shape, type or device is wrong.
        """
        self.check(embeddings_BD, labels_B)
        if not len(labels_B):
            return in_full_precision(embeddings_BD).sum()
        with torch.autocast(embeddings_BD.device.type, enabled=False):
            return self.compare(self.prepared(embeddings_BD), labels_B)

    def extra_repr(self) -> str:
        """The arguments of the constructor."""
        given = {name: vars(self)[name] for name in signature(type(self)).parameters if name in vars(self)}
        return ", ".join(f"{name}={value}" for name, value in given.items())

    def check(self, embeddings_BD: Tensor, labels_B: Tensor) -> None:
        """Refuses a batch that the loss cannot compare, with an `InputError`."""
        name = type(self).__name__
        require_embeddings(name, embeddings_BD)
        require_labels(name, labels_B, embeddings_BD)

    def prepared(self, embeddings_BD: Tensor) -> Tensor:
        """The embeddings in at least float32, at length 1 where the settings require it."""
        vectors_BD = in_full_precision(embeddings_BD)
        return unit_vectors(vectors_BD) if self.normalizes else vectors_BD

    @abstractmethod
    def compare(self, vectors_BD: Tensor, labels_B: Tensor) -> Tensor:
        """The mean loss of prepared embeddings."""

    def advance(self, embeddings_BD: Tensor, labels_B: Tensor) -> None:
        """Updates the loss's own state once a step; most losses have none."""


class TripletLoss(MetricLoss):
    """Same nearer than different by a margin: max(0, d(a, p) - d(a, n) + margin).

    `hard` takes each anchor's furthest positive and nearest negative (Hermans et al. 2017, arXiv:1703.07737,
    equation 5). `semi_hard` takes for each anchor and positive the nearest negative that is further than the
    positive, or the furthest of all where none is (Schroff et al. 2015, arXiv:1503.03832, section 3.2). `all`
    takes every triplet and divides by those above zero (Hermans et al., equation 6 and section 3.2).

    Args:
        margin: By how much a different image must be further away, > 0, in units of the distance.
        selection: Which triplets count.
        distance: Between embeddings: Euclidean, or 1 - cosine.
        normalizes: Whether embeddings are scaled to length 1 first.

    >>> embeddings = torch.tensor([[0.0, 0.0], [0.0, 1.0], [0.0, 3.0]])
    >>> loss = TripletLoss(margin=2.5, selection="hard", normalizes=False)
    >>> loss(embeddings, torch.tensor([0, 0, 1])).item()  # anchors 0 and 1: (1 - 3 + 2.5 + 1 - 2 + 2.5) / 2
    1.0
    """

    def __init__(
        self,
        margin: float = 0.2,
        selection: TripletSelection = "semi_hard",
        distance: PairDistance = "euclidean",
        normalizes: bool = True,
    ) -> None:
        super().__init__(normalizes)
        _require_positive(self, margin=margin)
        _require_choice(self, "selection", selection, get_args(TripletSelection))
        _require_choice(self, "distance", distance, get_args(PairDistance))
        self.margin, self.selection, self.distance = margin, selection, distance

    def compare(self, vectors_BD: Tensor, labels_B: Tensor) -> Tensor:
        """The mean over anchors, over pairs of anchor and positive, or over triplets above zero."""
        distance_BB = _distances(vectors_BD, self.distance)
        positive_BB, negative_BB = pair_masks(labels_B)
        match self.selection:
            case "hard":
                return _hard_triplets(distance_BB, positive_BB, negative_BB, self.margin)
            case "semi_hard":
                return _semi_hard_triplets(distance_BB, positive_BB, negative_BB, self.margin)
            case "all":
                return _all_triplets(distance_BB, positive_BB, negative_BB, self.margin)
            case _:
                assert_never(self.selection)


class SupervisedContrastiveLoss(MetricLoss):
    """Every other image of the class is a positive (Khosla et al. 2020, arXiv:2004.11362, equation 2).

    Args:
        temperature: What cosines are divided by, > 0.

    >>> embeddings = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> loss = SupervisedContrastiveLoss(temperature=1.0)
    >>> round(loss(embeddings, torch.tensor([0, 0, 1])).item(), 4)  # log(1 + e^-1)
    0.3133
    """

    @checked
    def __init__(self, temperature: float = 0.1) -> None:
        super().__init__(normalizes=True)
        _require_positive(self, temperature=temperature)
        self.temperature = temperature

    def compare(self, vectors_BD: Tensor, labels_B: Tensor) -> Tensor:
        """The mean over the anchors that have a positive."""
        positive_BB, negative_BB = pair_masks(labels_B)
        logits_BB = vectors_BD @ vectors_BD.T / self.temperature
        others_BB = torch.where(positive_BB | negative_BB, logits_BB, -torch.inf)
        # An anchor alone in its batch would have no other image at all.
        total_B = torch.logsumexp(torch.cat([others_BB, torch.full_like(logits_BB[:, :1], -1e30)], 1), 1)
        count_B = positive_BB.sum(1)
        mean_positive_B = torch.where(positive_BB, logits_BB, 0.0).sum(1) / count_B.clamp(min=1)
        return mean_where(total_B - mean_positive_B, count_B > 0)


class CenterLoss(MetricLoss):
    """Half the squared distance to the centre of the own class (Wen et al. 2016, ECCV, equations 2 to 4).

    The centres follow by their own rate and not by gradients: after each step a centre moves by
    rate * sum(x - c) / (1 + n) over the n images of its class in the batch: call `advance` after the step.

    Args:
        num_classes: C.
        embedding_size: D.
        rate: How fast centres follow, in (0, 1].
        normalizes: Whether embeddings are scaled to length 1 first.

    >>> loss = CenterLoss(num_classes=2, embedding_size=2, normalizes=False)
    >>> embeddings, labels = torch.tensor([[2.0, 0.0]]), torch.tensor([0])
    >>> loss(embeddings, labels).item()  # half of 2 squared
    2.0
    >>> loss.advance(embeddings, labels)
    >>> loss.centers[0].tolist()
    [0.5, 0.0]

    Attributes:
        centers: Buffer (C, D): the centres, zero at first.
    """

    centers: Tensor

    @checked
    def __init__(
        self, num_classes: int, embedding_size: int, rate: float = 0.5, normalizes: bool = True
    ) -> None:
        super().__init__(normalizes)
        _require_positive(self, num_classes=num_classes, embedding_size=embedding_size, rate=rate)
        if max(num_classes, embedding_size) > LARGEST_SIZE:
            raise InputError(f"CenterLoss: sizes are at most {LARGEST_SIZE}")
        if rate > 1:
            raise InputError(f"CenterLoss: rate must be > 0 and <= 1, got {rate}")
        self.num_classes, self.embedding_size, self.rate = num_classes, embedding_size, rate
        self.register_buffer("centers", torch.zeros(num_classes, embedding_size))

    def check(self, embeddings_BD: Tensor, labels_B: Tensor) -> None:
        """Refuses a batch whose embeddings have another size, or whose labels are not class indices."""
        name, (num_classes, size) = type(self).__name__, self.centers.shape
        require_embeddings(name, embeddings_BD, size, self.centers.device)
        require_labels(name, labels_B, embeddings_BD, num_classes, in_range=False)

    def _centers_of(self, labels_B: Tensor) -> Tensor:
        try:
            return self.centers.index_select(0, labels_B)
        except IndexError:  # labels are looked at only now: reading them in each step takes time
            require_labels(type(self).__name__, labels_B, labels_B, len(self.centers))
            raise

    def compare(self, vectors_BD: Tensor, labels_B: Tensor) -> Tensor:
        """The mean over the images; the published loss is the sum over them."""
        centers_BD = self._centers_of(labels_B).to(vectors_BD.dtype)
        return 0.5 * (vectors_BD - centers_BD).square().sum(1).mean()

    @torch.no_grad()
    def advance(self, embeddings_BD: Tensor, labels_B: Tensor) -> None:
        """Moves the centres towards the images of a batch; one that is not finite moves nothing."""
        self.check(embeddings_BD, labels_B)
        vectors_BD = self.prepared(embeddings_BD).to(self.centers.dtype)
        away_BD = vectors_BD - self._centers_of(labels_B)
        away_BD = torch.where(away_BD.isfinite().all(), away_BD, 0.0)
        # Sums by a matrix product: adding rows one by one in no fixed order would not repeat to the bit.
        same_BB = (labels_B[:, None] == labels_B[None, :]).to(away_BD.dtype)
        step_BD = self.rate * (same_BB @ away_BD) / (1.0 + same_BB.sum(1, keepdim=True))
        one_of_class_B = same_BB.argmax(1)
        self.centers[labels_B] = self.centers[labels_B] + step_BD[one_of_class_B]


class MultiSimilarityLoss(MetricLoss):
    """Pairs that are hard against the other kind, softly weighted (Wang et al. 2019, arXiv:1904.06627).

    Pairs are chosen by equations 13 and 14 and weighed by equation 15.

    Args:
        positive_scale: Alpha, how sharply pairs of the same class are weighed, > 0.
        negative_scale: Beta, how sharply pairs of different classes are weighed, > 0.
        offset: Lambda, the cosine that divides them.
        mining_margin: Epsilon, how far an easy pair may lie from the hardest of the other kind, >= 0.

    >>> embeddings = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> MultiSimilarityLoss()(embeddings, torch.tensor([0, 0, 1])).item()  # all pairs are easy
    0.0
    """

    @checked
    def __init__(
        self,
        positive_scale: float = 2.0,
        negative_scale: float = 50.0,
        offset: float = 0.5,
        mining_margin: float = 0.1,
    ) -> None:
        super().__init__(normalizes=True)
        _require_positive(self, positive_scale=positive_scale, negative_scale=negative_scale)
        if not (math.isfinite(offset) and 0 <= mining_margin < math.inf):
            given = f"{offset} and {mining_margin}"
            raise InputError(
                f"MultiSimilarityLoss: offset must be finite and mining_margin >= 0, got {given}"
            )
        self.positive_scale, self.negative_scale = positive_scale, negative_scale
        self.offset, self.mining_margin = offset, mining_margin

    def compare(self, vectors_BD: Tensor, labels_B: Tensor) -> Tensor:
        """The mean over all images; those without a chosen pair count as zero."""
        cosine_BB = vectors_BD @ vectors_BD.T
        positive_BB, negative_BB = pair_masks(labels_B)
        fixed_BB = cosine_BB.detach()
        least_positive_B1 = torch.where(positive_BB, fixed_BB, torch.inf).amin(1, keepdim=True)
        most_negative_B1 = torch.where(negative_BB, fixed_BB, -torch.inf).amax(1, keepdim=True)
        hard_positive_BB = positive_BB & (fixed_BB - self.mining_margin < most_negative_B1)
        hard_negative_BB = negative_BB & (fixed_BB + self.mining_margin > least_positive_B1)
        pull_BB = -self.positive_scale * (cosine_BB - self.offset)
        push_BB = self.negative_scale * (cosine_BB - self.offset)
        pull_B = _soft_maximum(pull_BB, hard_positive_BB) / self.positive_scale
        push_B = _soft_maximum(push_BB, hard_negative_BB) / self.negative_scale
        # A comparison with NaN is false: it would choose no pair, and the loss would be zero.
        return (pull_B + push_B).mean() + 0.0 * fixed_BB.sum()


def create_metric_loss(config: LossConfig, num_classes: int, embedding_size: int) -> MetricLoss | None:
    """The metric loss of the settings, or None."""
    match config.metric:
        case "none":
            return None
        case "triplet":
            triplet = config.triplet
            return TripletLoss(
                triplet.margin, triplet.selection, triplet.distance, config.normalize_embeddings
            )
        case "supcon":
            return SupervisedContrastiveLoss(config.supcon.temperature)
        case "center":
            return CenterLoss(num_classes, embedding_size, config.center.rate, config.normalize_embeddings)
        case "multi_similarity":
            return MultiSimilarityLoss(**config.multi_similarity.model_dump())
        case _:
            assert_never(config.metric)


def _require_positive(loss: MetricLoss, **values: float) -> None:
    for name, value in values.items():
        if not isinstance(value, Real) or not 0 < value < math.inf:
            raise InputError(f"{type(loss).__name__}: {name} must be > 0, got {shown(value)}")


def _require_choice(loss: MetricLoss, name: str, value: str, known: Sequence[str]) -> None:
    if not isinstance(value, str) or value not in known:
        raise InputError(f"{type(loss).__name__}: {name} is one of {', '.join(known)}, got {shown(value)}")


def pair_masks(labels_B: Tensor) -> tuple[Tensor, Tensor]:
    """Masks (B, B) of the pairs of different images of one class, and of different classes."""
    same_BB = labels_B[:, None] == labels_B[None, :]
    itself_BB = torch.eye(len(labels_B), dtype=torch.bool, device=labels_B.device)
    return same_BB & ~itself_BB, ~same_BB


def _distances(vectors_BD: Tensor, distance: PairDistance) -> Tensor:
    match distance:
        case "euclidean":
            # Differences first: |a|^2 + |b|^2 - 2ab loses half of the digits of near vectors.
            return torch.cdist(vectors_BD, vectors_BD, compute_mode="donot_use_mm_for_euclid_dist")
        case "cosine":
            units_BD = unit_vectors(vectors_BD)
            return 1.0 - units_BD @ units_BD.T
        case _:
            assert_never(distance)


def _hard_triplets(distance_BB: Tensor, positive_BB: Tensor, negative_BB: Tensor, margin: float) -> Tensor:
    furthest_B = torch.where(positive_BB, distance_BB, -torch.inf).amax(1)
    nearest_B = torch.where(negative_BB, distance_BB, torch.inf).amin(1)
    usable_B = positive_BB.any(1) & negative_BB.any(1)
    gap_B = torch.where(usable_B, furthest_B, 0.0) - torch.where(usable_B, nearest_B, 0.0)
    return mean_where(F.relu(gap_B + margin), usable_B)


def _semi_hard_triplets(
    distance_BB: Tensor, positive_BB: Tensor, negative_BB: Tensor, margin: float
) -> Tensor:
    ascending_BB = torch.where(negative_BB, distance_BB, torch.inf).sort(1).values
    count_B1 = negative_BB.sum(1, keepdim=True)
    # Per anchor and positive: the number of negatives that are no further than the positive.
    nearer_BB = torch.searchsorted(ascending_BB.detach(), distance_BB.detach().contiguous(), right=True)
    chosen_BB = ascending_BB.gather(1, torch.minimum(nearer_BB, (count_B1 - 1).clamp(min=0)))
    usable_BB = positive_BB & (count_B1 > 0)
    gap_BB = torch.where(usable_BB, distance_BB, 0.0) - torch.where(usable_BB, chosen_BB, 0.0)
    return mean_where(F.relu(gap_BB + margin), usable_BB)


def _all_triplets(distance_BB: Tensor, positive_BB: Tensor, negative_BB: Tensor, margin: float) -> Tensor:
    """Sorted negatives and their running sums give the sum of all B^3 hinges from B^2 numbers."""
    ascending_BB = torch.where(negative_BB, distance_BB, torch.inf).sort(1).values
    reach_BB = distance_BB + margin
    count_BB = torch.searchsorted(ascending_BB.detach(), reach_BB.detach().contiguous())
    running_BB = torch.where(ascending_BB < torch.inf, ascending_BB, 0.0).cumsum(1)
    sums_BB = F.pad(running_BB, (1, 0)).gather(1, count_BB)
    hinges_BB = torch.where(positive_BB, count_BB * reach_BB - sums_BB, 0.0)
    above_zero = torch.where(positive_BB, count_BB, 0).sum()
    return hinges_BB.sum() / above_zero.clamp(min=1)


def _soft_maximum(values_BB: Tensor, chosen_BB: Tensor) -> Tensor:
    """log(1 + sum of exp) over the chosen entries of each row (B)."""
    kept_BB = torch.where(chosen_BB, values_BB, -torch.inf)
    return torch.logsumexp(F.pad(kept_BB, (1, 0)), dim=1)


def mean_where(values: Tensor, chosen: Tensor) -> Tensor:
    """The mean of the chosen values, 0 where there is none."""
    return torch.where(chosen, values, 0.0).sum() / chosen.sum().clamp(min=1)

"""Heads: from embeddings to the logits of the classes.

A head is an `nn.Module`: `head(embeddings, labels)` gives the logits for training, `head(embeddings)` those
for inference. The training loop of this package calls its two steps one by one, so that a mixed batch
(CutMix, Mixup) computes the expensive step once and applies a margin for each of its two labels:

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

import math
from abc import ABC, abstractmethod
from inspect import signature

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kaggle_face.arguments import checked
from kaggle_face.errors import ConfigError
from kaggle_face.model.heads.batch_checks import require_embeddings, require_labels
from kaggle_face.model.heads.class_sampling import EVERY_CLASS, ClassSample, sample_classes
from kaggle_face.model.heads.shards import ClassShard, rows_of

WEIGHT_STD = 0.01
LARGEST_SIZE = 2**31 - 1
"""Of a dimension of a weight."""
_ALWAYS_SHOWN = ("num_classes", "embedding_size", "margin", "scale")
_HELD_AS = {"sampled_classes": "sampled_fraction", "margin": "class_margins"}
"""Attributes that are called otherwise than the argument of the constructor."""
# Shorter vectors are taken for this long: their direction means nothing, and the gradient stays finite.
_SHORTEST_NORM = 1e-4


class Head(nn.Module, ABC):
    """The interface of all heads.

    Attributes:
        num_classes: C.
        embedding_size: D.
        sampled_fraction: Share of the classes that `choose_classes` takes, in (0, 1].
        shard: The classes whose weights are here, where other processes hold the others; None: all.
    """

    def __init__(self, num_classes: int, embedding_size: int, sampled_classes: float = 1.0) -> None:
        super().__init__()
        for name, size in (("num_classes", num_classes), ("embedding_size", embedding_size)):
            self.require(size >= 1, f"{name} must be >= 1, got {size}")
            self.require(size <= LARGEST_SIZE, f"{name} must be <= {LARGEST_SIZE}, got {size}")
        self.require(
            0.0 < sampled_classes <= 1.0, f"sampled_classes must be > 0 and <= 1, got {sampled_classes}"
        )
        self.num_classes = num_classes
        self.embedding_size = embedding_size
        self.sampled_fraction = sampled_classes
        self.shard: ClassShard | None = None

    def require(self, holds: bool, expected: str) -> None:
        """Refuses an argument of the constructor.

        Raises:
            ConfigError: What is required does not hold.
        """
        if not holds:
            raise ConfigError(f"{type(self).__name__}: {expected}")

    def extra_repr(self) -> str:
        """The arguments of the constructor: sizes, margin and scale, and others that are not the defaults."""
        shown = []
        for name, argument in signature(type(self)).parameters.items():
            held = _HELD_AS.get(name, name)
            value = getattr(self, held, getattr(self, f"_{held}", argument.default))
            if isinstance(value, Tensor):
                value = (
                    f"{value.item():g}" if value.numel() == 1 and not value.is_meta else "one for each class"
                )
            if name in _ALWAYS_SHOWN or value != argument.default:
                shown.append(f"{name}={value}")
        return ", ".join(shown)

    def forward(self, embeddings_BD: Tensor, labels_B: Tensor | None = None) -> Tensor:
        """The logits (B, C) of every class: with labels for training, without for inference.

        A batch whose images are mixed of two (CutMix, Mixup) takes one call for each of its two labels:
        `lam * cross_entropy(head(e, a), a) + (1 - lam) * cross_entropy(head(e, b), b)`. Running statistics
        (AdaFace, CurricularFace) advance at each call with labels in training mode.

        Args:
            embeddings_BD: Embeddings, floating, of any length.
            labels_B: Class indices in [0, C), int64; the margin makes the logit of each smaller.

        Raises:
            InputError: A shape or type is wrong, or a label on the CPU is not in [0, C).
        """
        assert self.shard is None, "a call gives the logits of all classes"
        name = type(self).__name__
        device = next((parameter.device for parameter in self.parameters()), None)
        require_embeddings(name, embeddings_BD, self.embedding_size, device)
        if labels_B is not None:
            require_labels(name, labels_B, embeddings_BD, self.num_classes)
        similarity_BC = self.similarity(embeddings_BD)
        if labels_B is None:
            return self.logits(similarity_BC)
        norms_B = in_full_precision(embeddings_BD.detach()).norm(dim=1)
        return self.margin_logits(similarity_BC, labels_B, norms_B)

    @abstractmethod
    def similarity(self, embeddings_BD: Tensor, classes: ClassSample = EVERY_CLASS) -> Tensor:
        """Similarity of each embedding to each class (B, S), at least float32 under autocast too."""

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
        """Sets how many epochs, with their fraction, are trained; warm-ups follow from it alone."""

    def choose_classes(
        self, labels: Tensor, generator: torch.Generator, num_different: int | None = None
    ) -> ClassSample:
        """The classes of a training step, with every label among them (see `sample_classes`).

        Where classes are divided among processes, the held ones of the sample that one process would draw.
        """
        classes = sample_classes(labels, self.num_classes, self.sampled_fraction, generator, num_different)
        return classes if self.shard is None else classes.part_of(self.shard, labels.numel())

    def class_parameters(self) -> dict[str, nn.Parameter]:
        """The parameters with a row for each class, by name: all, unless a head overrides this."""
        return dict(self.named_parameters())

    @property
    def num_parameters(self) -> int:
        """The number of parameters, also of classes that other processes hold."""
        per_class = self.class_parameters()
        others = sum(
            parameter.numel() for name, parameter in self.named_parameters() if name not in per_class
        )
        return others + sum(self.num_classes * math.prod(p.shape[1:]) for p in per_class.values())

    def keep_classes(self, shard: ClassShard) -> None:
        """Drops the weights of the classes that other processes hold; optimisers are created afterwards."""
        assert self.shard is None
        for name, parameter in self.class_parameters().items():
            setattr(self, name, nn.Parameter(rows_of(parameter.detach(), shard), parameter.requires_grad))
        self.shard = shard


def in_full_precision(tensor: Tensor) -> Tensor:
    """The tensor in float32, or as it is where it is finer."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def unit_vectors(vectors: Tensor) -> Tensor:
    """Vectors along the last dimension scaled to length 1; the zero vector stays zero."""
    return F.normalize(vectors, dim=-1, eps=_SHORTEST_NORM)


class LinearHead(Head):
    """A linear classifier (softmax): the logits are `embeddings @ weight.T + bias`.

    With `normalizes`, embeddings and class weights lie on the unit sphere, there is no bias, and the logits
    are `scale` times the cosines (NormFace, Wang et al. 2017, arXiv:1704.06369, equation 6).

    Args:
        num_classes: C, >= 1.
        embedding_size: D, >= 1.
        sampled_classes: Share of the classes that `choose_classes` takes, in (0, 1]; calls use all.
        normalizes: Whether the logits are scaled cosines.
        scale: Factor of the cosines, > 0; without `normalizes` it has no effect.

    Raises:
        ConfigError: An argument is out of range.

    >>> head = LinearHead(num_classes=2, embedding_size=2, normalizes=True, scale=10.0)
    >>> _ = head.weight_CD.data.copy_(torch.tensor([[2.0, 0.0], [3.0, 4.0]]))  # cosines 0.6 and 1
    >>> [round(value, 3) for value in head(torch.tensor([[6.0, 8.0]])).flatten().tolist()]
    [6.0, 10.0]
    """

    @checked
    def __init__(
        self,
        num_classes: int,
        embedding_size: int,
        sampled_classes: float = 1.0,
        normalizes: bool = False,
        scale: float = 1.0,
    ) -> None:
        super().__init__(num_classes, embedding_size, sampled_classes)
        self.require(0.0 < scale < math.inf, f"scale must be > 0, got {scale}")
        self.normalizes = normalizes
        self.scale = scale
        self.weight_CD = nn.Parameter(torch.empty(num_classes, embedding_size))
        self.bias_C: nn.Parameter | None = None if normalizes else nn.Parameter(torch.zeros(num_classes))
        nn.init.normal_(self.weight_CD, std=WEIGHT_STD)

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

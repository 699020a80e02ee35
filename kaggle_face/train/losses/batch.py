"""The loss of a batch: cross entropy, with the two-term form for mixed images, and metric losses.

Letters: B images of the batch, D embedding size, C classes (or the sampled part), M sources of an image.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from kaggle_face.config.training import LossConfig, MixedMargin
from kaggle_face.data.augmentation.mixing import Mix
from kaggle_face.model.heads.head import Head, in_full_precision
from kaggle_face.train.losses.metric_learning import MetricLoss
from kaggle_face.train.losses.sharded import seen_by_each, sharded_cross_entropy
from kaggle_face.train.other_runs.distillation import DistillationTargets, distillation_loss


@dataclass(frozen=True)
class BatchLoss:
    """The loss to minimise, the logits without a margin (B, C), and the number of correct ones.

    Where the classes of the head are divided among processes, the logits are those of the held classes.
    """

    loss: Tensor
    logits: Tensor
    correct: Tensor


@dataclass(frozen=True, eq=False)
class Targets:
    """The classes of a batch (B), of the first source where images are mixed, and how they are mixed.

    `num_different` is the number of different classes where the host knows it; both sources of a mixed batch
    have the same ones.
    """

    labels: Tensor
    mix: Mix | None = None
    num_different: int | None = None

    def labels_of_sources(self) -> Tensor:
        """Classes (M, B) of the images that each input is made of: M is 1, or 2 for a mixed batch."""
        if self.mix is None:
            return self.labels[None]
        permutation_B = self.mix.partners(self.labels.device)
        return torch.stack([self.labels, self.labels[permutation_B]])

    def weights_of_sources(self) -> tuple[float, ...]:
        """The share of each source in its input; they sum to 1."""
        if self.mix is None:
            return (1.0,)
        return self.mix.weight_of_first, 1.0 - self.mix.weight_of_first


@dataclass(frozen=True)
class LossSettings:
    """The settings of the loss, and the treatment of margins on mixed images."""

    loss: LossConfig
    margin_on_mixed: MixedMargin

    def trains_head_alone(self, has_teachers: bool) -> bool:
        """Whether the cross entropy stops at the embeddings, which another loss trains."""
        return self.loss.classification_weight == 0.0 and not has_teachers

    def compares_images(self, targets: Targets) -> bool:
        """Whether a batch has a metric loss where one is set."""
        return targets.mix is None or self.margin_on_mixed == "two_term"

    def reaches_network(self, targets: Targets, has_teachers: bool) -> bool:
        """Whether the loss of a batch has a gradient below the head."""
        compares = self.loss.metric != "none" and self.compares_images(targets)
        return compares or not self.trains_head_alone(has_teachers)


def batch_loss(
    head: Head,
    metric: MetricLoss | None,
    embeddings_BD: Tensor,
    targets: Targets,
    settings: LossSettings,
    generator: torch.Generator,
    soft_targets: DistillationTargets | None = None,
    processes: int = 1,
) -> BatchLoss:
    """The weighted sum of the head's cross entropy, the metric loss and the distillation loss.

    With `loss.classification_weight=0` and no distillation the head trains on detached embeddings, so that
    accuracy stays measurable while the metric loss alone trains the backbone.

    Args:
        head: Of this process; `head.shard` where others hold other classes.
        metric: The loss that compares embeddings, or None.
        embeddings_BD: Embeddings of the whole batch.
        targets: Their classes.
        settings: Weights of the losses.
        generator: Draws the classes that take part, where the head samples them.
        soft_targets: The answers of other runs, or None.
        processes: How many processes compute this together.
    """
    trains_head_alone = settings.trains_head_alone(soft_targets is not None)
    seen_BD = embeddings_BD.detach() if trains_head_alone else embeddings_BD
    result = classification_loss(head, seen_BD, targets, settings, generator)
    loss = (1.0 if trains_head_alone else settings.loss.classification_weight) * result.loss
    compared_BD = embeddings_BD if head.shard is None else seen_by_each(embeddings_BD, processes)
    if metric is not None and settings.compares_images(targets):
        loss = loss + settings.loss.metric_weight * metric_term(metric, compared_BD, targets)
    if soft_targets is not None:
        distill = settings.loss.distill
        loss = loss + distillation_loss(
            distill, soft_targets, compared_BD, result.logits, targets.mix, head.shard
        )
    return BatchLoss(loss, result.logits, result.correct)


def classification_loss(
    head: Head, embeddings_BD: Tensor, targets: Targets, settings: LossSettings, generator: torch.Generator
) -> BatchLoss:
    """Cross entropy of a batch; a mixed batch has one term per source image, weighted by its share.

    The similarities are computed once and the margin is applied for each of the two labels. (Yun et al.
    2019, arXiv:1905.04899, section 3.1 mixes the target; a margin is not linear in the target, so the
    two-term form is what carries over to margin heads. For a linear head both forms are equal.)

    Args:
        head: Gives similarities and margins.
        embeddings_BD: Embeddings of the (mixed) images.
        targets: Their classes.
        settings: Label smoothing, and whether mixed images get a margin.
        generator: Draws the classes that take part, where the head samples them.
    """
    labels_MB = targets.labels_of_sources()
    classes = head.choose_classes(labels_MB, generator, targets.num_different)
    similarity_BC = head.similarity(embeddings_BD, classes)
    norms_B = in_full_precision(embeddings_BD.detach()).norm(dim=1)
    has_margin = targets.mix is None or settings.margin_on_mixed == "two_term"
    weights, smoothing = targets.weights_of_sources(), settings.loss.label_smoothing
    plain_BC = head.logits(similarity_BC)
    logits = [
        head.margin_logits(similarity_BC, labels_B, norms_B, classes) if has_margin else plain_BC
        for labels_B in labels_MB
    ]
    loss = similarity_BC.new_zeros(())
    if head.shard is not None:
        losses_M, correct = sharded_cross_entropy(logits, labels_MB, plain_BC, classes, smoothing)
        for weight, term in zip(weights, losses_M, strict=True):
            loss = loss + weight * term
        return BatchLoss(loss, plain_BC, correct)
    for weight, logits_BC, labels_B in zip(weights, logits, labels_MB, strict=True):
        term = F.cross_entropy(logits_BC, classes.positions(labels_B), label_smoothing=smoothing)
        loss = loss + weight * term
    chosen_B = plain_BC.detach().argmax(dim=1)
    return BatchLoss(loss, plain_BC, (chosen_B == classes.positions(targets.labels)).sum())


def metric_term(metric: MetricLoss, embeddings_BD: Tensor, targets: Targets) -> Tensor:
    """The metric loss, for mixed images once per source, weighted by its share.

    What the loss learns by itself follows the sources that have the larger share.
    """
    shares, labels_MB = targets.weights_of_sources(), targets.labels_of_sources()
    loss = embeddings_BD.new_zeros((), dtype=torch.float32)
    for share, labels_B in zip(shares, labels_MB, strict=True):
        loss = loss + share * metric(embeddings_BD, labels_B)
    metric.advance(embeddings_BD.detach(), labels_MB[max(range(len(shares)), key=shares.__getitem__)])
    return loss

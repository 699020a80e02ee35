"""The loss of a batch: cross entropy, with the two-term form for mixed images, and what is added to it.

Letters: B images of the batch, D embedding size, C classes (or the sampled part), M sources of an image.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from kaggle_face.config.schema import LossConfig, MixedMargin
from kaggle_face.data.augmentation.mixing import Mix
from kaggle_face.model.heads.head import Head
from kaggle_face.train.losses.metric_learning import MetricLoss
from kaggle_face.train.other_runs.distillation import Lesson, distillation_loss


@dataclass(frozen=True)
class BatchLoss:
    """The loss to minimise, what the head says without a margin (B, C), and how often it is right."""

    loss: Tensor
    logits: Tensor
    correct: Tensor


@dataclass(frozen=True, eq=False)
class Truth:
    """The classes of a batch (B), those of the first sources where images are mixed, and the mixing."""

    labels: Tensor
    mix: Mix | None = None

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
class LossRules:
    """The settings of the loss, and what a margin does to mixed images."""

    loss: LossConfig
    margin_on_mixed: MixedMargin


def batch_loss(
    head: Head,
    metric: MetricLoss | None,
    embeddings_BD: Tensor,
    truth: Truth,
    rules: LossRules,
    generator: torch.Generator,
    lesson: Lesson | None = None,
) -> BatchLoss:
    """The weighted sum of the head's cross entropy, the metric loss and the teachers' lesson.

    With `loss.classification_weight=0` and no teacher the head learns from embeddings that take no gradient
    back, so that accuracy stays measurable while the metric loss alone teaches the backbone.
    """
    weight = rules.loss.classification_weight
    teaches_head_alone = weight == 0.0 and lesson is None
    seen_BD = embeddings_BD.detach() if teaches_head_alone else embeddings_BD
    result = classification_loss(head, seen_BD, truth, rules, generator)
    loss = (1.0 if teaches_head_alone else weight) * result.loss
    if metric is not None and (truth.mix is None or rules.margin_on_mixed == "two_term"):
        loss = loss + rules.loss.metric_weight * metric_term(metric, embeddings_BD, truth)
    if lesson is not None:
        distill = rules.loss.distill
        loss = loss + distillation_loss(distill, lesson, embeddings_BD, result.logits, truth.mix)
    return BatchLoss(loss, result.logits, result.correct)


def classification_loss(
    head: Head, embeddings_BD: Tensor, truth: Truth, rules: LossRules, generator: torch.Generator
) -> BatchLoss:
    """Cross entropy of a batch; a mixed batch has one term per source image, weighted by its share.

    The similarities are computed once and the margin is applied for each of the two labels. (Yun et al.
    2019, arXiv:1905.04899, section 3.1 mixes the target; a margin is not linear in the target, so the
    two-term form is what carries over to margin heads. For a linear head both forms are equal.)

    Args:
        head: Gives similarities and margins.
        embeddings_BD: Embeddings of the (mixed) images.
        truth: Their classes.
        rules: Label smoothing, and whether mixed images get a margin.
        generator: Draws the classes that take part, where the head samples them.
    """
    labels_MB = truth.labels_of_sources()
    classes = head.choose_classes(labels_MB, generator)
    similarity_BC = head.similarity(embeddings_BD, classes)
    norms_B = embeddings_BD.detach().float().norm(dim=1)
    has_margin = truth.mix is None or rules.margin_on_mixed == "two_term"
    loss = similarity_BC.new_zeros(())
    plain_BC = head.logits(similarity_BC)
    for weight, labels_B in zip(truth.weights_of_sources(), labels_MB, strict=True):
        logits_BC = plain_BC
        if has_margin:
            logits_BC = head.margin_logits(similarity_BC, labels_B, norms_B, classes)
        positions_B = classes.positions(labels_B)
        term = F.cross_entropy(logits_BC, positions_B, label_smoothing=rules.loss.label_smoothing)
        loss = loss + weight * term
    chosen_B = plain_BC.detach().argmax(dim=1)
    return BatchLoss(loss, plain_BC, (chosen_B == classes.positions(truth.labels)).sum())


def metric_term(metric: MetricLoss, embeddings_BD: Tensor, truth: Truth) -> Tensor:
    """The metric loss, for mixed images once per source, weighted by its share.

    What the loss learns by itself follows the sources that have the larger share.
    """
    shares, labels_MB = truth.weights_of_sources(), truth.labels_of_sources()
    loss = embeddings_BD.new_zeros((), dtype=torch.float32)
    for share, labels_B in zip(shares, labels_MB, strict=True):
        loss = loss + share * metric(embeddings_BD, labels_B)
    metric.advance(embeddings_BD.detach(), labels_MB[max(range(len(shares)), key=shares.__getitem__)])
    return loss

"""The classification loss of a batch, with the two-term form for mixed images.

Letters: B images of the batch, D embedding size, C classes (or the sampled part of them).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from kaggle_face.data.mixing import Mix
from kaggle_face.model.heads import Head


@dataclass(frozen=True)
class BatchLoss:
    """The loss to minimise, and how many images the head without a margin puts into their class."""

    loss: Tensor
    correct: Tensor


def classification_loss(
    head: Head,
    embeddings_BD: Tensor,
    labels_B: Tensor,
    mix: Mix | None,
    label_smoothing: float,
    generator: torch.Generator,
) -> BatchLoss:
    """Cross entropy of a batch; a mixed batch has one term per source image, weighted by its share.

    The similarities are computed once and the margin is applied for each of the two labels. (Yun et al.
    2019, arXiv:1905.04899, section 3.1 mixes the target; a margin is not linear in the target, so the
    two-term form is what carries over to margin heads. For a linear head both forms are equal.)

    Args:
        head: Gives similarities and margins.
        embeddings_BD: Embeddings of the (mixed) images.
        labels_B: Classes of the first sources.
        mix: How the images were mixed, or None.
        label_smoothing: Probability mass spread over all classes, in [0, 1).
        generator: Draws the classes that take part, where the head samples them.
    """
    labels_MB = _labels_of_sources(labels_B, mix)
    classes = head.choose_classes(labels_MB, generator)
    similarity_BC = head.similarity(embeddings_BD, classes)
    norms_B = embeddings_BD.detach().float().norm(dim=1)
    terms = []
    for labels in labels_MB:
        logits_BC = head.margin_logits(similarity_BC, labels, norms_B, classes)
        terms.append(F.cross_entropy(logits_BC, classes.positions(labels), label_smoothing=label_smoothing))
    chosen_B = head.logits(similarity_BC.detach()).argmax(dim=1)
    correct = (chosen_B == classes.positions(labels_B)).sum()
    if mix is None:
        return BatchLoss(terms[0], correct)
    return BatchLoss(mix.weight_of_first * terms[0] + (1.0 - mix.weight_of_first) * terms[1], correct)


def _labels_of_sources(labels_B: Tensor, mix: Mix | None) -> Tensor:
    """Labels (1 or 2, B) of the images that each input is made of."""
    if mix is None:
        return labels_B[None]
    permutation_B = torch.as_tensor(mix.permutation, device=labels_B.device)
    return torch.stack([labels_B, labels_B[permutation_B]])

"""The classification loss of a batch, with the two-term form for mixed images.

Letters: B images of the batch, C classes.
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
    """The loss to minimise and what is counted along the way, all on the device."""

    loss: Tensor
    correct: Tensor


def classification_loss(
    head: Head, embeddings_BD: Tensor, labels_B: Tensor, mix: Mix | None, label_smoothing: float
) -> BatchLoss:
    """Cross entropy of a batch; a mixed batch has one term per source image, weighted by its share.

    The similarities are computed once and the margin is applied to them for each of the two labels
    (Yun et al. 2019, equation 1 for the mixed target; a margin is not linear in the label, so the mixed
    target itself cannot be handed to a margin head).
    """
    similarity_BC = head.similarity(embeddings_BD)
    norms_B = embeddings_BD.detach().float().norm(dim=1)
    correct = (head.logits(similarity_BC.detach()).argmax(dim=1) == labels_B).sum()

    def term(labels: Tensor) -> Tensor:
        logits_BC = head.margin_logits(similarity_BC, labels, norms_B)
        return F.cross_entropy(logits_BC, labels, label_smoothing=label_smoothing)

    if mix is None:
        return BatchLoss(term(labels_B), correct)
    other_B = labels_B[torch.as_tensor(mix.permutation, device=labels_B.device)]
    first = mix.weight_of_first
    return BatchLoss(first * term(labels_B) + (1.0 - first) * term(other_B), correct)

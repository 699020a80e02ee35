"""Heads: embeddings (B, D) in, logits (B, C) out; usable alone in any training loop.

The margin of a batch that is mixed of two (CutMix, Mixup) is applied for each of its two labels:

>>> import torch
>>> from torch.nn.functional import cross_entropy
>>> head = ArcFace(num_classes=3, embedding_size=2, margin=0.5, scale=30.0)
>>> embeddings = torch.tensor([[1.0, 0.0], [0.0, 1.0]], requires_grad=True)
>>> labels, lam = torch.tensor([0, 2]), 0.7
>>> others = labels.flip(0)
>>> loss = lam * cross_entropy(head(embeddings, labels), labels)
>>> loss = loss + (1 - lam) * cross_entropy(head(embeddings, others), others)
>>> loss.backward()
>>> head(embeddings).shape, embeddings.grad.shape
(torch.Size([2, 3]), torch.Size([2, 2]))
"""

from __future__ import annotations

from kaggle_face.model.heads.head import Head, LinearHead
from kaggle_face.model.heads.margin_head import MarginHead
from kaggle_face.model.heads.margin_heads import (
    AdaFace,
    ArcFace,
    CombinedMargin,
    CosFace,
    CurricularFace,
    SubcenterArcFace,
)

__all__ = [
    "AdaFace",
    "ArcFace",
    "CombinedMargin",
    "CosFace",
    "CurricularFace",
    "Head",
    "LinearHead",
    "MarginHead",
    "SubcenterArcFace",
]

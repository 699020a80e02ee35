"""Losses of a batch.

Usable alone in any training loop, each an `nn.Module` of embeddings (B, D) and classes (B):

- `TripletLoss`, `SupervisedContrastiveLoss`, `MultiSimilarityLoss`: compare the images of a batch;
- `CenterLoss`: pulls embeddings to the centre of their class.

Losses of logits are PyTorch's own (`torch.nn.functional.cross_entropy`) on what `kaggle_face.heads` give.
"""

from __future__ import annotations

from kaggle_face.train.losses.metric_learning import (
    CenterLoss,
    MetricLoss,
    MultiSimilarityLoss,
    SupervisedContrastiveLoss,
    TripletLoss,
)

__all__ = ["CenterLoss", "MetricLoss", "MultiSimilarityLoss", "SupervisedContrastiveLoss", "TripletLoss"]

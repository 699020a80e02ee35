"""Checks of a batch that callers of heads and losses hand over: embeddings (B, D) and labels (B)."""

from __future__ import annotations

import torch
from torch import Tensor

from kaggle_face.errors import InputError


def require_embeddings(
    name: str, embeddings: object, size: int | None = None, device: torch.device | None = None
) -> None:
    """Check embeddings (B, D).

    Args:
        name: Of the head or loss, for the error.
        embeddings: What was given.
        size: D; None: any.
        device: Where the weights are; None: there are none.

    Raises:
        InputError: They are not a floating tensor of this shape, or on another device.
    """
    if not isinstance(embeddings, Tensor):
        raise InputError(f"{name}: embeddings must be a tensor, got {type(embeddings).__name__}")
    shape = tuple(embeddings.shape)
    is_dense = embeddings.layout == torch.strided
    has_shape = len(shape) == 2 and shape[1] == (size or shape[1])
    if not (has_shape and is_dense and embeddings.is_floating_point()):
        kind = "" if is_dense else "sparse "
        raise InputError(
            f"{name}: embeddings must be floating of shape (B, {size or 'D'}), got "
            f"{kind}{embeddings.dtype} of {shape}"
        )
    if device is not None and embeddings.device != device:
        raise InputError(f"{name}: embeddings are on {embeddings.device}, but the weights on {device}")


def require_labels(
    name: str, labels: object, embeddings: Tensor, num_classes: int | None = None, in_range: bool = True
) -> None:
    """Check the labels (B) of embeddings that `require_embeddings` passed.

    Args:
        name: Of the head or loss, for the error.
        labels: What was given.
        embeddings: The embeddings.
        num_classes: Where labels are indices of so many classes; None: any numbers.
        in_range: Whether the indices themselves are looked at.

    Raises:
        InputError: They are not a tensor of one label per embedding on the same device, or not class indices
            as int64. The range is checked on the CPU alone, as a GPU would have to be waited for.
    """
    if not isinstance(labels, Tensor):
        raise InputError(f"{name}: labels must be a tensor, got {type(labels).__name__}")
    count = len(embeddings)
    if labels.shape != (count,) or (num_classes is not None and labels.dtype != torch.int64):
        kind = "" if num_classes is None else "int64 "
        raise InputError(
            f"{name}: labels must be {kind}of shape ({count},), got {labels.dtype} of {tuple(labels.shape)}"
        )
    if labels.device != embeddings.device:
        raise InputError(f"{name}: embeddings are on {embeddings.device}, but labels on {labels.device}")
    if in_range and num_classes is not None and labels.device.type == "cpu" and count:
        lowest, highest = int(labels.min()), int(labels.max())
        if lowest < 0 or highest >= num_classes:
            wrong = lowest if lowest < 0 else highest
            raise InputError(f"{name}: labels must be in [0, {num_classes}), got {wrong}")

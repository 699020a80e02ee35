"""Small images first: the side of the training images as a pure function of the epoch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from kaggle_face.config import TrainConfig
from kaggle_face.errors import ConfigError
from kaggle_face.model.network import FaceNetwork

_STEP_PX = 8
"""Sizes are multiples of it, so that a compiled network is built for a few of them only."""


def image_size_at(train: TrainConfig, full_size: int, epoch: int) -> int:
    """Pixels of a side in an epoch (from 0): from `train.start_image_size` in even steps to the full size.

    Progressive resizing as in Tan and Le 2021, arXiv:2104.00298, section 4, without their growing dropout.

    >>> train = TrainConfig(start_image_size=64, grow_epochs=8)
    >>> [image_size_at(train, 112, epoch) for epoch in (0, 4, 7, 8, 20)]
    [64, 88, 104, 112, 112]
    """
    start = train.start_image_size
    if start is None or epoch >= train.grow_epochs:
        return full_size
    grown = start + (full_size - start) * epoch / train.grow_epochs
    return min(full_size, max(start, round(grown / _STEP_PX) * _STEP_PX))


def resized(images_BHWC: Tensor, size_px: int) -> Tensor:
    """uint8 images at another size, averaged over the pixels that fall together; the same ones at their own.

    A CPU does this ten times as fast for whole numbers as for float32; a GPU has it for float32 alone.
    """
    if images_BHWC.shape[1] == size_px:
        return images_BHWC
    images_BCHW = images_BHWC.permute(0, 3, 1, 2)
    if images_BHWC.device.type != "cpu":
        images_BCHW = images_BCHW.float()
    smaller_BCHW = F.interpolate(images_BCHW, (size_px, size_px), mode="bilinear", antialias=True)
    if smaller_BCHW.is_floating_point():
        smaller_BCHW = smaller_BCHW.round_().clamp_(0.0, 255.0).to(torch.uint8)
    return smaller_BCHW.permute(0, 2, 3, 1).contiguous()


def require_growing_is_possible(network: FaceNetwork, train: TrainConfig, full_size: int) -> None:
    """Tries the network on an image of the first size.

    Raises:
        ConfigError: The first size is no smaller than the full one, or the network is made for one size.
    """
    start = train.start_image_size
    if start is None:
        return
    if start >= full_size:
        raise ConfigError(f"train.start_image_size must be < data.image_size ({full_size}), got {start}")
    device = next(network.parameters()).device
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad():
            network(torch.zeros(1, 3, start, start, device=device))
    except (RuntimeError, AssertionError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ConfigError(
            f"this network takes images of {full_size} pixels alone, not of train.start_image_size={start} "
            f"({reason}); set model.pooling=avg or gem, another backbone, or train.start_image_size=null"
        ) from error
    finally:
        network.train(was_training)

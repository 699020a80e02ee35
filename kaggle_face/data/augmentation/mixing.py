"""CutMix and Mixup: a batch is blended with its own permutation, and so are the labels.

CutMix: Yun et al. 2019, arXiv:1905.04899. Mixup: Zhang et al. 2017, arXiv:1710.09412.
B images, H pixels high, W wide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from kaggle_face.config.schema import AugmentConfig
from kaggle_face.records import IntArray


@dataclass(frozen=True)
class Box:
    """A part of a picture: rows top..bottom-1 and columns left..right-1."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def area_px(self) -> int:
        """The number of pixels."""
        return (self.bottom - self.top) * (self.right - self.left)


@dataclass(frozen=True, eq=False)
class Mix:
    """How a batch is blended: image b with image `permutation[b]`, whose label weighs 1 - `weight_of_first`.

    With a box (CutMix) the box is pasted from the other image; without one (Mixup) the whole is averaged.
    """

    permutation: IntArray
    weight_of_first: float
    box: Box | None = None

    def partners(self, device: torch.device) -> torch.Tensor:
        """The permutation on a device, without waiting for it."""
        return torch.from_numpy(self.permutation).to(device, non_blocking=True)


def draw_mix(config: AugmentConfig, batch_size: int, size_px: int, draw: np.random.Generator) -> Mix | None:
    """What happens to the next batch: CutMix or Mixup, each with its probability, or nothing."""
    cutmix, mixup = config.cutmix, config.mixup
    total = cutmix.probability + mixup.probability
    chance = draw.random()
    if chance >= total:
        return None
    permutation = draw.permutation(batch_size).astype(np.int64, copy=False)
    if chance >= cutmix.probability:
        return Mix(permutation, float(draw.beta(mixup.alpha, mixup.alpha)))
    box = _draw_box(float(draw.beta(cutmix.alpha, cutmix.alpha)), size_px, draw)
    return Mix(permutation, 1 - box.area_px / size_px**2, box)


def apply_mix(images_BCHW: torch.Tensor, mix: Mix) -> torch.Tensor:
    """The blended batch (B, C, H, W), a new tensor of the same type and memory format."""
    partner_B = mix.partners(images_BCHW.device)
    mixed_BCHW = images_BCHW.clone()
    if mix.box is None:
        return mixed_BCHW.lerp_(images_BCHW[partner_B], 1 - mix.weight_of_first)
    rows, columns = slice(mix.box.top, mix.box.bottom), slice(mix.box.left, mix.box.right)
    mixed_BCHW[:, :, rows, columns] = images_BCHW[:, :, rows, columns][partner_B]
    return mixed_BCHW


def _draw_box(weight_of_first: float, size_px: int, draw: np.random.Generator) -> Box:
    """A square of area 1 - weight around an evenly drawn centre, clipped at the border (CutMix, eq. 2).

    The clipped box is smaller than drawn, so the caller takes the weight from its true area.
    """
    half = size_px * math.sqrt(1 - weight_of_first) / 2
    row, column = draw.integers(size_px, size=2).tolist()
    return Box(*_clipped(row, half, size_px), *_clipped(column, half, size_px))


def _clipped(centre: int, half: float, size_px: int) -> tuple[int, int]:
    return max(0, round(centre - half)), min(size_px, round(centre + half))

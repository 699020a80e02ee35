"""CutMix and Mixup: a batch is blended with its own permutation, and so are the labels.

CutMix: Yun et al. 2019, arXiv:1905.04899. Mixup: Zhang et al. 2017, arXiv:1710.09412.
B images, H pixels high, W wide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from kaggle_face.arguments import checked
from kaggle_face.config.training import AugmentConfig
from kaggle_face.errors import InputError, counted
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

    def moved(self, by_px: int) -> Box:
        """The box so many pixels further down and to the right."""
        return Box(self.top + by_px, self.bottom + by_px, self.left + by_px, self.right + by_px)


@dataclass(frozen=True, eq=False)
class Mix:
    """The mixing of a batch: image b with image `permutation[b]`, whose label weighs 1 - `weight_of_first`.

    With a box (CutMix) the box is pasted from the other image; without one (Mixup) the whole is averaged.
    """

    permutation: IntArray
    weight_of_first: float
    box: Box | None = None

    def partners(self, device: torch.device) -> torch.Tensor:
        """The permutation on a device, without waiting for it."""
        return torch.from_numpy(self.permutation).to(device, non_blocking=True)


def draw_mix(
    config: AugmentConfig, batch_size: int, size_px: int, draw: np.random.Generator, border_px: int = 0
) -> Mix | None:
    """Draws CutMix, Mixup or nothing for the next batch, each with its probability.

    Args:
        config: The probabilities, and what weights are drawn from.
        batch_size: B.
        size_px: H and W.
        draw: The source of randomness.
        border_px: Pixels at each border that the network does not see (`model.center_crop`): CutMix pastes
            within the rest, whose area alone the weight counts.
    """
    cutmix, mixup = config.cutmix, config.mixup
    total = cutmix.probability + mixup.probability
    chance = draw.random()
    if chance >= total:
        return None
    permutation = draw.permutation(batch_size).astype(np.int64, copy=False)
    if chance >= cutmix.probability:
        return Mix(permutation, float(draw.beta(mixup.alpha, mixup.alpha)))
    seen_px = size_px - 2 * border_px
    box = _draw_box(float(draw.beta(cutmix.alpha, cutmix.alpha)), seen_px, draw)
    return Mix(permutation, 1 - box.area_px / seen_px**2, box.moved(border_px))


def apply_mix(images_BCHW: torch.Tensor, mix: Mix) -> torch.Tensor:
    """The blended batch (B, C, H, W), a new tensor of the same type and memory format."""
    return blend(images_BCHW, images_BCHW[mix.partners(images_BCHW.device)], mix)


def blend(images_BCHW: torch.Tensor, partners_BCHW: torch.Tensor, mix: Mix) -> torch.Tensor:
    """Images blended with one partner each, a new tensor (B, C, H, W) of the same type and memory format."""
    mixed_BCHW = images_BCHW.clone()
    if mix.box is None:
        return mixed_BCHW.lerp_(partners_BCHW, 1 - mix.weight_of_first)
    rows, columns = slice(mix.box.top, mix.box.bottom), slice(mix.box.left, mix.box.right)
    mixed_BCHW[:, :, rows, columns] = partners_BCHW[:, :, rows, columns]
    return mixed_BCHW


@checked
def cutmix(
    images_BCHW: torch.Tensor, labels_B: torch.Tensor, alpha: float = 1.0, seed: int | None = None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, float]:
    """CutMix of a batch (Yun et al. 2019, arXiv:1905.04899) for any training loop.

    The loss of the mixed batch is `share * loss(first) + (1 - share) * loss(second)`, also for heads with a
    margin, which are given one label at a time.

    Args:
        images_BCHW: Square images (B, C, S, S), of any type.
        labels_B: Their classes (B).
        alpha: Of the Beta(alpha, alpha) distribution that the share is drawn from, > 0.
        seed: Makes the draw repeatable; None draws from NumPy's entropy.

    Returns:
        The mixed images, the labels of the first and of the second source (B), and the share of the first
        in [0, 1], from the true area of the box.

    >>> images, labels = torch.zeros(4, 3, 8, 8), torch.arange(4)
    >>> images += labels[:, None, None, None]
    >>> mixed, first, second, share = cutmix(images, labels, seed=0)
    >>> bool((mixed.mean((1, 2, 3)) - (share * first + (1 - share) * second)).abs().max() < 1e-6)
    True
    """
    _require_batch(images_BCHW, labels_B)
    if images_BCHW.ndim != 4 or images_BCHW.shape[2] != images_BCHW.shape[3] or not images_BCHW.shape[3]:
        raise InputError(f"CutMix takes square images (B, C, S, S), got {tuple(images_BCHW.shape)}")
    draw = _seeded(seed)
    size_px = images_BCHW.shape[3]
    box = _draw_box(_drawn_share(alpha, draw), size_px, draw)
    mix = Mix(draw.permutation(len(images_BCHW)), 1 - box.area_px / size_px**2, box)
    return _mixed(images_BCHW, labels_B, mix)


@checked
def mixup(
    images_BCHW: torch.Tensor, labels_B: torch.Tensor, alpha: float = 1.0, seed: int | None = None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, float]:
    """Mixup of a batch (Zhang et al. 2017, arXiv:1710.09412); arguments and results as of `cutmix`.

    >>> images, labels = torch.tensor([0.0, 1.0]).reshape(2, 1, 1, 1), torch.tensor([0, 1])
    >>> mixed, first, second, share = mixup(images, labels, seed=1)
    >>> bool((mixed[:, 0, 0, 0] - (share * first + (1 - share) * second)).abs().max() < 1e-6)
    True
    """
    _require_batch(images_BCHW, labels_B)
    if not images_BCHW.is_floating_point():
        raise InputError(
            f"Mixup averages floating images, got {images_BCHW.dtype}; convert them with .float()"
        )
    draw = _seeded(seed)
    share = _drawn_share(alpha, draw)
    return _mixed(images_BCHW, labels_B, Mix(draw.permutation(len(images_BCHW)), share))


def _require_batch(images_BCHW: torch.Tensor, labels_B: torch.Tensor) -> None:
    if labels_B.ndim == 0 or images_BCHW.ndim < 2:
        shapes = f"{tuple(images_BCHW.shape)} and {tuple(labels_B.shape)}"
        raise InputError(f"a batch has images (B, ...) and labels (B), got {shapes}")
    if len(labels_B) != len(images_BCHW):
        raise InputError(
            f"{counted(len(images_BCHW), 'image')} and {counted(len(labels_B), 'label')} cannot be one batch"
        )


def _seeded(seed: int | None) -> np.random.Generator:
    if seed is not None and seed < 0:
        raise InputError(f"seed must be >= 0, got {seed}")
    return np.random.default_rng(seed)


def _drawn_share(alpha: float, draw: np.random.Generator) -> float:
    if not 0 < alpha < math.inf:
        raise InputError(f"alpha must be > 0, got {alpha}")
    return float(draw.beta(alpha, alpha))


def _mixed(
    images_BCHW: torch.Tensor, labels_B: torch.Tensor, mix: Mix
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, float]:
    mixed_BCHW = apply_mix(images_BCHW, mix)
    return mixed_BCHW, labels_B, labels_B[mix.partners(labels_B.device)], mix.weight_of_first


def _draw_box(weight_of_first: float, size_px: int, draw: np.random.Generator) -> Box:
    """A square of area 1 - weight around an evenly drawn centre, clipped at the border (CutMix, eq. 2).

    The clipped box is smaller than drawn, so the caller takes the weight from its true area.
    """
    half = size_px * math.sqrt(1 - weight_of_first) / 2
    row, column = draw.integers(size_px, size=2).tolist()
    return Box(*_clipped(row, half, size_px), *_clipped(column, half, size_px))


def _clipped(centre: int, half: float, size_px: int) -> tuple[int, int]:
    return max(0, round(centre - half)), min(size_px, round(centre + half))

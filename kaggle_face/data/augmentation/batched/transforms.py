"""Augmentation of whole batches on the device that holds them: how transforms are chosen and put together.

A transform takes float32 images (B, C, H, W) with values in [0, 255] and uniform draws (B, K) in [0, 1), and
gives images back; what happens to an image follows from its own draws alone.

Letters: B images, C colours (red, green, blue), H height, W width, K draws of an image.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

LARGEST = 255.0
Range = tuple[float, float]


class BatchTransform(ABC):
    """One change of all images of a batch."""

    @property
    def num_draws(self) -> int:
        """K, the random numbers that it needs for each image."""
        return 0

    @abstractmethod
    def __call__(self, images_BCHW: Tensor, draws_BK: Tensor) -> Tensor:
        """The changed images, float32 in [0, 255]."""


@dataclass(frozen=True)
class Sometimes(BatchTransform):
    """A transform of each image with a chance of `chance`."""

    chance: float
    transform: BatchTransform

    @property
    def num_draws(self) -> int:
        """One to decide, and those of the transform."""
        return 1 + self.transform.num_draws

    def __call__(self, images_BCHW: Tensor, draws_BK: Tensor) -> Tensor:
        """The images, some of them changed."""
        changed_BCHW = self.transform(images_BCHW, draws_BK[:, 1:])
        if self.chance >= 1.0:
            return changed_BCHW
        return torch.where(per_image(draws_BK[:, 0] < self.chance), changed_BCHW, images_BCHW)


@dataclass(frozen=True)
class OneOf(BatchTransform):
    """One of several transforms for each image, each with its own share of the cases."""

    transforms: tuple[BatchTransform, ...]
    shares: tuple[float, ...]

    @property
    def num_draws(self) -> int:
        """One to decide, and as many as the most demanding transform needs."""
        return 1 + max(transform.num_draws for transform in self.transforms)

    def __call__(self, images_BCHW: Tensor, draws_BK: Tensor) -> Tensor:
        """The images, each changed in one way."""
        result_BCHW, below = images_BCHW, 0.0
        for number, (transform, share) in enumerate(zip(self.transforms, self.shares, strict=True)):
            above = below + share if number + 1 < len(self.shares) else 1.0
            chosen_B = (draws_BK[:, 0] >= below) & (draws_BK[:, 0] < above)
            changed_BCHW = transform(images_BCHW, draws_BK[:, 1 : 1 + transform.num_draws])
            result_BCHW = torch.where(per_image(chosen_B), changed_BCHW, result_BCHW)
            below = above
        return result_BCHW


@dataclass(frozen=True)
class Chain(BatchTransform):
    """Transforms one after the other."""

    transforms: tuple[BatchTransform, ...]

    @property
    def num_draws(self) -> int:
        """Those of all of them."""
        return sum(transform.num_draws for transform in self.transforms)

    def __call__(self, images_BCHW: Tensor, draws_BK: Tensor) -> Tensor:
        """The images after the last transform."""
        sizes = [transform.num_draws for transform in self.transforms]
        for transform, draws in zip(self.transforms, torch.split(draws_BK, sizes, dim=1), strict=True):
            images_BCHW = transform(images_BCHW, draws)
        return images_BCHW


def per_image(values_B: Tensor) -> Tensor:
    """Values (B) in a shape that meets images (B, C, H, W)."""
    return values_B[:, None, None, None]


def uniform(draws_B: Tensor, limits: Range) -> Tensor:
    """Draws in [0, 1) spread evenly over a range."""
    return limits[0] + (limits[1] - limits[0]) * draws_B


def whole_number(draws_B: Tensor, lowest: Tensor | int, highest: Tensor | int) -> Tensor:
    """Draws in [0, 1) as whole numbers from `lowest` to `highest`, both included, each as often; float32."""
    return lowest + torch.floor(draws_B * (highest - lowest + 1))


def colours(values: Sequence[float], like: Tensor) -> Tensor:
    """A value for each colour, or one for all, in a shape that meets images (B, C, H, W)."""
    return _colours(tuple(values), like.dtype, like.device)


@lru_cache(maxsize=64)
def _colours(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Kept, because each copy to a GPU costs microseconds; so few numbers go without waiting for it."""
    return torch.tensor(values, dtype=dtype).to(device, non_blocking=True)[None, :, None, None]

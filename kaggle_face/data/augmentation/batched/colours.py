"""Changes of colour for whole batches.

Fractions are cut off or rounded where albumentations does it, after each change: half a level of brightness
otherwise, which a network could learn.

Letters: B images, C colours, H height, W width, K draws of an image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, assert_never

import torch
from torch import Tensor

from kaggle_face.data.augmentation.batched.transforms import (
    LARGEST,
    BatchTransform,
    Range,
    per_image,
    uniform,
)

_GREY_SHARES = (0.299, 0.587, 0.114)  # ITU-R BT.601

GreyMethod = Literal["weighted_average", "average", "max", "desaturation"]


@dataclass(frozen=True)
class BrightnessContrast(BatchTransform):
    """x * (1 + contrast) + brightness * 255, or brightness * the image's mean."""

    brightness: Range
    contrast: Range
    by_max: bool

    @property
    def num_draws(self) -> int:
        """The contrast and the brightness."""
        return 2

    def __call__(self, images_BCHW: Tensor, draws_BK: Tensor) -> Tensor:
        """The images with another brightness and contrast."""
        brightness_B = uniform(draws_BK[:, 1], self.brightness)
        offset_B = brightness_B * (LARGEST if self.by_max else images_BCHW.mean(dim=(1, 2, 3)))
        factor_B = 1.0 + uniform(draws_BK[:, 0], self.contrast)
        return _cut(torch.addcmul(per_image(offset_B), images_BCHW, per_image(factor_B)))


@dataclass(frozen=True)
class ColorJitter(BatchTransform):
    """Factors of brightness, contrast and saturation, in an order drawn for each image.

    Each of them is factor * x + (1 - factor) * y, where y is black for the brightness, the mean grey of the
    image for the contrast and its own grey for the saturation.
    """

    brightness: Range
    contrast: Range
    saturation: Range

    @property
    def num_draws(self) -> int:
        """The three factors, and their order (3)."""
        return 6

    def __call__(self, images_BCHW: Tensor, draws_BK: Tensor) -> Tensor:
        """The images with other colours."""
        ranges = (self.brightness, self.contrast, self.saturation)
        factors_B3 = torch.stack([uniform(draws_BK[:, k], ranges[k]) for k in range(3)], dim=1)
        order_B3 = draws_BK[:, 3:6].argsort(dim=1)
        for place in range(3):
            kind_B1 = order_B3[:, place : place + 1]
            factor_B = factors_B3.gather(1, kind_B1)[:, 0]
            images_BCHW = _blend(images_BCHW, factor_B, kind_B1[:, 0])
        return images_BCHW


@dataclass(frozen=True)
class ToGray(BatchTransform):
    """The three colours become one grey."""

    method: GreyMethod

    def __call__(self, images_BCHW: Tensor, draws_BK: Tensor) -> Tensor:
        """Grey images of three equal colours."""
        return self._grey(images_BCHW).expand_as(images_BCHW)

    def _grey(self, images_BCHW: Tensor) -> Tensor:
        match self.method:
            case "weighted_average":
                return grey(images_BCHW)
            case "average":
                return _cut(images_BCHW.mean(dim=1, keepdim=True))
            case "max":
                return images_BCHW.amax(dim=1, keepdim=True)
            case "desaturation":
                lowest_B1HW = images_BCHW.amin(dim=1, keepdim=True)
                return _cut((images_BCHW.amax(dim=1, keepdim=True) + lowest_B1HW) / 2.0)
            case _:
                assert_never(self.method)


@dataclass(frozen=True)
class RandomGamma(BatchTransform):
    """255 * (x / 255)^gamma; the limits are in percent."""

    limits: Range

    @property
    def num_draws(self) -> int:
        """The exponent."""
        return 1

    def __call__(self, images_BCHW: Tensor, draws_BK: Tensor) -> Tensor:
        """The images with darker or lighter middle tones."""
        gamma_B = uniform(draws_BK[:, 0], self.limits) / 100.0
        return _cut(LARGEST * (images_BCHW / LARGEST).pow(per_image(gamma_B)))


@dataclass(frozen=True)
class Invert(BatchTransform):
    """255 - x."""

    def __call__(self, images_BCHW: Tensor, draws_BK: Tensor) -> Tensor:
        """The negatives."""
        return LARGEST - images_BCHW


def grey(images_BCHW: Tensor) -> Tensor:
    """The grey (B, 1, H, W) of colours, in whole levels."""
    red, green, blue = torch.split(images_BCHW, 1, dim=1)
    shares = _GREY_SHARES
    return torch.round(red * shares[0] + green * shares[1] + blue * shares[2])


def _blend(images_BCHW: Tensor, factor_B: Tensor, kind_B: Tensor) -> Tensor:
    """One change of each image: its brightness (kind 0), contrast (1) or saturation (2)."""
    grey_B1HW = grey(images_BCHW)
    mean_B = grey_B1HW.mean(dim=(1, 2, 3))
    rest_B = 1.0 - factor_B
    offset_B = torch.where(kind_B == 1, rest_B * mean_B, 0.0)
    is_saturation_B = kind_B == 2
    offset_B = offset_B + 0.5 * is_saturation_B  # the saturation is rounded, the others are cut
    grey_share_B = rest_B * is_saturation_B
    beside_B1HW = grey_B1HW * per_image(grey_share_B) + per_image(offset_B)
    return _cut(torch.addcmul(beside_B1HW, images_BCHW, per_image(factor_B)))


def _cut(images_BCHW: Tensor) -> Tensor:
    """Whole levels in [0, 255], fractions cut off."""
    return images_BCHW.clamp(0.0, LARGEST).floor()

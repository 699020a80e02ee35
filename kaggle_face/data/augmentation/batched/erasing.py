"""Holes in whole batches: coarse dropout and random erasing.

Letters: B images, C colours, H height, W width, K draws of an image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from kaggle_face.data.augmentation.batched.transforms import (
    LARGEST,
    BatchTransform,
    Range,
    colours,
    uniform,
    whole_number,
)

Fill = tuple[float, ...] | Literal["random_uniform"]
"""The colour of a hole; `random_uniform` draws one for each hole."""


@dataclass(frozen=True)
class CoarseDropout(BatchTransform):
    """Some rectangles of each image are filled (DeVries and Taylor 2017, arXiv:1708.04552).

    Sizes are whole pixels, or fractions of the side where the upper limit of the height is below 1.
    """

    holes: tuple[int, int]
    height: Range
    width: Range
    fill: Fill

    _DRAWS_OF_A_HOLE: ClassVar[int] = 7

    @property
    def num_draws(self) -> int:
        """One for the number of holes, seven for each."""
        return 1 + self._DRAWS_OF_A_HOLE * self.holes[1]

    def __call__(self, images_BCHW: Tensor, draws_BK: Tensor) -> Tensor:
        """The images with holes."""
        count_B = whole_number(draws_BK[:, 0], *self.holes)
        for hole in range(self.holes[1]):
            first = 1 + hole * self._DRAWS_OF_A_HOLE
            draws = draws_BK[:, first : first + self._DRAWS_OF_A_HOLE]
            rows_B, columns_B = self._size(draws, images_BCHW)
            is_there_B = count_B > hole
            images_BCHW = fill_hole(
                images_BCHW,
                (torch.where(is_there_B, rows_B, 0.0), torch.where(is_there_B, columns_B, 0.0)),
                draws[:, 2:],
                self.fill,
            )
        return images_BCHW

    def _size(self, draws_BK: Tensor, images_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        height, width = images_BCHW.shape[-2:]
        if self.height[1] >= 1:
            tallest, widest = int(min(self.height[1], height)), int(min(self.width[1], width))
            return (
                whole_number(draws_BK[:, 0], int(self.height[0]), tallest),
                whole_number(draws_BK[:, 1], int(self.width[0]), widest),
            )
        rows_B = torch.floor(height * uniform(draws_BK[:, 0], self.height))
        return rows_B, torch.floor(width * uniform(draws_BK[:, 1], self.width))


@dataclass(frozen=True)
class Erasing(BatchTransform):
    """A rectangle of a share of the area and a ratio of width to height is filled.

    Source: Zhong et al. 2017, arXiv:1708.04896. As in albumentations the share is limited so that the
    rectangle fits, and then the ratio.
    """

    area: Range
    ratio: Range
    fill: Fill

    @property
    def num_draws(self) -> int:
        """Area, ratio, the place (2), the colour (3)."""
        return 7

    def __call__(self, images_BCHW: Tensor, draws_BK: Tensor) -> Tensor:
        """The images with a hole each; without one where none of the wanted kind fits."""
        height, width = images_BCHW.shape[-2:]
        by_height = min(ratio * height**2 for ratio in self.ratio)
        by_width = min(width**2 / ratio if ratio > 0 else math.inf for ratio in self.ratio)
        least, most = (share * height * width for share in self.area)
        most = min(most, by_height, by_width)
        if most < least:
            return images_BCHW
        area_B = uniform(draws_BK[:, 0], (least, most)).clamp(min=1e-9)
        lowest_B = (area_B / height**2).clamp(min=self.ratio[0])
        highest_B = (width**2 / area_B).clamp(max=self.ratio[1])
        ratio_B = lowest_B + (highest_B - lowest_B) * draws_BK[:, 1]
        fits_B = lowest_B <= highest_B
        rows_B = torch.where(fits_B, torch.round(torch.sqrt(area_B / ratio_B)), 0.0)
        columns_B = torch.where(fits_B, torch.round(torch.sqrt(area_B * ratio_B)), 0.0)
        return fill_hole(images_BCHW, (rows_B, columns_B), draws_BK[:, 2:], self.fill)


def fill_hole(images_BCHW: Tensor, size: tuple[Tensor, Tensor], draws_BK: Tensor, fill: Fill) -> Tensor:
    """Fills a rectangle of `size` rows and columns (B) anywhere in each image; an empty one fills nothing.

    Draws: the place (2), the colour (3).
    """
    height, width = images_BCHW.shape[-2:]
    rows_B, columns_B = size
    top_B = whole_number(draws_BK[:, 0], 0, height - rows_B)
    left_B = whole_number(draws_BK[:, 1], 0, width - columns_B)
    y_H = torch.arange(height, device=images_BCHW.device)
    x_W = torch.arange(width, device=images_BCHW.device)
    inside_BH = (y_H >= top_B[:, None]) & (y_H < (top_B + rows_B)[:, None])
    inside_BW = (x_W >= left_B[:, None]) & (x_W < (left_B + columns_B)[:, None])
    hole_B1HW = (inside_BH[:, :, None] & inside_BW[:, None, :])[:, None]
    if fill == "random_uniform":
        colour = whole_number(draws_BK[:, 2:5], 0, int(LARGEST))[:, :, None, None]
    else:
        colour = colours(fill, images_BCHW)
    return torch.where(hole_B1HW, colour, images_BCHW)

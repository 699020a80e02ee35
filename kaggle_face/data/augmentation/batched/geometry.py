"""Mirror, move, turn, crop, pad and cover whole batches.

Letters: B images, C colours, H height, W width, K draws of an image. Coordinates are in pixels; "centred"
ones count from the middle of the picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, assert_never

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from kaggle_face.data.augmentation.batched.transforms import (
    BatchTransform,
    Range,
    colours,
    uniform,
    whole_number,
)

Border = Literal["constant", "replicate", "reflect", "reflect_101"]
"""What lies outside of a picture: a colour, its edge, or its mirror image (reflect_101: without the edge)."""


_TRIES = 10  # of a random part of a picture, as everywhere since torchvision


@dataclass(frozen=True)
class Flip(BatchTransform):
    """Mirror images, left and right (-1) or up and down (-2)."""

    dimension: Literal[-1, -2]

    def __call__(self, images_BCHW: Tensor, draws_BK: Tensor) -> Tensor:
        """The mirror images."""
        return images_BCHW.flip(self.dimension)


@dataclass(frozen=True)
class Affine(BatchTransform):
    """Scale, turn, shear and move, in that order, about the middle of the picture.

    Ranges of x and y: factors, degrees, degrees, and pixels (whole) or fractions of the side (cut to whole
    pixels towards zero).
    """

    scale: tuple[Range, Range]
    rotate: Range
    shear: tuple[Range, Range]
    translate: tuple[Range, Range]
    translate_in: Literal["pixels", "sides"]
    keep_ratio: bool
    border: Border
    fill: tuple[float, ...]
    sampling: Literal["bilinear", "nearest"]

    @property
    def num_draws(self) -> int:
        """The shift (2), the scale (2), the angle, the shear (2)."""
        return 7

    def __call__(self, images_BCHW: Tensor, draws_BK: Tensor) -> Tensor:
        """The images seen through each one's own map."""
        height, width = images_BCHW.shape[-2:]
        matrix_B22, shift_B2 = self._maps(draws_BK, (width, height))
        inverse_B22 = _inverse(matrix_B22)
        x_W = torch.arange(width, device=images_BCHW.device) - (width - 1) / 2.0
        y_H = torch.arange(height, device=images_BCHW.device) - (height - 1) / 2.0
        x_BW, y_BH = x_W[None] - shift_B2[:, :1], y_H[None] - shift_B2[:, 1:]
        x_BHW, y_BHW = (
            inverse_B22[:, row, 0, None, None] * x_BW[:, None, :]
            + inverse_B22[:, row, 1, None, None] * y_BH[:, :, None]
            for row in (0, 1)
        )
        return sample(images_BCHW, (x_BHW, y_BHW), self.border, self.fill, self.sampling)

    def _maps(self, draws_BK: Tensor, sides: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """The maps of centred coordinates: matrices (B, 2, 2) and shifts (B, 2) in pixels."""
        shift_B2 = torch.stack([self._shift(draws_BK[:, axis], axis, sides) for axis in (0, 1)], dim=1)
        scale_x_B = uniform(draws_BK[:, 2], self.scale[0])
        scale_y_B = scale_x_B if self.keep_ratio else uniform(draws_BK[:, 3], self.scale[1])
        angle_B = torch.deg2rad(uniform(draws_BK[:, 4], self.rotate))
        shear_x_B = torch.tan(torch.deg2rad(-uniform(draws_BK[:, 5], self.shear[0])))
        shear_y_B = torch.tan(torch.deg2rad(-uniform(draws_BK[:, 6], self.shear[1])))
        cos_B, sin_B = torch.cos(angle_B), torch.sin(angle_B)
        rows = [
            (cos_B - shear_x_B * sin_B) * scale_x_B,
            (sin_B + shear_x_B * cos_B) * scale_y_B,
            (shear_y_B * cos_B - sin_B) * scale_x_B,
            (shear_y_B * sin_B + cos_B) * scale_y_B,
        ]
        return torch.stack(rows, dim=1).reshape(-1, 2, 2), shift_B2

    def _shift(self, draws_B: Tensor, axis: int, sides: tuple[int, int]) -> Tensor:
        low, high = self.translate[axis]
        if self.translate_in == "pixels":
            return whole_number(draws_B, int(low), int(high))
        return torch.trunc(uniform(draws_B, (low, high)) * sides[axis])


@dataclass(frozen=True)
class Pad(BatchTransform):
    """More pixels at the left, top, right and bottom."""

    margins: tuple[int, int, int, int]
    border: Border
    fill: tuple[float, ...]

    def __call__(self, images_BCHW: Tensor, draws_BK: Tensor) -> Tensor:
        """The larger images."""
        left, top, right, bottom = self.margins
        if self.border == "constant":
            fill = colours(self.fill, images_BCHW)
            return F.pad(images_BCHW - fill, self._torch_margins) + fill
        height, width = images_BCHW.shape[-2:]
        rows = _outer_index(height, top, bottom, self.border, images_BCHW.device)
        columns = _outer_index(width, left, right, self.border, images_BCHW.device)
        return images_BCHW.index_select(2, rows).index_select(3, columns)

    @property
    def _torch_margins(self) -> tuple[int, int, int, int]:
        left, top, right, bottom = self.margins
        return left, right, top, bottom


@dataclass(frozen=True)
class PadIfNeeded(BatchTransform):
    """Pads both sides alike (one more at the right and bottom) until a least size is reached."""

    height: int
    width: int
    border: Border
    fill: tuple[float, ...]

    def __call__(self, images_BCHW: Tensor, draws_BK: Tensor) -> Tensor:
        """The images with at least that size."""
        rows = max(0, self.height - images_BCHW.shape[-2])
        columns = max(0, self.width - images_BCHW.shape[-1])
        margins = (columns // 2, rows // 2, columns - columns // 2, rows - rows // 2)
        return Pad(margins, self.border, self.fill)(images_BCHW, draws_BK) if any(margins) else images_BCHW


@dataclass(frozen=True)
class RandomCrop(BatchTransform):
    """A part of each image, anywhere."""

    height: int
    width: int

    @property
    def num_draws(self) -> int:
        """The row and the column."""
        return 2

    def __call__(self, images_BCHW: Tensor, draws_BK: Tensor) -> Tensor:
        """The parts (B, C, height, width)."""
        device, (height, width) = images_BCHW.device, images_BCHW.shape[-2:]
        top_B = whole_number(draws_BK[:, 0], 0, height - self.height).long()
        left_B = whole_number(draws_BK[:, 1], 0, width - self.width).long()
        rows_BH1 = (top_B[:, None] + torch.arange(self.height, device=device))[:, :, None]
        columns_B1W = (left_B[:, None] + torch.arange(self.width, device=device))[:, None, :]
        each_B11 = torch.arange(len(images_BCHW), device=device)[:, None, None]
        return images_BCHW.permute(0, 2, 3, 1)[each_B11, rows_BH1, columns_B1W].permute(0, 3, 1, 2)


@dataclass(frozen=True)
class RandomResizedCrop(BatchTransform):
    """A part of each image with a share of its area, brought to a size (Szegedy et al. 2014, section 6).

    Ten tries for a part that fits; else the largest part in the middle that keeps to the ratio.
    """

    height: int
    width: int
    area: Range
    ratio: Range

    @property
    def num_draws(self) -> int:
        """The number of draws: area and ratio of ten tries, the row and the column."""
        return 22

    def __call__(self, images_BCHW: Tensor, draws_BK: Tensor) -> Tensor:
        """The parts (B, C, height, width)."""
        height, width = images_BCHW.shape[-2:]
        rows_B, columns_B, is_fit_B = self._part(draws_BK, height, width)
        top_B = whole_number(draws_BK[:, 20], 0, height - rows_B)
        left_B = whole_number(draws_BK[:, 21], 0, width - columns_B)
        rows, columns = self._largest(height, width)
        top_B = torch.where(is_fit_B, top_B, float((height - rows) // 2))
        left_B = torch.where(is_fit_B, left_B, float((width - columns) // 2))
        y_BH = _spread(top_B, torch.where(is_fit_B, rows_B, float(rows)), self.height) - (height - 1) / 2.0
        x_BW = _spread(left_B, torch.where(is_fit_B, columns_B, float(columns)), self.width)
        x_BW = x_BW - (width - 1) / 2.0
        places = (x_BW[:, None, :].expand(-1, self.height, -1), y_BH[:, :, None].expand(-1, -1, self.width))
        return sample(images_BCHW, places, "replicate", (0.0,), "bilinear")

    def _part(self, draws_BK: Tensor, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
        """Rows and columns (B) of the first try that fits, and whether there is one."""
        area_BT = uniform(draws_BK[:, :_TRIES], self.area) * (height * width)
        logarithms = (math.log(self.ratio[0]), math.log(self.ratio[1]))
        ratio_BT = torch.exp(uniform(draws_BK[:, _TRIES : 2 * _TRIES], logarithms))
        columns_BT = torch.round(torch.sqrt(area_BT * ratio_BT))
        rows_BT = torch.round(torch.sqrt(area_BT / ratio_BT))
        fits_BT = (columns_BT >= 1) & (columns_BT <= width) & (rows_BT >= 1) & (rows_BT <= height)
        first_B1 = fits_BT.to(torch.uint8).argmax(dim=1, keepdim=True)
        is_fit_B = fits_BT.gather(1, first_B1)[:, 0]
        return rows_BT.gather(1, first_B1)[:, 0], columns_BT.gather(1, first_B1)[:, 0], is_fit_B

    def _largest(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of the largest part that keeps to the ratio."""
        ratio = width / height
        if ratio < self.ratio[0]:
            return round(width / self.ratio[0]), width
        if ratio > self.ratio[1]:
            return height, round(height * self.ratio[1])
        return height, width


def sample(
    images_BCHW: Tensor,
    places: tuple[Tensor, Tensor],
    border: Border,
    fill: tuple[float, ...],
    sampling: Literal["bilinear", "nearest"],
) -> Tensor:
    """The images read at centred coordinates x and y (B, H, W each), which may lie outside."""
    is_101 = border == "reflect_101"
    height, width = (side - 1 if is_101 else side for side in images_BCHW.shape[-2:])
    grid_BHW2 = torch.stack([places[0] * (2.0 / width), places[1] * (2.0 / height)], dim=-1)
    match border:
        case "constant":
            if not any(fill):
                return F.grid_sample(images_BCHW, grid_BHW2, sampling, "zeros", align_corners=False)
            # Outside is zero for the library: the fill is subtracted before and added again.
            shade = colours(fill, images_BCHW)
            inner_BCHW = F.grid_sample(images_BCHW - shade, grid_BHW2, sampling, "zeros", align_corners=False)
            return inner_BCHW + shade
        case "replicate":
            return F.grid_sample(images_BCHW, grid_BHW2, sampling, "border", align_corners=False)
        case "reflect" | "reflect_101":
            return F.grid_sample(images_BCHW, grid_BHW2, sampling, "reflection", align_corners=is_101)
        case _:
            assert_never(border)


def _inverse(matrix_B22: Tensor) -> Tensor:
    determinant_B11 = (matrix_B22[:, 0, 0] * matrix_B22[:, 1, 1] - matrix_B22[:, 0, 1] * matrix_B22[:, 1, 0])[
        :, None, None
    ]
    turned_B22 = torch.stack(
        [matrix_B22[:, 1, 1], -matrix_B22[:, 0, 1], -matrix_B22[:, 1, 0], matrix_B22[:, 0, 0]], dim=1
    ).reshape(-1, 2, 2)
    return turned_B22 / determinant_B11


def _spread(start_B: Tensor, length_B: Tensor, count: int) -> Tensor:
    """The middles (B, count) of `count` equal parts of a stretch of pixels, within its pixels' middles."""
    steps = (torch.arange(count, device=start_B.device) + 0.5) / count
    places_BN = start_B[:, None] + steps[None] * length_B[:, None] - 0.5
    return torch.minimum(torch.maximum(places_BN, start_B[:, None]), (start_B + length_B - 1)[:, None])


@lru_cache(maxsize=64)
def _outer_index(length: int, before: int, after: int, border: Border, device: torch.device) -> Tensor:
    """The source index of each row of a padded picture."""
    mode: Literal["edge", "symmetric", "reflect"]
    match border:
        case "replicate":
            mode = "edge"
        case "reflect":
            mode = "symmetric"
        case "reflect_101":
            mode = "reflect"
        case "constant":
            raise AssertionError("a constant border has no source")
        case _:
            assert_never(border)
    index = torch.from_numpy(np.pad(np.arange(length), (before, after), mode=mode))
    return index.to(device, non_blocking=True)

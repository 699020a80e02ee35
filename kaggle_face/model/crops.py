"""Crops of an image whose embeddings are averaged.

Letters: B images, H and W of an image, C channels.
"""

from __future__ import annotations

import torch
from torch import Tensor

_SHARE_MOVED = 16
"""A crop is moved by the side of the image divided by this, at least by a pixel."""


def crops_of(images_BCHW: Tensor) -> list[Tensor]:
    """The images, and four crops of the same size moved towards the corners; the border is repeated.

    >>> crops = crops_of(torch.arange(9.0).reshape(1, 1, 3, 3))
    >>> len(crops), crops[1][0, 0].tolist()  # moved up and left by one pixel
    (5, [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [3.0, 3.0, 4.0]])
    """
    height, width = images_BCHW.shape[2:]
    moved_H, moved_W = max(1, height // _SHARE_MOVED), max(1, width // _SHARE_MOVED)
    corners = [(down, right) for down in (-moved_H, moved_H) for right in (-moved_W, moved_W)]
    return [images_BCHW, *(_moved(images_BCHW, down, right) for down, right in corners)]


def _moved(images_BCHW: Tensor, down: int, right: int) -> Tensor:
    rows, columns = (
        (torch.arange(side, device=images_BCHW.device) + shift).clamp(0, side - 1)
        for side, shift in zip(images_BCHW.shape[2:], (down, right), strict=True)
    )
    return images_BCHW.index_select(2, rows).index_select(3, columns)

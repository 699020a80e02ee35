"""Pictures as a network takes them, and how many at once; nothing here needs torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from kaggle_face.errors import DataError
from kaggle_face.pictures import decode_rgb, read_picture, resized, square_pixels

Picture = str | PathLike[str] | npt.NDArray[np.uint8] | Image.Image
"""A path, RGB pixels (H, W, 3) in uint8, or a PIL image."""
Pictures = Sequence[Picture] | npt.NDArray[np.uint8]

BatchSize = int | Literal["auto"]

_PIXELS_ON_CPU = 1 << 20


def size_without_search(setting: BatchSize, size_px: int) -> int:
    """The setting, or where it is `auto` a batch of about a million pixels, in [16, 256].

    >>> [size_without_search("auto", size_px) for size_px in (32, 64, 112, 224)]
    [256, 256, 64, 16]
    """
    if setting != "auto":
        return setting
    fitting = max(1, _PIXELS_ON_CPU // size_px**2)
    return max(16, min(256, 1 << (fitting.bit_length() - 1)))


def picture_batches(images: Pictures, size_px: int, batch_size: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Batches (B, size_px, size_px, 3) of pictures, RGB, uint8, in their order.

    Raises:
        DataError: A file is missing or not a picture, an array has another shape or type, or one picture was
            given instead of a list of them.
    """
    if isinstance(images, str | PathLike | Image.Image | Mapping) or not hasattr(images, "__getitem__"):
        raise DataError(f"embed takes a list of images, got one {type(images).__name__}; write [image]")
    # A column of a frame is counted by its own index.
    images = images.to_numpy() if hasattr(images, "to_numpy") else images
    count = len(images)
    return (
        np.stack([_pixels(images[n], size_px, n) for n in range(start, min(start + batch_size, count))])
        for start in range(0, count, batch_size)
    )


def _pixels(image: object, size_px: int, number: int) -> npt.NDArray[np.uint8]:
    """The picture as the network takes it: RGB, uint8 (size_px, size_px, 3); `number` names it in errors."""
    if isinstance(image, str | PathLike):
        return decode_rgb(read_picture(Path(image)), size_px, str(image))
    if isinstance(image, Image.Image):
        return square_pixels(image, size_px, f"images[{number}]")
    if isinstance(image, np.ndarray):
        if image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3 and image.size:
            return resized(image, size_px)
        what = f"{image.dtype} of shape {image.shape}"
    else:
        what = f"a {type(image).__name__}"
    raise DataError(f"images[{number}] must be a path, a PIL image or uint8 of shape (H, W, 3), got {what}")

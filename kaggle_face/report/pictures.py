"""Pictures of an image cache for the report: small data URIs, and brightness, sharpness and hashes of many.

Letters: N images.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kaggle_face.data.cache.image_cache import ImageCache
from kaggle_face.data.folds.near_duplicates import difference_hashes
from kaggle_face.records import FloatArray, IntArray, StrArray
from kaggle_face.report.blocks import Picture

CARD_PX, HOVER_PX = 96, 64
"""Side of pictures in galleries, and beside the pointer."""
BRIGHTNESS_UNIT = "mean grey value, 0 black to 1 white"
SHARPNESS_UNIT = "deviation of the Laplacian; lower is more blurred"
"""Units of `PictureStatistics` in words."""
MOST_MEASURED = 20_000
"""Pictures of a split that are measured; of more an even choice."""
MOST_PAIRS = 20_000
"""Near-duplicates that are looked for; a folder of one picture a thousand times would have half a million."""
_QUALITY = 78
_BLOCK = 256
_SMALL_PX = 16
_ALIKE = 0.95
"""Correlation of two small grey pictures of one photo. Of 48-pixel generated faces copies compressed or
scaled anew reach at least 0.98 and brightened ones 0.95, two different pictures at most 0.93; a copy that was
cut by two pixels a side reaches 0.82 to 0.94 and is missed."""


@dataclass(frozen=True, eq=False)
class PictureStatistics:
    """Images (N) that could be read: brightness, sharpness and a hash of each.

    Attributes:
        image_ids: The images.
        brightness: Mean of the grey values, in [0, 1].
        sharpness: Standard deviation of the Laplacian of the grey values in [0, 255]: 0 for an even surface,
            lower for a blurred picture (Pech-Pacheco and others, ICPR 2000).
        hashes: Difference hashes (N, 64), one bit each.
        small: The grey pictures at 16 pixels a side (N, 256), of mean 0 and length 1.
        num_images: How many there are, of which these were chosen.
    """

    image_ids: StrArray
    brightness: FloatArray
    sharpness: FloatArray
    hashes: npt.NDArray[np.bool_]
    small: npt.NDArray[np.float32]
    num_images: int

    def __len__(self) -> int:
        return len(self.image_ids)


def measure_pictures(cache: ImageCache, image_ids: StrArray, most: int = MOST_MEASURED) -> PictureStatistics:
    """Brightness, sharpness and hashes of images; of more than `most` an even choice, the same each time."""
    import cv2

    chosen = evenly(len(image_ids), most)
    rows = cache.rows_of(image_ids[chosen])
    readable = cache.valid[rows]
    rows, kept = rows[readable], image_ids[chosen][readable]
    order = np.argsort(rows, kind="stable")  # neighbours on disk are read together
    rows, kept = rows[order], kept[order]
    brightness, sharpness = np.empty(len(rows)), np.empty(len(rows))
    hashes = np.empty((len(rows), 64), np.bool_)
    small = np.empty((len(rows), _SMALL_PX**2), np.float32)
    for start in range(0, len(rows), _BLOCK):
        pixels = np.asarray(cache.images[rows[start : start + _BLOCK]])
        for number, picture in enumerate(pixels, start):
            grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
            brightness[number] = cv2.mean(grey)[0] / 255
            small[number] = cv2.resize(grey, (_SMALL_PX, _SMALL_PX), interpolation=cv2.INTER_AREA).ravel()
            sharpness[number] = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_32F))[1][0, 0]
        hashes[start : start + len(pixels)] = difference_hashes(pixels, np.arange(len(pixels)))
    small -= small.mean(axis=1, keepdims=True)
    small /= np.maximum(np.linalg.norm(small, axis=1, keepdims=True), 1e-6)
    return PictureStatistics(kept, brightness, sharpness, hashes, small, len(image_ids))


def evenly(count: int, most: int) -> IntArray:
    """At most `most` positions of `count`, evenly spread.

    >>> evenly(3, 5).tolist(), evenly(10, 4).tolist()
    ([0, 1, 2], [0, 3, 6, 9])
    """
    if count <= most:
        return np.arange(count, dtype=np.int64)
    return np.linspace(0, count - 1, most).round().astype(np.int64)


def picture_of(cache: ImageCache | None, image_id: str, description: str, size_px: int = CARD_PX) -> Picture:
    """An image as a data URI of at most `size_px` pixels a side; without one where it is not at hand."""
    uris = picture_uris(cache, [image_id], size_px)
    return Picture(uris[0], description)


def picture_uris(cache: ImageCache | None, image_ids: list[str], size_px: int = CARD_PX) -> list[str | None]:
    """The data URI of each image, WebP of at most `size_px` pixels a side; None where it is not at hand."""
    if cache is None or not image_ids:
        return [None] * len(image_ids)
    wanted = np.asarray(image_ids, np.str_)
    rows = np.minimum(np.searchsorted(cache.image_ids, wanted), len(cache) - 1)
    is_there = (cache.image_ids[rows] == wanted) & cache.valid[rows]
    uris: list[str | None] = []
    for row, found in zip(rows.tolist(), is_there.tolist(), strict=True):
        uris.append(_uri(np.asarray(cache.images[row]), size_px) if found else None)
    return uris


def _uri(pixels: npt.NDArray[np.uint8], size_px: int) -> str:
    from PIL import Image

    picture = Image.fromarray(pixels)
    if picture.width > size_px:
        picture = picture.resize((size_px, size_px), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    picture.save(data, format="WEBP", quality=_QUALITY, method=2)
    return "data:image/webp;base64," + base64.b64encode(data.getvalue()).decode("ascii")


def near_pairs(
    sets: Sequence[PictureStatistics], most_bits: int = 3
) -> tuple[IntArray, npt.NDArray[np.float32]]:
    """Positions (P, 2) of pictures of all sets, one set behind the other, that look alike, and how much (P).

    The first of a pair lies before the second; pairs are found as by `near_copies`, at most `MOST_PAIRS`, and
    stand in the order of their correlation, the highest first.
    """
    signs = np.where(np.concatenate([each.hashes for each in sets]), 1.0, -1.0).astype(np.float32)
    small = np.concatenate([each.small for each in sets])
    found, correlations, count = [np.empty((0, 2), np.int64)], [np.empty(0, np.float32)], 0
    for start in range(0, len(signs), 1024):
        products = signs[start : start + 1024] @ signs[start:].T
        first, second = np.nonzero(products >= 64 - 2 * most_bits)
        is_later = second > first
        first, second = first[is_later] + start, second[is_later] + start
        correlation = np.einsum("np,np->n", small[first], small[second])
        alike = correlation >= _ALIKE
        correlations.append(correlation[alike])
        found.append(np.stack([first[alike], second[alike]], axis=1).astype(np.int64))
        count += int(alike.sum())
        if count >= MOST_PAIRS:
            break
    pairs, alikeness = np.concatenate(found)[:MOST_PAIRS], np.concatenate(correlations)[:MOST_PAIRS]
    order = np.argsort(-alikeness, kind="stable")
    return pairs[order], alikeness[order]


def near_copies(
    first: PictureStatistics, second: PictureStatistics, most_bits: int = 3
) -> list[tuple[str, str]]:
    """For each image of the second that looks like one of the first, that one: hashes differ in few bits.

    Hashes find candidates; aligned faces of two people can share one, so the small pictures decide.
    """
    if not len(first) or not len(second):
        return []
    signs = np.where(first.hashes, 1.0, -1.0).astype(np.float32)
    found: list[tuple[str, str]] = []
    for start in range(0, len(second), 1024):
        block = np.where(second.hashes[start : start + 1024], 1.0, -1.0).astype(np.float32)
        products = block @ signs.T
        best = products.argmax(axis=1)
        near = products[np.arange(len(block)), best] >= 64 - 2 * most_bits
        alike = np.einsum("np,np->n", second.small[start : start + 1024], first.small[best]) >= _ALIKE
        found += [
            (str(first.image_ids[best[place]]), str(second.image_ids[start + place]))
            for place in np.flatnonzero(near & alike).tolist()
        ]
    return found

"""A face turned and scaled so that eyes, nose and mouth lie where a network expects them.

Coordinates are those of pixel edges: the middle of the first pixel is (0.5, 0.5).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Float64 = npt.NDArray[np.float64]

TEMPLATE_PX = 112
# Eyes, nose and corners of the mouth in a crop of 112 pixels, as pixel numbers. Source: insightface's
# arcface_torch (Deng et al. 2019, "ArcFace"), which took them over from SphereFace (Liu et al. 2017).
_EYES = ((38.2946, 51.6963), (73.5318, 51.5014))
_NOSE = (56.0252, 71.7366)
_MOUTH = ((41.5493, 92.3655), (70.7299, 92.2041))


def template(size_px: int) -> Float64:
    """The positions of the five landmarks (5, 2) in a crop of the given size."""
    return (np.array((*_EYES, _NOSE, *_MOUTH)) + 0.5) * (size_px / TEMPLATE_PX)


def similarity_transform(source: npt.NDArray[Any], target: npt.NDArray[Any]) -> Float64:
    """The turn, scale and move (2, 3) that bring points (P, 2) nearest to others in the least squares sense.

    Source: Umeyama 1991, "Least-squares estimation of transformation parameters between two point patterns",
    equations 39 to 43; never a reflection.

    Twice as large and moved by (1, 0):

    >>> square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    >>> similarity_transform(square, 2 * square + [1, 0]).round(9).tolist()
    [[2.0, 0.0, 1.0], [0.0, 2.0, 0.0]]
    """
    points, goals = np.asarray(source, np.float64), np.asarray(target, np.float64)
    points_middle, goals_middle = points.mean(axis=0), goals.mean(axis=0)
    covariance = (goals - goals_middle).T @ (points - points_middle) / len(points)
    left, spread, right = np.linalg.svd(covariance)
    signs = np.array([1.0, math.copysign(1.0, float(np.linalg.det(left) * np.linalg.det(right)))])
    turn = left @ np.diag(signs) @ right
    variance = ((points - points_middle) ** 2).sum() / len(points)
    scale = float(spread @ signs) / max(float(variance), np.finfo(np.float64).tiny)
    return np.concatenate([scale * turn, (goals_middle - scale * turn @ points_middle)[:, None]], axis=1)


def aligned_crop(
    photo: npt.NDArray[np.uint8], landmarks: npt.NDArray[Any], size_px: int
) -> npt.NDArray[np.uint8]:
    """The face of a photo (H, W, 3) at the template's place (size, size, 3), black beyond the edge."""
    to_crop = similarity_transform(landmarks, template(size_px))
    inverse = np.linalg.inv(to_crop[:, :2])
    to_photo = np.concatenate([inverse, -inverse @ to_crop[:, 2:]], axis=1)
    ends = (-2.0, size_px + 2.0)  # the part that the crop shows, with two of its pixels around it
    corners = np.array([(x, y, 1.0) for x in ends for y in ends]) @ to_photo.T
    left, top = np.floor(corners.min(axis=0)).astype(int).tolist()
    right, bottom = np.ceil(corners.max(axis=0)).astype(int).tolist()
    region = Image.fromarray(photo).crop((left, top, right, bottom))
    # Cubic interpolation looks at 4 x 4 pixels only: a large face is averaged to nearly its final size first.
    shrink = max(1, int(math.hypot(to_photo[0, 0], to_photo[1, 0])))
    coefficients = (to_photo - [[0, 0, left], [0, 0, top]]) / shrink
    crop = region.reduce(shrink).transform(
        (size_px, size_px), Image.Transform.AFFINE, coefficients.flatten().tolist(), Image.Resampling.BICUBIC
    )
    return np.array(crop)

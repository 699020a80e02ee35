"""The three networks of MTCNN in NumPy, with the weights that come inside the package `mtcnn`.

Source: Zhang, Zhang, Li and Qiao 2016, "Joint Face Detection and Alignment Using Multi-task Cascaded
Convolutional Networks". The package's own Python code needs TensorFlow and is not imported; nor is torch,
whose import takes longer than a search.

Letters: B windows, H and W of an image, h and w of PNet's map, C channels, K a kernel's side. Maps are
(B, height, width, C).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kaggle_face.recognition.detection.weights import NetworkName, read_network_arrays

Floats = npt.NDArray[np.float32]
_Weights = Iterator[Floats]
_NETWORKS: tuple[NetworkName, ...] = ("pnet", "rnet", "onet")
_COLUMNS_BYTES = 32 * 2**20
"""The columns of a convolution's matrix product are made in pieces of this size."""


class Windows(NamedTuple):
    """The output for each window: chance of a face, shifts of the box, places of the landmarks."""

    face: Floats
    shifts: Floats
    landmarks: Floats | None = None


class MtcnnNetworks:
    """Proposal, refinement and output network.

    Raises:
        MissingExtraError: The package with the weights is not installed.
    """

    def __init__(self) -> None:
        self._pnet, self._rnet, self._onet = (read_network_arrays(name) for name in _NETWORKS)

    def propose(self, image_HW3: npt.NDArray[np.uint8]) -> Windows:
        """Chance (h, w) and shifts (4, h, w) of the 12 pixel windows that lie 2 pixels apart."""
        weights = iter(self._pnet)
        maps = _shrunk(_activated(_scaled(image_HW3[None]), weights), 2)
        maps = _activated(_activated(maps, weights), weights)
        shifts_Bhw4 = _convolved(maps, weights)
        return Windows(_softmax(_convolved(maps, weights))[0, :, :, 1], shifts_Bhw4[0].transpose(2, 0, 1))

    def refine(self, windows_BHW3: npt.NDArray[np.uint8]) -> Windows:
        """Chance (B,) and shifts (B, 4) of windows of 24 pixels."""
        weights = iter(self._rnet)
        maps = _shrunk(_activated(_scaled(windows_BHW3), weights), 3)
        maps = _activated(_shrunk(_activated(maps, weights), 3, whole=True), weights)
        features = _prelu(_mapped(_flat(maps), weights), next(weights))
        shifts_B4 = _mapped(features, weights)
        return Windows(_softmax(_mapped(features, weights))[:, 1], shifts_B4)

    def conclude(self, windows_BHW3: npt.NDArray[np.uint8]) -> Windows:
        """Chance (B,), shifts (B, 4) and landmarks (B, 10: five x, five y) of windows of 48 pixels."""
        weights = iter(self._onet)
        maps = _shrunk(_activated(_scaled(windows_BHW3), weights), 3)
        maps = _shrunk(_activated(maps, weights), 3, whole=True)
        maps = _activated(_shrunk(_activated(maps, weights), 2), weights)
        features = _prelu(_mapped(_flat(maps), weights), next(weights))
        shifts_B4, landmarks_B10 = _mapped(features, weights), _mapped(features, weights)
        return Windows(_softmax(_mapped(features, weights))[:, 1], shifts_B4, landmarks_B10)


def _scaled(images_BHW3: npt.NDArray[np.uint8]) -> Floats:
    """Pixels in [-1, 1] as the networks were trained on."""
    return (images_BHW3.astype(np.float32) - np.float32(127.5)) / np.float32(128.0)


def _convolved(maps: Floats, weights: _Weights) -> Floats:
    """A convolution without padding: a matrix product for as many rows of maps as fit a piece."""
    kernel_KKCD, bias_D = next(weights), next(weights)
    side, _, _, num_outputs = kernel_KKCD.shape
    matrix = kernel_KKCD.reshape(-1, num_outputs)
    views = np.lib.stride_tricks.sliding_window_view(maps, (side, side), axis=(1, 2))
    patches = views.transpose(0, 1, 2, 4, 5, 3)
    batch, height, width = patches.shape[:3]
    found = np.empty((batch, height, width, num_outputs), np.float32)
    rows = max(1, _COLUMNS_BYTES // max(1, 4 * width * len(matrix)))
    images = max(1, rows // max(1, height))
    for first in range(0, batch, images):
        for top in range(0, height, rows):
            part = (slice(first, first + images), slice(top, top + rows))
            columns = patches[part].reshape(-1, len(matrix))
            found[part] = (columns @ matrix).reshape(found[part].shape)
    found += bias_D
    return found


def _activated(maps: Floats, weights: _Weights) -> Floats:
    return _prelu(_convolved(maps, weights), next(weights))


def _prelu(values: Floats, slopes: Floats) -> Floats:
    """Negative values times the slope of their channel, the last axis."""
    return np.where(values > 0, values, values * slopes.reshape(-1))


def _shrunk(maps: Floats, size: int, whole: bool = False) -> Floats:
    """Maxima of windows two apart; those that reach beyond the edge count unless only whole ones do."""
    for axis in (1, 2):
        length = maps.shape[axis]
        count = max(0, (length - size + (not whole)) // 2 + 1)
        missing = max(0, 2 * (count - 1) + size - length)
        if missing:
            widths = [(0, missing if each == axis else 0) for each in range(4)]
            maps = np.pad(maps, widths, constant_values=-np.inf)
        lines = np.moveaxis(maps, axis, 0)
        ends = [lines[start : start + 2 * count : 2][:count] for start in range(size)]
        maps = np.moveaxis(np.maximum.reduce(ends), 0, axis)
    return maps


def _mapped(features: Floats, weights: _Weights) -> Floats:
    mapped: Floats = features @ next(weights) + next(weights)
    return mapped


def _flat(maps: Floats) -> Floats:
    """Columns first, as the weights of the first full layer are ordered; channels vary fastest."""
    return maps.transpose(0, 2, 1, 3).reshape(len(maps), -1)


def _softmax(values: Floats) -> Floats:
    """Over the last axis."""
    shifted = np.exp(values - values.max(axis=-1, keepdims=True))
    chances: Floats = shifted / shifted.sum(axis=-1, keepdims=True)
    return chances

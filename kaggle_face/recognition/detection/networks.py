"""The three networks of MTCNN, with the weights that come inside the package `mtcnn`.

Source: Zhang, Zhang, Li and Qiao 2016, "Joint Face Detection and Alignment Using Multi-task Cascaded
Convolutional Networks". The package's own Python code needs TensorFlow and is not imported.

Letters: B windows, H and W of an image, h and w of PNet's map.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from kaggle_face.recognition.detection.weights import NetworkName, read_network_arrays

_Weights = Iterator[Tensor]
_NETWORKS: tuple[NetworkName, ...] = ("pnet", "rnet", "onet")


class Windows(NamedTuple):
    """The output for each window: chance of a face, shifts of the box, places of the landmarks."""

    face: Tensor
    shifts: Tensor
    landmarks: Tensor | None = None


class MtcnnNetworks:
    """Proposal, refinement and output network.

    Raises:
        MissingExtraError: The package with the weights is not installed.
    """

    def __init__(self) -> None:
        self._pnet, self._rnet, self._onet = (_read_weights(name) for name in _NETWORKS)

    @torch.inference_mode()
    def propose(self, image_HW3: npt.NDArray[np.uint8]) -> Windows:
        """Chance (h, w) and shifts (4, h, w) of the 12 pixel windows that lie 2 pixels apart."""
        weights = iter(self._pnet)
        maps = _shrunk(_activated(_scaled(image_HW3[None]), weights), 2)
        maps = _activated(_activated(maps, weights), weights)
        shifts_B4hw = _convolved(maps, weights)
        return Windows(_convolved(maps, weights).softmax(dim=1)[0, 1], shifts_B4hw[0])

    @torch.inference_mode()
    def refine(self, windows_BHW3: npt.NDArray[np.uint8]) -> Windows:
        """Chance (B,) and shifts (B, 4) of windows of 24 pixels."""
        weights = iter(self._rnet)
        maps = _shrunk(_activated(_scaled(windows_BHW3), weights), 3)
        maps = _activated(_shrunk(_activated(maps, weights), 3, whole=True), weights)
        features = F.prelu(_mapped(_flat(maps), weights), next(weights).flatten())
        shifts_B4 = _mapped(features, weights)
        return Windows(_mapped(features, weights).softmax(dim=1)[:, 1], shifts_B4)

    @torch.inference_mode()
    def conclude(self, windows_BHW3: npt.NDArray[np.uint8]) -> Windows:
        """Chance (B,), shifts (B, 4) and landmarks (B, 10: five x, five y) of windows of 48 pixels."""
        weights = iter(self._onet)
        maps = _shrunk(_activated(_scaled(windows_BHW3), weights), 3)
        maps = _shrunk(_activated(maps, weights), 3, whole=True)
        maps = _activated(_shrunk(_activated(maps, weights), 2), weights)
        features = F.prelu(_mapped(_flat(maps), weights), next(weights).flatten())
        shifts_B4, landmarks_B10 = _mapped(features, weights), _mapped(features, weights)
        return Windows(_mapped(features, weights).softmax(dim=1)[:, 1], shifts_B4, landmarks_B10)


def _read_weights(name: NetworkName) -> list[Tensor]:
    """The arrays of one network in the order of its layers, kernels as (out, in, height, width)."""
    arrays = [
        array.transpose(3, 2, 0, 1) if array.ndim == 4 else array for array in read_network_arrays(name)
    ]
    return [torch.from_numpy(np.ascontiguousarray(array)) for array in arrays]


def _scaled(images_BHW3: npt.NDArray[np.uint8]) -> Tensor:
    """Pixels in [-1, 1] as the networks were trained on, channels first."""
    return (torch.from_numpy(images_BHW3).permute(0, 3, 1, 2).float() - 127.5) / 128.0


def _convolved(maps: Tensor, weights: _Weights) -> Tensor:
    return F.conv2d(maps, next(weights), next(weights))


def _activated(maps: Tensor, weights: _Weights) -> Tensor:
    return F.prelu(_convolved(maps, weights), next(weights).flatten())


def _shrunk(maps: Tensor, size: int, whole: bool = False) -> Tensor:
    """Maxima of windows two apart; those that reach beyond the edge count unless only whole ones do."""
    return F.max_pool2d(maps, size, 2, ceil_mode=not whole)


def _mapped(features: Tensor, weights: _Weights) -> Tensor:
    return features @ next(weights) + next(weights)


def _flat(maps: Tensor) -> Tensor:
    """Columns first, as the weights of the first full layer are ordered."""
    return maps.permute(0, 3, 2, 1).flatten(1)

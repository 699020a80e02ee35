"""MTCNN's three networks in NumPy, against torch's own layers with the same weights."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from kaggle_face.recognition.detection.networks import MtcnnNetworks
from kaggle_face.recognition.detection.weights import NetworkName, read_network_arrays

Pixels = npt.NDArray[np.uint8]


class TorchLayers:
    """The layers of one network, each call taking the next weights."""

    def __init__(self, name: NetworkName) -> None:
        arrays = [
            each.transpose(3, 2, 0, 1) if each.ndim == 4 else each for each in read_network_arrays(name)
        ]
        self._weights = iter([torch.from_numpy(np.ascontiguousarray(each)) for each in arrays])

    def conv(self, maps: Tensor) -> Tensor:
        return F.conv2d(maps, next(self._weights), next(self._weights))

    def conv_prelu(self, maps: Tensor) -> Tensor:
        return self.prelu(self.conv(maps))

    def prelu(self, values: Tensor) -> Tensor:
        return F.prelu(values, next(self._weights).flatten())

    def linear(self, features: Tensor) -> Tensor:
        return features @ next(self._weights) + next(self._weights)


def pixels(*shape: int) -> Pixels:
    return np.random.default_rng(sum(shape)).integers(0, 256, (*shape, 3)).astype(np.uint8)


def scaled(images: Pixels) -> Tensor:
    return (torch.from_numpy(images).permute(0, 3, 1, 2).float() - 127.5) / 128.0


def flat(maps: Tensor) -> Tensor:
    return maps.permute(0, 3, 2, 1).flatten(1)


@pytest.mark.parametrize("size", [(12, 12), (13, 41), (40, 57), (120, 90)])
def test_propose_equals_the_layers_of_torch(size: tuple[int, int]) -> None:
    image, layers = pixels(*size), TorchLayers("pnet")
    maps = F.max_pool2d(layers.conv_prelu(scaled(image[None])), 2, 2, ceil_mode=True)
    maps = layers.conv_prelu(layers.conv_prelu(maps))
    shifts, chances = layers.conv(maps)[0], layers.conv(maps).softmax(dim=1)[0, 1]
    found = MtcnnNetworks().propose(image)
    np.testing.assert_allclose(found.face, chances.numpy(), atol=5e-6)
    np.testing.assert_allclose(found.shifts, shifts.numpy(), atol=5e-6)


def test_refine_and_conclude_equal_the_layers_of_torch() -> None:
    windows, layers = pixels(7, 24, 24), TorchLayers("rnet")
    maps = F.max_pool2d(layers.conv_prelu(scaled(windows)), 3, 2, ceil_mode=True)
    features = layers.linear(flat(layers.conv_prelu(F.max_pool2d(layers.conv_prelu(maps), 3, 2))))
    features = layers.prelu(features)
    shifts, chances = layers.linear(features), layers.linear(features).softmax(dim=1)[:, 1]
    found = MtcnnNetworks().refine(windows)
    np.testing.assert_allclose(found.face, chances.numpy(), atol=5e-6)
    np.testing.assert_allclose(found.shifts, shifts.numpy(), atol=5e-6)

    windows, layers = pixels(5, 48, 48), TorchLayers("onet")
    maps = F.max_pool2d(layers.conv_prelu(scaled(windows)), 3, 2, ceil_mode=True)
    maps = F.max_pool2d(layers.conv_prelu(maps), 3, 2)
    maps = F.max_pool2d(layers.conv_prelu(maps), 2, 2, ceil_mode=True)
    features = layers.prelu(layers.linear(flat(layers.conv_prelu(maps))))
    shifts, landmarks = layers.linear(features), layers.linear(features)
    chances = layers.linear(features).softmax(dim=1)[:, 1]
    found = MtcnnNetworks().conclude(windows)
    np.testing.assert_allclose(found.face, chances.numpy(), atol=5e-6)
    np.testing.assert_allclose(found.shifts, shifts.numpy(), atol=5e-6)
    assert found.landmarks is not None
    np.testing.assert_allclose(found.landmarks, landmarks.numpy(), atol=5e-6)

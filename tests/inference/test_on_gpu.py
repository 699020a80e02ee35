"""Embedding where the memory does not suffice: on a GPU it really does not, on the CPU that is played."""

from __future__ import annotations

import numpy as np
import torch

from kaggle_face.inference import batch_size as batch_search
from kaggle_face.inference.embedding import embed_all
from tests.support.devices import ON_BOTH, short_of_memory
from tests.support.networks import tiny_network

SIZE, IMAGES = 64, 512


def images() -> torch.Tensor:
    draw = np.random.default_rng(0)
    return torch.from_numpy(draw.integers(0, 256, (IMAGES, SIZE, SIZE, 3), np.uint8))


@ON_BOTH
def test_a_batch_that_does_not_fit_is_halved(device: torch.device) -> None:
    network = tiny_network().to(device).eval()
    count = IMAGES if device.type == "cuda" else 32
    batch = images()[:count]
    expected, _ = embed_all(network, torch.split(batch, 8), count, device, flip=False)
    with short_of_memory(device, network, fits=count // 4):
        found, _ = embed_all(network, [batch], count, device, flip=False)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@ON_BOTH
def test_the_search_ends_where_the_memory_does(device: torch.device) -> None:
    network = tiny_network().to(device).eval()
    with short_of_memory(device, network, fits=64):
        seconds = batch_search._seconds(network, (64 if device.type == "cpu" else 16, 8), device, None, False)
        too_many = batch_search._seconds(network, (4096, SIZE), device, None, False)
    assert seconds is not None and seconds > 0 and too_many is None

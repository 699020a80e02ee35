"""Devices that a test runs on: the CPU as a quick test of the test's own code, a GPU with `-m gpu`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import pytest
import torch

from kaggle_face.model.network import FaceNetwork

_NO_GPU = "needs a CUDA device, and torch finds none (kaggle-face bench device says more)"
ON_BOTH = pytest.mark.parametrize(
    "device",
    [
        pytest.param(torch.device("cpu"), id="cpu"),
        pytest.param(
            torch.device("cuda:0"),
            id="cuda",
            marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason=_NO_GPU)],
        ),
    ],
)


@contextmanager
def exact() -> Iterator[None]:
    """Float32 as on a CPU: by default a GPU's convolutions round to 10 bits (TF32) and sum in any order."""
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield


@contextmanager
def short_of_memory(device: torch.device, network: FaceNetwork, fits: int) -> Iterator[None]:
    """Leaves no memory for a pass over more than about `fits` images.

    On a GPU the allocator gives no more than a pass over so many images takes; on a CPU the network refuses
    larger batches as torch would.
    """
    if device.type == "cuda":
        with _allocator_limited_to(device, _bytes_of_a_pass(device, network, fits)):
            yield
        return
    forward = network.forward

    def refusing(images_BCHW: torch.Tensor) -> torch.Tensor:
        if len(images_BCHW) > fits:
            raise torch.OutOfMemoryError("played")
        return forward(images_BCHW)

    with mock.patch.object(network, "forward", refusing):
        yield


def _bytes_of_a_pass(device: torch.device, network: FaceNetwork, images: int) -> int:
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    with torch.inference_mode():
        network(torch.zeros(images, 3, 64, 64, device=device))
    most = int(torch.cuda.max_memory_reserved(device))
    torch.cuda.empty_cache()
    return most


@contextmanager
def _allocator_limited_to(device: torch.device, num_bytes: int) -> Iterator[None]:
    total = torch.cuda.get_device_properties(device).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, num_bytes / total), device)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)
        torch.cuda.empty_cache()

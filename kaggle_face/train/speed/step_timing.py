"""Timing of a training step on a copy of the network, for the trials before a training begins.

Letters: B images, D embedding size (3 colours in BCHW), H height, W width.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from kaggle_face.model.device import wait_for
from kaggle_face.model.network import FaceNetwork

Forward = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Workload:
    """The steps of a network: images (B, 3, size, size) in a precision, and their number."""

    batch_size: int
    size_px: int
    amp_dtype: torch.dtype | None
    steps: int


def copy_for_trial(network: FaceNetwork) -> FaceNetwork:
    """A copy that trains, so that the network itself keeps its weights, statistics and gradients."""
    return copy.deepcopy(network).train()


def random_images(network: FaceNetwork, workload: Workload) -> Tensor:
    """Images (B, 3, H, W) where the network is; no random source of a training is touched."""
    device = next(network.parameters()).device
    generator = torch.Generator(device).manual_seed(0)
    shape = (workload.batch_size, 3, workload.size_px, workload.size_px)
    images_BCHW = torch.randn(shape, device=device, generator=generator)
    return images_BCHW.contiguous(memory_format=torch.channels_last)


def time_steps(forward: Forward, images_BCHW: Tensor, amp_dtype: torch.dtype | None, steps: int) -> float:
    """Seconds of a number of forward and backward passes; dropout draws from a fork of the random state."""
    device = images_BCHW.device
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        wait_for(device)
        began = time.perf_counter()
        for _ in range(steps):
            with torch.autocast(device.type, amp_dtype, enabled=amp_dtype is not None):
                embeddings_BD = forward(images_BCHW)
            embeddings_BD.sum().backward()  # type: ignore[no-untyped-call]
        wait_for(device)
        return time.perf_counter() - began

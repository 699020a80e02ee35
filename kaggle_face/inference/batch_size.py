"""The number of images that are embedded at once: the fastest that fits, found by a short search."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from kaggle_face.inference.embedding import embed_images
from kaggle_face.inference.network_input import BatchSize, size_without_search
from kaggle_face.model.device import wait_for
from kaggle_face.model.network import FaceNetwork

_FIRST, _LARGEST = 64, 4096
_LEAST_GAIN = 1.05
"""A batch twice as large must be that much faster, or the search ends."""
_PASSES = 3
_LONG_SECONDS = 2.0
"""A size that takes so long to try ends the search: the gain of the next one would not make up for it."""


def choose_batch_size(
    setting: BatchSize,
    network: FaceNetwork,
    size_px: int,
    device: torch.device,
    amp_dtype: torch.dtype | None,
    flip: bool,
) -> int:
    """The setting, or where it is `auto` the fastest batch of a GPU, and one for the cache of a CPU."""
    if setting != "auto":
        return setting
    if device.type != "cuda":
        return size_without_search(setting, size_px)

    def seconds(batch_size: int) -> float | None:
        return _seconds(network, (batch_size, size_px), device, amp_dtype, flip)

    return find_fastest(seconds)


def find_fastest(seconds: Callable[[int], float | None]) -> int:
    """The batch size with the most images a second, as far as doubling it goes on paying.

    Args:
        seconds: Of a pass over a batch of that size; None where it does not fit the memory.
    """
    size = _FIRST
    now = seconds(size)
    while now is None and size > 1:
        size //= 2
        now = seconds(size)
    if now is None:
        return 1  # the caller reports that not even one image fits
    while size < _LARGEST and now * _PASSES < _LONG_SECONDS:
        larger = seconds(2 * size)
        if larger is None or 2.0 * now < _LEAST_GAIN * larger:
            break
        size, now = 2 * size, larger
    return size


def _seconds(
    network: FaceNetwork,
    shape: tuple[int, int],
    device: torch.device,
    amp_dtype: torch.dtype | None,
    flip: bool,
) -> float | None:
    """Seconds of a pass over random images, after one that is not timed; None where they do not fit."""
    batch_size, size_px = shape
    was_training = network.training
    network.eval()
    try:
        images_BHWC = torch.randint(256, (batch_size, size_px, size_px, 3), dtype=torch.uint8, device=device)
        embed_images(network, images_BHWC, device, amp_dtype, flip)
        wait_for(device)
        began = time.perf_counter()
        for _ in range(_PASSES):
            embed_images(network, images_BHWC, device, amp_dtype, flip)
        wait_for(device)
        return (time.perf_counter() - began) / _PASSES
    except torch.OutOfMemoryError:
        pass  # what the failed attempt holds is free only after this block
    finally:
        network.train(was_training)
    if device.type == "cuda":
        torch.cuda.empty_cache()
    return None

"""Rows of an image cache as tensors in the host's memory, read ahead for a GPU."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import torch

from kaggle_face.data.cache.pixels import Pixels, take_rows
from kaggle_face.records import IntArray

_BLOCKS_AHEAD = 3


def gathered_blocks(
    pixels: Pixels, blocks: Iterable[IntArray], device: torch.device
) -> Iterator[torch.Tensor]:
    """The images of each block of rows, uint8 (B, H, W, 3), in the host's memory.

    For a GPU they are read ahead by a thread into pinned memory, so that the copy to the device runs beside
    its work. On a CPU a thread would only take a core from the network.
    """
    if device.type != "cuda":
        for rows in blocks:
            yield gather(pixels, rows, pinned=False)
        return
    waiting = iter(blocks)
    with ThreadPoolExecutor(1) as pool:
        try:
            ahead = deque(pool.submit(gather, pixels, rows, True) for rows in islice(waiting, _BLOCKS_AHEAD))
            while ahead:
                images_BHW3 = ahead.popleft().result()
                ahead.extend(pool.submit(gather, pixels, rows, True) for rows in islice(waiting, 1))
                yield images_BHW3
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def sent_to(values: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Values of the host on a device, without waiting for the work that the device has.

    A copy from memory that is not pinned may wait, `non_blocking` or not.
    """
    if device.type == "cuda":
        values = values.pin_memory()
    return values.to(device, non_blocking=True)


def gather(pixels: Pixels, rows: IntArray, pinned: bool) -> torch.Tensor:
    """Rows of the pixels as a new tensor."""
    images_BHW3 = torch.empty((len(rows), *pixels.shape[1:]), dtype=torch.uint8, pin_memory=pinned)
    take_rows(pixels, rows, images_BHW3.numpy())
    return images_BHW3

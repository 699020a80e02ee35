"""Batches that are put together and augmented on the device, all images at once.

Letters: B images of a batch, N images of the rest of an epoch, R resident images, H and W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from kaggle_face.data.augmentation.batched.compose import BatchAugmenter
from kaggle_face.data.cache.pixels import Pixels
from kaggle_face.data.loading.epoch_plan import EpochPlan
from kaggle_face.data.loading.streaming import gather, gathered_blocks, sent_to
from kaggle_face.records import IntArray

_BLOCK_BYTES = 16 << 20
"""Images that a GPU augments at once, several batches of small ones: each call of it costs microseconds."""
_COPIED_AT_ONCE = 4096


@dataclass(frozen=True, eq=False)
class ResidentPixels:
    """Images on a device, uint8 (R, H, W, 3), and their rows (R) in the image cache, ascending."""

    images: torch.Tensor
    rows: IntArray

    @classmethod
    def of(cls, pixels: Pixels, rows: IntArray, device: torch.device) -> ResidentPixels:
        """Copies the rows of an image cache to a device, part by part."""
        chosen = np.unique(rows)
        images = torch.empty((len(chosen), *pixels.shape[1:]), dtype=torch.uint8, device=device)
        for start in range(0, len(chosen), _COPIED_AT_ONCE):
            part = slice(start, start + _COPIED_AT_ONCE)
            images[part].copy_(gather(pixels, chosen[part], pinned=False))
        return cls(images, chosen)

    def places_of(self, rows: IntArray) -> IntArray:
        """The positions in `images` of rows of the image cache."""
        return np.searchsorted(self.rows, rows).astype(np.int64, copy=False)


class DeviceBatches:
    """Makes the batches of an epoch on a device, from resident images or from the disk."""

    def __init__(
        self,
        pixels: Pixels | ResidentPixels,
        augmenter: BatchAugmenter,
        device: torch.device,
    ) -> None:
        self._pixels, self._augmenter, self._device = pixels, augmenter, device

    def batches(self, plan: EpochPlan) -> Iterator[torch.Tensor]:
        """The images of each batch, uint8 (B, H, W, 3), on the device."""
        keys_N = self._on_device(plan.sample_keys)
        blocks = plan.blocks(self._batches_at_once(plan.batch_size))
        for block, images_BHW3 in zip(blocks, self._images(plan, blocks), strict=True):
            augmented_BHW3 = self._augmenter(images_BHW3, plan.epoch, keys_N[block])
            yield from torch.split(augmented_BHW3, plan.batch_size)

    def _images(self, plan: EpochPlan, blocks: list[slice]) -> Iterator[torch.Tensor]:
        if isinstance(self._pixels, ResidentPixels):
            places_N = self._on_device(self._pixels.places_of(plan.rows))
            for block in blocks:
                yield self._pixels.images.index_select(0, places_N[block])
        else:
            rows = (plan.rows[block] for block in blocks)
            for images_BHW3 in gathered_blocks(self._pixels, rows, self._device):
                yield images_BHW3.to(self._device, non_blocking=True)

    def _on_device(self, values: IntArray) -> torch.Tensor:
        return sent_to(torch.from_numpy(np.ascontiguousarray(values)), self._device)

    def _batches_at_once(self, batch_size: int) -> int:
        if self._device.type == "cpu":
            return 1
        pixels = self._pixels.images if isinstance(self._pixels, ResidentPixels) else self._pixels
        return max(1, _BLOCK_BYTES // (batch_size * int(np.prod(pixels.shape[1:]))))

"""Batches from an image cache: the same ones whatever the number of worker processes, starting at any step.

Letters: B images of a batch, H and W pixels, N images of an epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, assert_never

import numpy as np
import torch

from kaggle_face.data.augmentation.batched.compose import BatchAugmenter
from kaggle_face.data.augmentation.per_image import Augmenter
from kaggle_face.data.cache.image_cache import ImageCache
from kaggle_face.data.cache.pixels import Pixels
from kaggle_face.data.loading.device_batches import DeviceBatches, ResidentPixels
from kaggle_face.data.loading.epoch_plan import EpochPlan, sample_keys
from kaggle_face.data.loading.placement import LoaderPlan
from kaggle_face.data.loading.samplers import epoch_order
from kaggle_face.data.loading.streaming import gathered_blocks, sent_to
from kaggle_face.data.loading.worker_batches import WorkerBatches
from kaggle_face.errors import ConfigError, DataError
from kaggle_face.records import IntArray, StrArray

Order = Callable[[IntArray, int], IntArray]
"""From the labels of all training images and an epoch to the positions of its images; always as many."""

LastBatch = Literal["drop", "fill"]
"""What becomes of an epoch's images that do not fill a batch: none is used, or others fill it up."""

CPU = torch.device("cpu")


def shuffled(seed: int) -> Order:
    """All images in each epoch, in an order that follows from the seed and the epoch."""
    return lambda labels, epoch: epoch_order(len(labels), seed, epoch)


class BatchSource(Protocol):
    """Makes the batches of an epoch."""

    def batches(self, plan: EpochPlan) -> Iterator[torch.Tensor]:
        """The images of each batch, uint8 (B, H, W, 3)."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Images uint8 (B, H, W, 3), their class indices int64 (B), and their rows in the image cache (B).

    `num_classes` is the number of different classes of the whole batch; to count them on a GPU would mean to
    wait for it. Of several processes each has its own shard of the images, but the labels and rows of the
    whole batch. The labels lie where the network is, the images there or in the host's memory.
    """

    images: torch.Tensor
    labels: torch.Tensor
    rows: IntArray
    num_classes: int


@dataclass(frozen=True, eq=False)
class TrainingImages:
    """The training images of a fold: their pixels, ids (N) and class indices (N)."""

    cache: ImageCache
    image_ids: StrArray
    labels: IntArray


class TrainingBatches:
    """The training images of a fold in batches; images that could not be read are left out.

    All batches have one size, since a batch of one image would break batch normalisation. An epoch's last,
    smaller one is left out (the next epoch's order is another one, so no image is missed for long) or filled
    with the first images of the epoch, which are augmented anew. A set that is smaller than a batch is one
    batch. One epoch at a time: beginning another one ends the last.
    """

    def __init__(
        self,
        images: TrainingImages,
        batch_size: int,
        augmenter: Augmenter,
        order: Order,
        plan: LoaderPlan,
        last_batch: LastBatch = "drop",
    ) -> None:
        """Looks up the images.

        Args:
            images: The images and their classes.
            batch_size: Images of a step.
            augmenter: Applied to each image.
            order: The order of each epoch.
            plan: Where the images lie, how they are augmented, and this process's shard of each batch.
            last_batch: What becomes of images that do not fill a batch.

        Raises:
            DataError: Fewer than two images can be read.
            ConfigError: Several processes share a batch, and one of them would get fewer than two images.
        """
        cache = images.cache
        rows = cache.rows_of(images.image_ids)
        readable = cache.valid[rows]
        self._rows, self._labels = rows[readable], images.labels[readable]
        if len(self._rows) < 2:
            raise DataError(f"training needs at least 2 images that can be read, got {len(self._rows)}")
        self._order = order
        self._num_ordered = len(self._order(self._labels, 0))
        self._batch_size = min(batch_size, self._num_ordered)
        self._fills_last_batch = last_batch == "fill"
        if plan.shard.count > 1 and self._batch_size // plan.shard.count < 2:
            raise ConfigError(
                f"a batch of {self._batch_size} images leaves one of {plan.shard.count} processes fewer than "
                "two; raise train.batch_size or start fewer processes"
            )
        self.plan = plan
        self._source = self._choose_source(cache.images, augmenter)

    def __len__(self) -> int:
        whole, left = divmod(self._num_ordered, self._batch_size)
        return whole + (self._fills_last_batch and left > 0)

    @property
    def images_left_out(self) -> int:
        """The number of an epoch's images that fill no batch and are dropped."""
        return max(0, self._num_ordered - self.images_per_epoch)

    @property
    def images_per_epoch(self) -> int:
        """The number of images of all batches of an epoch."""
        return len(self) * self._batch_size

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[Batch]:
        """The batches of an epoch (counted from 0), from step `first_step` on."""
        order = self._order(self._labels, epoch)
        order = np.concatenate([order, order[: max(0, self.images_per_epoch - len(order))]])

        def batched(values_N: IntArray) -> IntArray:
            """The values (S, B) of the S remaining batches."""
            whole = values_N[: len(self) * self._batch_size]
            return whole.reshape(-1, self._batch_size)[first_step:]

        rows_SB = batched(self._rows[order])
        host_labels_SB = batched(self._labels[order])
        labels_SB = sent_to(torch.from_numpy(host_labels_SB), self.plan.device)
        own = self.plan.shard.of(self._batch_size)
        own_rows, keys = rows_SB[:, own], batched(sample_keys(order))[:, own]
        plan = EpochPlan(epoch, own_rows.reshape(-1), keys.reshape(-1), own.stop - own.start)
        counts_S = (len(np.unique(labels)) for labels in host_labels_SB)
        parts = zip(self._source.batches(plan), labels_SB, rows_SB, counts_S, strict=True)
        for images_BHW3, labels_B, rows_B, num_classes in parts:
            yield Batch(images_BHW3, labels_B, rows_B, num_classes)

    def _choose_source(self, pixels: Pixels, augmenter: Augmenter) -> BatchSource:
        match self.plan.placement:
            case "workers":
                return WorkerBatches(pixels, augmenter, self.plan.workers)
            case "memory_map":
                return DeviceBatches(pixels, BatchAugmenter(augmenter), self.plan.device)
            case "device":
                resident = ResidentPixels.of(pixels, self._rows, self.plan.device)
                return DeviceBatches(resident, BatchAugmenter(augmenter), self.plan.device)
            case _:
                assert_never(self.plan.placement)


def evaluation_batches(
    cache: ImageCache, image_ids: StrArray, batch_size: int, device: torch.device = CPU
) -> Iterator[torch.Tensor]:
    """Images uint8 (B, H, W, 3) in the order of `image_ids`; the last batch may be smaller.

    They lie in the host's memory, ready to be copied to `device` beside its work.
    """
    rows = cache.rows_of(image_ids)
    blocks = (rows[start : start + batch_size] for start in range(0, len(rows), batch_size))
    return gathered_blocks(cache.images, blocks, device)

"""Batches made on the device: the same pixels wherever they lie. Here the device is the CPU."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from kaggle_face.data.augmentation.batched.compose import BatchAugmenter
from kaggle_face.data.augmentation.per_image import Augmenter
from kaggle_face.data.cache.image_cache import ImageCache
from kaggle_face.data.loading import device_batches
from kaggle_face.data.loading.device_batches import DeviceBatches, ResidentPixels
from kaggle_face.data.loading.epoch_plan import EpochPlan
from kaggle_face.data.loading.loader import CPU, Batch, TrainingBatches, TrainingImages, shuffled
from kaggle_face.data.loading.placement import LoaderPlan, Placement

SIZE, IMAGES = 16, 50
RECIPE = (
    {"HorizontalFlip": {"p": 0.5}},
    {"Affine": {"rotate": [-20, 20], "p": 0.7}},
    {"RandomBrightnessContrast": {"p": 0.5}},
)


@pytest.fixture
def cache() -> ImageCache:
    """Random pixels; image 7 cannot be read."""
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, SIZE, SIZE, 3), np.uint8)
    ids = np.array([f"{number:03d}.jpg" for number in range(IMAGES)])
    return ImageCache(ids, images, np.arange(IMAGES) != 7, SIZE)


def batches(
    cache: ImageCache, placement: Placement, size: int = 8, recipe: tuple[object, ...] = RECIPE
) -> TrainingBatches:
    augmenter = Augmenter(recipe, SIZE, 4)  # type: ignore[arg-type]
    labels = np.arange(IMAGES) * 3
    return TrainingBatches(
        TrainingImages(cache, cache.image_ids, labels),
        size,
        augmenter,
        shuffled(5),
        LoaderPlan(placement, CPU),
    )


def content(some_batches: Iterator[Batch]) -> list[tuple[bytes, list[int], list[int]]]:
    return [
        (batch.images.numpy().tobytes(), batch.labels.tolist(), batch.rows.tolist()) for batch in some_batches
    ]


def test_resident_and_mapped_images_become_the_same_batches(cache: ImageCache) -> None:
    resident, mapped = batches(cache, "device"), batches(cache, "memory_map")
    for epoch, first_step in ((0, 0), (3, 0), (3, 4), (3, 6)):
        expected = content(mapped.epoch(epoch, first_step))
        assert content(resident.epoch(epoch, first_step)) == expected
        assert len(expected) == 6 - first_step


def test_images_labels_and_rows_belong_together(cache: ImageCache) -> None:
    for batch in batches(cache, "device", recipe=()).epoch(0):
        assert batch.images.dtype == torch.uint8 and batch.images.shape == (8, SIZE, SIZE, 3)
        assert (batch.images.numpy() == cache.images[batch.rows]).all()
        assert batch.labels.tolist() == [3 * row for row in batch.rows.tolist()]
        assert 7 not in batch.rows


def test_the_order_is_that_of_the_other_ways(cache: ImageCache) -> None:
    rows = [batch.rows.tolist() for batch in batches(cache, "device").epoch(2)]
    assert rows == [batch.rows.tolist() for batch in batches(cache, "workers").epoch(2)]


def test_beginning_in_the_middle_gives_the_rest_of_the_epoch(cache: ImageCache) -> None:
    made = batches(cache, "device")
    assert content(made.epoch(1, 2)) == content(made.epoch(1))[2:]


def test_only_training_images_are_copied_to_the_device(cache: ImageCache) -> None:
    resident = ResidentPixels.of(cache.images, np.array([30, 3, 3, 12]), CPU)
    assert resident.rows.tolist() == [3, 12, 30] and len(resident.images) == 3
    assert resident.places_of(np.array([30, 3])).tolist() == [2, 0]
    assert (resident.images[2].numpy() == cache.images[30]).all()


def test_blocks_of_several_batches_change_nothing(cache: ImageCache, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = content(batches(cache, "device").epoch(0))
    monkeypatch.setattr(DeviceBatches, "_batches_at_once", lambda self, size: 4)
    assert content(batches(cache, "device").epoch(0)) == expected
    assert content(batches(cache, "memory_map").epoch(0)) == expected


def test_a_gpu_augments_several_small_batches_at_once() -> None:
    gpu, augmenter = torch.device("cuda"), BatchAugmenter(Augmenter((), 32, 0))
    small = DeviceBatches(np.empty((1, 32, 32, 3), np.uint8), augmenter, gpu)
    large = DeviceBatches(np.empty((1, 1024, 1024, 3), np.uint8), augmenter, gpu)
    assert small._batches_at_once(256) == 16 * 2**20 // (256 * 32 * 32 * 3)
    assert large._batches_at_once(256) == 1


def test_the_copy_to_the_device_is_made_in_parts(cache: ImageCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_batches, "_COPIED_AT_ONCE", 7)
    resident = ResidentPixels.of(cache.images, np.arange(IMAGES), CPU)
    assert (resident.images.numpy() == cache.images).all()


def test_the_rest_of_an_epoch_may_be_empty(cache: ImageCache) -> None:
    none = np.empty(0, np.int64)
    source = DeviceBatches(cache.images, BatchAugmenter(Augmenter(RECIPE, SIZE, 0)), CPU)
    assert list(source.batches(EpochPlan(0, none, none, 8))) == []

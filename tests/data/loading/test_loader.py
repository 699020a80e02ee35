"""Batches: the same whatever the workers and wherever one begins."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from kaggle_face.config.training import SamplerConfig
from kaggle_face.data.augmentation.per_image import Augmenter
from kaggle_face.data.cache.image_cache import ImageCache, open_image_cache, read_image_cache
from kaggle_face.data.cache.search import CachePlan
from kaggle_face.data.loading import placement as placements
from kaggle_face.data.loading import worker_batches
from kaggle_face.data.loading.epoch_plan import Request
from kaggle_face.data.loading.identity_sampling import sampled_order
from kaggle_face.data.loading.loader import (
    CPU,
    Batch,
    LastBatch,
    TrainingBatches,
    TrainingImages,
    evaluation_batches,
    shuffled,
)
from kaggle_face.data.loading.placement import LoaderPlan, Placement, choose_workers
from kaggle_face.data.loading.samplers import WHOLE_BATCH, Shard
from kaggle_face.errors import ConfigError, DataError
from kaggle_face.progress import SilentProgress
from tests.support.images import write_pictures

SIZE, IMAGES = 16, 50
NOISE = ({"GaussNoise": {"p": 1.0}},)
NONE = Augmenter((), SIZE, 0)
HERE = LoaderPlan("workers", CPU)


@pytest.fixture
def cache() -> ImageCache:
    """Image i holds the number i everywhere; image 7 cannot be read."""
    images = np.broadcast_to(np.arange(IMAGES, dtype=np.uint8)[:, None, None, None], (IMAGES, SIZE, SIZE, 3))
    ids = np.array([f"{number:03d}.jpg" for number in range(IMAGES)])
    return ImageCache(ids, images.copy(), np.arange(IMAGES) != 7, SIZE)


@pytest.fixture
def pack_on_disk(tmp_path: Path) -> ImageCache:
    ids = write_pictures(tmp_path / "data", 30)
    return open_image_cache(
        CachePlan(tmp_path / "packs", tmp_path / "data", ids, SIZE),
        "tiny",
        broken="error",
        progress=SilentProgress(),
        workers=1,
    )


def batches(
    cache: ImageCache,
    batch_size: int = 8,
    augmenter: Augmenter = NONE,
    workers: int = 0,
    seed: int = 5,
    placement: Placement = "workers",
    shard: Shard = WHOLE_BATCH,
    last_batch: LastBatch = "drop",
) -> TrainingBatches:
    labels, plan = np.arange(len(cache)) * 3, LoaderPlan(placement, CPU, workers, shard=shard)
    images = TrainingImages(cache, cache.image_ids, labels)
    return TrainingBatches(images, batch_size, augmenter, shuffled(seed), plan, last_batch)


def content(some_batches: Iterator[Batch]) -> list[tuple[bytes, list[int], list[int]]]:
    return [
        (batch.images.numpy().tobytes(), batch.labels.tolist(), batch.rows.tolist()) for batch in some_batches
    ]


def test_images_labels_and_rows_belong_together(cache: ImageCache) -> None:
    for batch in batches(cache).epoch(0):
        assert batch.images.dtype == torch.uint8 and batch.images.shape == (8, SIZE, SIZE, 3)
        assert batch.labels.dtype == torch.int64
        assert batch.images[:, 0, 0, 0].tolist() == batch.rows.tolist()
        assert batch.labels.tolist() == [3 * row for row in batch.rows.tolist()]


def test_an_epoch_has_every_image_once_but_the_last_short_batch(cache: ImageCache) -> None:
    made = batches(cache, batch_size=8)
    rows = [row for batch in made.epoch(0) for row in batch.rows.tolist()]
    assert len(made) == 6 and made.images_per_epoch == len(rows) == len(set(rows)) == 48  # of 49 readable


def test_a_last_batch_that_is_filled_leaves_no_image_out(cache: ImageCache) -> None:
    noisy = Augmenter(NOISE, SIZE, 0)
    dropped, filled = (batches(cache, 20, noisy, last_batch=last) for last in ("drop", "fill"))
    assert (len(dropped), dropped.images_left_out) == (2, 9)
    assert (len(filled), filled.images_left_out, filled.images_per_epoch) == (3, 0, 60)
    made = list(filled.epoch(1))
    rows = [row for batch in made for row in batch.rows.tolist()]
    assert set(rows) == set(range(IMAGES)) - {7} and rows[49:] == rows[:11]
    first, last = made[0].images[0], made[2].images[9]
    assert made[0].rows[0] == made[2].rows[9] and not torch.equal(first, last)  # augmented anew
    assert content(iter(made))[:2] == content(dropped.epoch(1))
    assert content(filled.epoch(1, first_step=2)) == content(iter(made))[2:]
    halves = [batches(cache, 20, noisy, last_batch="fill", shard=Shard(rank, 2)) for rank in range(2)]
    for whole, *parts in zip(made, *(half.epoch(1) for half in halves), strict=True):
        assert torch.equal(torch.cat([part.images for part in parts]), whole.images)


def test_whole_batches_need_no_filling(cache: ImageCache) -> None:
    for size in (7, 49, 1000):
        dropped, filled = (batches(cache, size, last_batch=last) for last in ("drop", "fill"))
        assert dropped.images_left_out == 0 and content(filled.epoch(0)) == content(dropped.epoch(0))


def test_an_image_that_cannot_be_read_is_never_shown(cache: ImageCache) -> None:
    made = batches(cache, batch_size=7)
    rows = {row for batch in made.epoch(3) for row in batch.rows.tolist()}
    assert rows == set(range(IMAGES)) - {7}


def test_a_set_smaller_than_a_batch_is_one_batch(cache: ImageCache) -> None:
    made = batches(cache, batch_size=1000)
    assert len(made) == 1 and [len(batch.labels) for batch in made.epoch(0)] == [49]


def test_a_single_image_cannot_be_trained_on(cache: ImageCache) -> None:
    ids = cache.image_ids[[7, 8]]
    with pytest.raises(DataError, match="at least 2 images that can be read, got 1"):
        TrainingBatches(TrainingImages(cache, ids, np.array([0, 1])), 8, NONE, shuffled(0), HERE)


def test_epochs_differ_and_come_back_the_same(cache: ImageCache) -> None:
    made = batches(cache, augmenter=Augmenter(NOISE, SIZE, 0))
    first, second = content(made.epoch(0)), content(made.epoch(1))
    assert first != second and first == content(made.epoch(0))


def test_beginning_in_the_middle_gives_the_rest_of_the_epoch(cache: ImageCache) -> None:
    made = batches(cache, augmenter=Augmenter(NOISE, SIZE, 0))
    assert content(made.epoch(2, first_step=4)) == content(made.epoch(2))[4:]
    assert content(made.epoch(2, first_step=6)) == []


def test_beginning_in_the_middle_decodes_nothing_of_what_was_before(
    cache: ImageCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    make = worker_batches.BatchMaker.__getitem__
    monkeypatch.setattr(
        worker_batches.BatchMaker,
        "__getitem__",
        lambda self, request: made.append(request) or make(self, request),
    )
    list(batches(cache).epoch(0, first_step=4))
    assert len(made) == 2


def test_workers_change_no_pixel_and_no_order(pack_on_disk: ImageCache) -> None:
    alone = batches(pack_on_disk, augmenter=Augmenter(NOISE, SIZE, 0))
    helped = batches(pack_on_disk, augmenter=Augmenter(NOISE, SIZE, 0), workers=2)
    for epoch, first_step in ((0, 0), (1, 0), (1, 2)):
        assert content(helped.epoch(epoch, first_step)) == content(alone.epoch(epoch, first_step))


def test_an_epoch_that_was_left_early_does_not_spoil_the_next(pack_on_disk: ImageCache) -> None:
    helped = batches(pack_on_disk, workers=1, batch_size=4)
    next(helped.epoch(0))
    assert content(helped.epoch(1)) == content(batches(pack_on_disk, batch_size=4).epoch(1))


def test_no_augmentation_repeats_over_images_workers_and_epochs(cache: ImageCache) -> None:
    same = ImageCache(cache.image_ids, np.full_like(cache.images, 128), np.ones(IMAGES, np.bool_), SIZE)
    made = batches(same, batch_size=10, augmenter=Augmenter(NOISE, SIZE, 0), workers=2)
    seen = [
        image.tobytes() for epoch in range(3) for batch in made.epoch(epoch) for image in batch.images.numpy()
    ]
    assert len(seen) == len(set(seen)) == 3 * IMAGES


def test_an_image_shown_twice_in_an_epoch_is_augmented_anew(cache: ImageCache) -> None:
    labels = np.where(np.arange(IMAGES) == 0, 0, 1)

    def order(some_labels: np.ndarray, epoch: int) -> np.ndarray:
        return sampled_order(some_labels, SamplerConfig(name="balanced"), 8, 0, epoch)

    augmenter = Augmenter(NOISE, SIZE, 0)
    made = TrainingBatches(TrainingImages(cache, cache.image_ids, labels), 8, augmenter, order, HERE)
    shown = [image.tobytes() for b in made.epoch(0) for image in b.images.numpy()[b.rows == 0]]
    assert len(shown) > 10 and len(set(shown)) == len(shown)


def test_a_worker_process_is_not_sent_the_pixels_of_a_pack(pack_on_disk: ImageCache) -> None:
    maker = worker_batches.BatchMaker(pack_on_disk.images, Augmenter(NOISE, SIZE, 0))
    sent = pickle.dumps(maker)
    assert len(sent) < 2000 < pack_on_disk.images.nbytes
    request = Request(1, np.array([3, 4]), np.array([3, 4]))
    assert (pickle.loads(sent)[request] == maker[request]).all()


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("placement", ["workers", "memory_map", "device"])
def test_pixels_that_the_disk_changed_or_lost_are_one_line_wherever_they_are_read(
    pack_on_disk: ImageCache, placement: Placement, workers: int
) -> None:
    path = pack_on_disk.folder / "images.npy"
    content = path.read_bytes()

    def told() -> str:
        cache = read_image_cache(pack_on_disk.folder)
        with pytest.raises(DataError) as caught:
            path.write_bytes(broken)
            made = batches(cache, batch_size=5, placement=placement, workers=workers)
            list(made.epoch(0))
        path.write_bytes(content)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    broken = content[:-7]
    assert re.search(r"is damaged; delete it, .*cut while it was read", told())
    flipped = bytearray(content)
    flipped[-3 * SIZE**2 * 12 - 5] ^= 16
    broken = bytes(flipped)
    assert re.search(r"is damaged; delete it, .*row 17 holds other pixels than were written", told())


@pytest.mark.parametrize("placement", ["workers", "memory_map", "device"])
@pytest.mark.parametrize("count", [2, 3])
def test_processes_make_the_images_of_one_process_between_them(
    cache: ImageCache, placement: Placement, count: int
) -> None:
    augmenter = Augmenter(({"HorizontalFlip": {"p": 0.5}}, {"Affine": {"rotate": [-20, 20]}}), SIZE, 0)
    alone = batches(cache, augmenter=augmenter, placement=placement)
    shares = [
        batches(cache, augmenter=augmenter, placement=placement, shard=Shard(rank, count))
        for rank in range(count)
    ]
    parts = zip(*(one.epoch(1, first_step=2) for one in shares), strict=True)
    for whole, own in zip(alone.epoch(1, first_step=2), parts, strict=True):
        assert torch.equal(torch.cat([part.images for part in own]), whole.images)
        assert all(torch.equal(part.labels, whole.labels) for part in own)
        assert all((part.rows == whole.rows).all() for part in own)


def test_a_process_needs_two_images_of_a_batch(cache: ImageCache) -> None:
    with pytest.raises(ConfigError, match="a batch of 8 images leaves one of 5 processes fewer than two"):
        batches(cache, shard=Shard(0, 5))


def test_evaluation_keeps_the_order_that_is_asked_for(cache: ImageCache) -> None:
    rows = [9, 3, 7, 3, 40]
    parts = list(evaluation_batches(cache, cache.image_ids[rows], 2))
    assert [len(part) for part in parts] == [2, 2, 1]
    assert torch.cat(parts)[:, 5, 5, 1].tolist() == rows


@pytest.mark.parametrize("cuda", [False, True])
def test_workers_are_chosen_only_for_a_gpu_and_real_work(cuda: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(placements, "available_cpus", lambda: 5)
    assert choose_workers(-1, NONE) == 0
    assert choose_workers(-1, Augmenter(NOISE, SIZE, 0)) == (4 if cuda else 0)
    assert choose_workers(3, NONE) == 3

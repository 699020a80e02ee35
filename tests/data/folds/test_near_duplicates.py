"""Near-duplicates: the same photo stored otherwise is found, another photo is not."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageEnhance

from kaggle_face.data.cache.image_cache import ImageCache
from kaggle_face.data.folds.near_duplicates import _connected, near_duplicate_groups
from kaggle_face.records import FaceTable

SIZE = 64


def photo(seed: int) -> Image.Image:
    blocks = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), np.uint8)
    return Image.fromarray(blocks).resize((SIZE, SIZE), Image.Resampling.BICUBIC)


def stored_again(image: Image.Image, quality: int) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return Image.open(io.BytesIO(stream.getvalue())).convert("RGB")


def groups_of(
    images: list[Image.Image], labels: list[int], most_bits: int = 3, valid: list[bool] | None = None
) -> list[int]:
    ids = np.array([f"{number:03d}.jpg" for number in range(len(images))])
    pixels: npt.NDArray[np.uint8] = np.stack([np.asarray(image) for image in images])
    cache = ImageCache(ids, pixels, np.array(valid or [True] * len(ids)), SIZE)
    faces = FaceTable(ids, np.array(labels, np.int64), np.full(len(ids), "train"))
    return near_duplicate_groups(cache, faces, most_bits).tolist()


@pytest.mark.parametrize("seed", range(10))
def test_the_same_photo_compressed_or_brightened_is_one_group(seed: int) -> None:
    image = photo(seed)
    brighter = ImageEnhance.Brightness(image).enhance(0.8)
    smaller = image.resize((40, 40)).resize((SIZE, SIZE))
    others = [photo(100 + seed), photo(200 + seed)]
    assert groups_of([image, stored_again(image, 40), brighter, smaller, *others], [0] * 6) == [
        0,
        0,
        0,
        0,
        4,
        5,
    ]


def test_different_photos_of_a_person_are_groups_of_their_own() -> None:
    assert groups_of([photo(seed) for seed in range(60)], [0] * 60) == list(range(60))


def test_the_same_photo_under_two_names_is_two_groups() -> None:
    assert groups_of([photo(0), photo(0), photo(0)], [0, 1, 0]) == [0, 1, 0]


def test_images_without_a_label_and_broken_ones_stand_alone() -> None:
    assert groups_of([photo(0)] * 5, [-1, -1, 0, 0, 0], valid=[True, True, True, False, True]) == [
        0,
        1,
        2,
        3,
        2,
    ]


def test_a_chain_of_near_images_is_one_group() -> None:
    bits = np.zeros((4, 64), np.bool_)
    bits[1, :3] = bits[2, :6] = bits[3, :10] = True  # 3, 3 and 4 bits from one to the next
    assert _connected(bits[[0, 2]], 3).tolist() == [0, 1]
    assert _connected(bits, 3).tolist() == [0, 0, 0, 3]

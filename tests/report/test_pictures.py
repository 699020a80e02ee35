"""Pictures as data URIs, and what is measured of them."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from kaggle_face.data.cache.image_cache import ImageCache
from kaggle_face.report.pictures import evenly, measure_pictures, near_copies, picture_of


@pytest.fixture
def cache() -> ImageCache:
    """A black, a white and a striped picture, one that cannot be read, and a brightened copy of noise."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 200, (8, 8, 3), dtype=np.uint8).repeat(16, 0).repeat(16, 1)
    stripes = np.zeros((128, 128, 3), np.uint8)
    stripes[:, ::2] = 255
    images = np.stack(
        [
            np.zeros_like(stripes),
            np.full_like(stripes, 255),
            stripes,
            np.full_like(stripes, 128),
            noise,
            noise + 20,
        ]
    )
    valid = np.array([True, True, True, False, True, True])
    return ImageCache(np.array(["a", "b", "c", "d", "e", "f"]), images, valid, 128)


def test_a_picture_is_shrunk_to_the_side_that_is_shown(cache: ImageCache) -> None:
    picture = picture_of(cache, "c", "stripes", 64)
    assert picture.uri is not None and picture.uri.startswith("data:image/webp;base64,")
    opened = Image.open(io.BytesIO(base64.b64decode(picture.uri.split(",")[1])))
    assert opened.size == (64, 64)


def test_a_picture_that_is_not_at_hand_has_no_uri(cache: ImageCache) -> None:
    assert picture_of(cache, "d", "broken").uri is None
    assert picture_of(cache, "zz", "unknown").uri is None
    assert picture_of(None, "a", "without a cache").uri is None


def test_brightness_and_sharpness_of_plain_pictures(cache: ImageCache) -> None:
    found = measure_pictures(cache, np.array(["c", "b", "a", "d"]))
    assert found.image_ids.tolist() == ["a", "b", "c"]
    assert found.brightness.tolist() == [0.0, 1.0, 0.5]
    # Inside vertical stripes of 0 and 255 the Laplacian (0 1 0; 1 -4 1; 0 1 0) is +510 and -510 in turns.
    assert found.sharpness[:2].tolist() == [0.0, 0.0] and found.sharpness[2] == pytest.approx(510, abs=1)


def test_a_brightened_copy_is_found_and_other_pictures_are_not(cache: ImageCache) -> None:
    first, second = (
        measure_pictures(cache, np.array(["c", "e"])),
        measure_pictures(cache, np.array(["b", "f"])),
    )
    assert near_copies(first, second) == [("e", "f")]


def test_of_many_images_an_even_choice_is_measured(cache: ImageCache) -> None:
    found = measure_pictures(cache, np.array(["a", "b", "c"]), most=2)
    assert found.image_ids.tolist() == ["a", "c"] and found.num_images == 3
    assert len(np.unique(evenly(100_000, 20_000))) == 20_000

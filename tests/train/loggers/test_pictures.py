"""A batch is shown as the network gets it, with labels and shares; the hardest pairs with their scores."""

from __future__ import annotations

import numpy as np
import torch

from kaggle_face.config import MarginConfig, ModelConfig
from kaggle_face.data.augmentation.mixing import Box, Mix, apply_mix
from kaggle_face.data.cache.image_cache import ImageCache
from kaggle_face.model.network import create_network
from kaggle_face.records import Pairs, PairScores
from kaggle_face.train.loggers.pictures import MOST_IMAGES, SeenBatch, draw_hardest_pairs

NAMES = np.array(["Ann", "Bob"])


def picture_of(mix: Mix | None, count: int = 2) -> tuple[np.ndarray, str]:
    model = ModelConfig(backbone="resnet10t", backbone_options={"channels": [8] * 4, "stem_width": 8})
    network = create_network(model, MarginConfig(), 2, 16)
    images = torch.zeros(count, 16, 16, 3, dtype=torch.uint8)
    images[0::2], images[1::2] = 40, 200
    shown = network.normalize(images)
    batch = SeenBatch.of(shown if mix is None else apply_mix(shown, mix), torch.arange(count) % 2, mix)
    found = batch.picture("first_batch", network, NAMES)
    return found.pixels, found.caption


def test_grey_values_are_those_of_the_pixels() -> None:
    pixels, caption = picture_of(None)
    tile, left = pixels.shape[0] // 2, 132
    assert (pixels[tile, 60] == 40).all() and (pixels[tile, left + 60] == 200).all()
    assert caption == "2 of 2 images of a batch as the network gets them, not mixed"


def test_a_pasted_box_and_the_share_of_each_identity_are_shown() -> None:
    half = Mix(np.array([1, 0]), 0.75, Box(0, 8, 0, 8))
    pixels, caption = picture_of(half)
    top = pixels.shape[0] - 128
    assert (pixels[top + 20, 20] == 200).all() and (pixels[top + 100, 100] == 40).all()
    assert caption.endswith("CutMix: 75 % of the first and 25 % of the second identity")
    assert "Mixup: 60 %" in picture_of(Mix(np.array([1, 0]), 0.6))[1]


def test_of_a_large_batch_the_first_images_are_kept() -> None:
    assert picture_of(None, 40)[1].startswith(f"{MOST_IMAGES} of 40 images")


def test_impostors_of_high_and_genuine_pairs_of_low_scores_come_first() -> None:
    ids = np.array(["a", "b", "c", "d"])
    pixels = np.stack([np.full((8, 8, 3), value, np.uint8) for value in (10, 80, 160, 240)])
    cache = ImageCache(ids, pixels, np.ones(4, np.bool_), 8)
    pairs = Pairs(np.array(["0", "1", "2"]), ids[[0, 1, 2]], ids[[1, 2, 3]], np.array([0, 0, 1]))
    scores = PairScores(np.array(["2", "1", "0"]), np.array([0.3, 0.9, 0.2]))  # in another order
    found = draw_hardest_pairs(scores, pairs, cache, "last", 7)
    assert found.caption.endswith("b and c: 0.9000; a and b: 0.2000; c and d: 0.3000")
    assert (found.name, found.epoch) == ("hardest_pairs", 7)
    middle = 28 + 48  # below the captions of the row and of the picture
    assert [int(found.pixels[middle, x, 0]) for x in (50, 150, 266, 366)] == [80, 160, 10, 80]
    assert int(found.pixels[found.pixels.shape[0] - 60, 50, 0]) == 160

"""The hardest pairs stand in their order with their scores."""

from __future__ import annotations

import numpy as np

from kaggle_face.data.cache.image_cache import ImageCache
from kaggle_face.records import Pairs, PairScores
from kaggle_face.train.loggers.pair_pictures import draw_hardest_pairs


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

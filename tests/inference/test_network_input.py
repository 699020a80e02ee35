"""Batches of pictures as networks take them."""

from __future__ import annotations

import numpy as np

from kaggle_face.inference.network_input import picture_batches


def test_batches_keep_the_order_and_the_last_one_is_shorter() -> None:
    images = [np.full((8, 8, 3), value, np.uint8) for value in range(5)]
    batches = list(picture_batches(images, 8, 2))
    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert np.concatenate(batches)[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]

"""Batches of pictures as networks take them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from kaggle_face.errors import ConfigError, DataError, InputError
from kaggle_face.inference.embedder import load_embedder
from kaggle_face.inference.network_input import picture_batches
from kaggle_face.model.device import resolve_device


def test_batches_keep_the_order_and_the_last_one_is_shorter() -> None:
    images = [np.full((8, 8, 3), value, np.uint8) for value in range(5)]
    batches = list(picture_batches(images, 8, 2))
    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert np.concatenate(batches)[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]


def test_a_column_of_a_frame_is_taken_in_its_order() -> None:
    pictures = [np.full((8, 8, 3), value, np.uint8) for value in range(3)]
    column = pd.Series(pictures, index=[7, 0, 3])
    (batch,) = picture_batches(column, 8, 4)
    assert batch[:, 0, 0, 0].tolist() == [0, 1, 2]


def test_a_mapping_of_pictures_is_refused() -> None:
    with pytest.raises(DataError, match="embed takes a list of images, got one dict"):
        picture_batches({"a": "a.jpg"}, 8, 4)


@pytest.mark.parametrize("device", ["gpu", "", "a\nb", "cuda:x"])
def test_a_device_that_there_is_not_is_one_line(device: str) -> None:
    with pytest.raises(ConfigError, match="device must be auto, cpu, cuda, cuda:<number> or mps") as caught:
        resolve_device(device)
    assert "\n" not in str(caught.value)


def test_a_path_that_no_folder_can_have_is_one_line() -> None:
    with pytest.raises(InputError) as caught:
        load_embedder("x" * 5000)
    assert "\n" not in str(caught.value)

"""The sheet of augmentation: training images alone, numbers in range, a picture file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kaggle_face.config import LoadedConfig
from kaggle_face.errors import InputError
from kaggle_face.pipeline.inputs.augmentation import (
    PreviewOptions,
    default_sheet,
    describe,
    draw_augmentation,
    require_sheet_is_possible,
    write_augmentation,
)
from tests.support.progress import Told


def test_the_sheet_has_a_row_for_each_image_and_is_the_same_again(loaded: LoadedConfig) -> None:
    few, more = (draw_augmentation(loaded, PreviewOptions(count, 2), Told()) for count in (2, 5))
    assert (more.height - few.height) % 3 == 0 and more.width == few.width
    path = write_augmentation(loaded, default_sheet(loaded), PreviewOptions(2, 2), Told())
    assert path == Path("runs/tiny/augmentation.png")
    with Image.open(path) as shown:
        assert np.array_equal(np.asarray(shown), np.asarray(few))


def test_where_it_runs_is_described(loaded: LoadedConfig) -> None:
    assert describe(loaded, Told())[-1].startswith("in a training here images are read from the image cache")


@pytest.mark.parametrize("options", [PreviewOptions(images=0), PreviewOptions(versions=31)])
def test_numbers_out_of_range_are_refused(loaded: LoadedConfig, options: PreviewOptions) -> None:
    with pytest.raises(InputError, match="must be 1 to"):
        draw_augmentation(loaded, options, Told())


@pytest.mark.parametrize(("name", "words"), [("sheet.html", "must end in one of .png"), (".", "is a folder")])
def test_a_file_that_cannot_be_written_is_refused(name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        require_sheet_is_possible(Path(name))

"""The preview shows what the settings do, and the same each time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kaggle_face.config import AugmentConfig
from kaggle_face.data.augmentation.per_image import Augmenter
from kaggle_face.data.augmentation.preview import PreviewedImages, describe_augmentation, preview_rows
from kaggle_face.data.picture_grid import GridRow

PIXELS = np.stack([np.full((8, 8, 3), value, np.uint8) for value in (10, 110, 210)])
PIXELS[:, :, :4] += 20  # the left half is brighter
IMAGES = PreviewedImages(PIXELS, ("Ann", "Bob", "Cy"), ("a.jpg", "b.jpg", "c.jpg"))
MIRROR = [{"HorizontalFlip": {"p": 1.0}}]
CPU = torch.device("cpu")


def rows(seed: int = 0, versions: int = 2, **settings: object) -> list[GridRow]:
    config = AugmentConfig.model_validate({"transforms": MIRROR, **settings})
    return preview_rows(IMAGES, config, Augmenter(config.transforms, 8, seed), versions, CPU)


def test_a_row_has_the_image_and_its_versions_by_both_ways() -> None:
    row = rows()[1]
    assert row.caption == "Bob: b.jpg"
    assert [[tile.caption for tile in group] for group in row.groups] == [
        ["original"],
        ["one by one 1", "one by one 2"],
        ["in batches 1", "in batches 2"],
    ]
    for group in row.groups[1:]:
        for tile in group:
            assert np.array_equal(tile.pixels, PIXELS[1][:, ::-1])


def test_a_transform_without_a_batched_form_is_shown_one_by_one() -> None:
    assert len(rows(transforms=[{"GaussianBlur": {"p": 1.0}}])[0].groups) == 2


@pytest.mark.parametrize("kind", ["cutmix", "mixup"])
def test_shares_and_partners_of_mixed_images_are_named(kind: str) -> None:
    row = rows(transforms=[], **{kind: {"probability": 0.3}})[0]
    name = {"cutmix": "CutMix", "mixup": "Mixup"}[kind]
    assert row.caption == f"Ann: a.jpg; {name} 1 with Bob; {name} 2 with Cy"
    for tile, other in zip(row.groups[-1], (1, 2), strict=True):
        share = int(tile.caption.split()[1].split("+")[0]) / 100
        mean = share * PIXELS[0].mean() + (1 - share) * PIXELS[other].mean()
        # CutMix's box may hold more of one half than of the other, whose values differ by 20; rounding 1.
        assert abs(float(tile.pixels.mean()) - mean) < (22 if kind == "cutmix" else 2)


def test_the_same_seed_gives_the_same_sheet_and_another_one_does_not() -> None:
    def pixels(seed: int) -> np.ndarray:
        mixed = rows(seed, transforms=[{"RandomBrightnessContrast": {"p": 1.0}}], mixup={"probability": 1.0})
        return np.stack([tile.pixels for row in mixed for group in row.groups for tile in group])

    assert np.array_equal(pixels(3), pixels(3)) and not np.array_equal(pixels(3), pixels(4))


def test_settings_are_described_in_lines() -> None:
    config = AugmentConfig.model_validate({"transforms": MIRROR, "cutmix": {"probability": 0.5}})
    assert describe_augmentation(config, 7) == [
        "augment.transforms, seed 7:",
        "  HorizontalFlip: p=1.0",
        "CutMix: 50 % of the batches, alpha 1",
        "Mixup: off",
    ]

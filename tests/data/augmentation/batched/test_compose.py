"""Batches are augmented as albumentations augments image by image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from kaggle_face.data.augmentation.batched import compose as batch_augmentation
from kaggle_face.data.augmentation.batched.compose import BatchAugmenter, without_batched_transform
from kaggle_face.data.augmentation.per_image import Augmenter

Entry = Mapping[str, Mapping[str, Any]]
Floats = npt.NDArray[np.float64]
SIZE, DRAWS = 12, 1500
NUMBERS = torch.arange(DRAWS)


def picture(size: int = SIZE) -> npt.NDArray[np.uint8]:
    """Smooth, of three colours, with a bright and a dark corner: what is done to it shows."""
    y, x = np.mgrid[:size, :size] / (size - 1)
    colours = [0.15 + 0.7 * x, 0.2 + 0.6 * y, 0.5 + 0.3 * np.sin(4 * x + 2 * y)]
    image = np.stack(colours, -1)
    image[: size // 4, : size // 4], image[-size // 4 :, -size // 4 :] = 0.98, 0.05
    return np.round(255 * image).astype(np.uint8)


def in_batches(entries: tuple[Entry, ...], epoch: int = 0) -> npt.NDArray[np.uint8]:
    image = torch.from_numpy(picture())
    batch = image.expand(DRAWS, *image.shape).contiguous()
    return BatchAugmenter(Augmenter(entries, SIZE, 0))(batch, epoch, NUMBERS).numpy()


def one_by_one(entries: tuple[Entry, ...], count: int = DRAWS) -> npt.NDArray[np.uint8]:
    augmenter = Augmenter(entries, SIZE, 0)
    return np.stack([augmenter(picture(), 0, number) for number in range(count)])


NO_JITTER = {"brightness": [1, 1], "contrast": [1, 1], "saturation": [1, 1], "hue": [0, 0], "p": 1.0}
FIXED: list[Entry] = [
    {"HorizontalFlip": {"p": 1.0}},
    {"VerticalFlip": {"p": 1.0}},
    {"Affine": {"scale": [1.3, 1.3], "rotate": [20, 20], "p": 1.0}},
    {"Affine": {"scale": {"x": [0.8, 0.8], "y": [1.2, 1.2]}, "shear": {"x": [9, 9], "y": [-6, -6]}, "p": 1}},
    {"Affine": {"translate_px": {"x": [2, 2], "y": [-3, -3]}, "fill": 77, "p": 1.0}},
    {"Affine": {"translate_percent": {"x": [0.2, 0.2], "y": [-0.21, -0.21]}, "fill": [9, 99, 199], "p": 1.0}},
    {"Affine": {"rotate": [25, 25], "border_mode": 1, "p": 1.0}},
    {"Affine": {"rotate": [25, 25], "border_mode": 2, "p": 1.0}},
    {"Affine": {"rotate": [25, 25], "scale": [0.7, 0.7], "border_mode": 4, "p": 1.0}},
    {"RandomBrightnessContrast": {"brightness_limit": [0.1, 0.1], "contrast_limit": [0.3, 0.3], "p": 1.0}},
    {
        "RandomBrightnessContrast": {
            "brightness_limit": [-0.2, -0.2],
            "contrast_limit": [-0.1, -0.1],
            "brightness_by_max": False,
            "p": 1.0,
        }
    },
    *(
        {"ColorJitter": {**NO_JITTER, kind: [factor, factor]}}
        for kind in ("brightness", "contrast", "saturation")
        for factor in (0.7, 1.35)
    ),
    *({"ToGray": {"method": method, "p": 1.0}} for method in ("weighted_average", "average", "max")),
    {"ToGray": {"method": "desaturation", "p": 1.0}},
    {"RandomGamma": {"gamma_limit": [60, 60], "p": 1.0}},
    {"InvertImg": {"p": 1.0}},
    {"NoOp": {"p": 1.0}},
]


@pytest.mark.parametrize("entry", FIXED, ids=str)
def test_without_chance_the_pixels_are_the_same(entry: Entry) -> None:
    expected = one_by_one((entry,), 1)[0].astype(int)
    found = in_batches((entry,))[:2].astype(int)
    is_resampled = "Affine" in entry
    assert np.abs(found - expected).max() <= (2 if is_resampled else 1)
    assert np.abs(found - expected).mean() < (0.3 if is_resampled else 0.1)


@pytest.mark.parametrize("border", [0, 1, 2, 4])
def test_padding_and_the_only_crop_that_is_left_give_the_same_pixels(border: int) -> None:
    entries = (
        {"Pad": {"padding": [3, 2], "border_mode": border, "fill": 50}},
        {"RandomCrop": {"height": SIZE + 4, "width": SIZE + 6}},
        {"RandomResizedCrop": {"size": [SIZE, SIZE], "scale": [1.0, 1.0], "ratio": [1.125, 1.125]}},
    )
    expected = one_by_one(entries, 1)[0].astype(int)
    assert np.abs(in_batches(entries)[0].astype(int) - expected).max() <= 1


RANDOM: list[tuple[Entry, ...]] = [
    ({"HorizontalFlip": {"p": 0.3}}, {"VerticalFlip": {"p": 0.1}}),
    (
        {
            "Affine": {
                "scale": [0.8, 1.2],
                "translate_percent": [-0.2, 0.2],
                "rotate": [-30, 10],
                "shear": [-8, 8],
                "p": 0.7,
            }
        },
    ),
    ({"Affine": {"translate_px": [-2, 3], "scale": [0.7, 1.1], "keep_ratio": True, "p": 1.0}},),
    ({"ShiftScaleRotate": {"shift_limit": 0.1, "scale_limit": 0.2, "rotate_limit": 20, "p": 0.6}},),
    ({"Pad": {"padding": 2, "border_mode": 4}}, {"RandomCrop": {"height": SIZE, "width": SIZE}}),
    (
        {"PadIfNeeded": {"min_height": 17, "min_width": 15, "fill": 9}},
        {"RandomCrop": {"height": SIZE, "width": SIZE}},
    ),
    ({"RandomResizedCrop": {"size": [SIZE, SIZE], "scale": [0.3, 1.0], "ratio": [0.6, 1.8]}},),
    (
        {
            "CoarseDropout": {
                "num_holes_range": [1, 3],
                "hole_height_range": [0.1, 0.4],
                "hole_width_range": [0.2, 0.3],
                "fill": 128,
                "p": 0.5,
            }
        },
    ),
    (
        {
            "CoarseDropout": {
                "num_holes_range": [2, 2],
                "hole_height_range": [1, 5],
                "hole_width_range": [2, 4],
                "fill": "random_uniform",
                "p": 1.0,
            }
        },
    ),
    ({"Erasing": {"scale": [0.05, 0.4], "ratio": [0.3, 3.3], "fill": [0, 100, 255], "p": 0.8}},),
    ({"RandomBrightnessContrast": {"brightness_limit": 0.3, "contrast_limit": [-0.4, 0.2], "p": 0.5}},),
    ({"ColorJitter": {"brightness": 0.4, "contrast": 0.5, "saturation": 0.6, "hue": 0, "p": 0.8}},),
    ({"ToGray": {"p": 0.25}}, {"RandomGamma": {"gamma_limit": [50, 160], "p": 0.5}}),
    (
        {
            "OneOf": {
                "transforms": [
                    {"ToGray": {"p": 1.0}},
                    {"InvertImg": {"p": 0.5}},
                    {"Affine": {"rotate": [-40, 40], "p": 0.5}},
                ],
                "p": 0.6,
            }
        },
    ),
]


LIKE_OTHERS = (2, 3, 5, 8)
"""Of these transforms: an affine map under another name or with other options, a pad, and holes of noise."""


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param(entries, id=str(entries), marks=[pytest.mark.slow] * (number in LIKE_OTHERS))
        for number, entries in enumerate(RANDOM)
    ],
)
def test_pixels_have_the_same_distribution(entries: tuple[Entry, ...]) -> None:
    """Mean and spread of every pixel, and the quantiles of the image's mean and contrast."""
    found, expected = in_batches(entries).astype(float), one_by_one(entries).astype(float)
    require_equal_means(found, expected, beside=0.5)  # half a level for rounding
    require_equal_means((found - picture()) ** 2, (expected - picture()) ** 2, beside=40.0)
    for summary in (of_all, of_contrast, of_the_left):
        assert distance(summary(found), summary(expected)) < 1.95 * (2 / DRAWS) ** 0.5 + 0.02


def require_equal_means(found: Floats, expected: Floats, beside: float) -> None:
    """No mean differs by more than six standard errors (432 pixels are looked at) and `beside`."""
    allowed = 6 * np.sqrt((found.var(0) + expected.var(0)) / DRAWS) + beside
    assert (np.abs(found.mean(0) - expected.mean(0)) < allowed).all()


def of_all(images: Floats) -> Floats:
    return np.asarray(images.mean((1, 2, 3)))


def of_contrast(images: Floats) -> Floats:
    return np.asarray(images.std((1, 2, 3)))


def of_the_left(images: Floats) -> Floats:
    return np.asarray(images[:, :, :3].mean((1, 2, 3)))


def distance(first: Floats, second: Floats) -> float:
    """Kolmogorov's and Smirnov's, of half levels; by chance above 1.95 sqrt(2/n) in one of 1000 cases."""
    first, second = np.sort(np.round(2 * first)), np.sort(np.round(2 * second))
    places = np.concatenate([first, second])
    below = [np.searchsorted(values, places, "right") / len(values) for values in (first, second)]
    return float(np.abs(below[0] - below[1]).max())


RECIPE: tuple[Entry, ...] = (
    {"HorizontalFlip": {"p": 0.5}},
    {"Affine": {"rotate": [-20, 20], "translate_percent": [-0.1, 0.1], "p": 0.8}},
    {"CoarseDropout": {"p": 0.5}},
    {"ColorJitter": {"hue": [0, 0], "p": 0.5}},
)


def test_an_image_is_augmented_the_same_whatever_its_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    augment = BatchAugmenter(Augmenter(RECIPE, SIZE, 3))
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (40, SIZE, SIZE, 3), np.uint8))
    numbers = torch.arange(40) * 7
    whole = augment(images, 2, numbers)
    order = torch.tensor([31, 5, 17])
    assert torch.equal(augment(images[order], 2, numbers[order]), whole[order])
    monkeypatch.setattr(batch_augmentation, "_CACHE_BYTES", 3 * 4 * SIZE * SIZE * 3)
    assert torch.equal(augment(images, 2, numbers), whole)


def test_no_image_and_no_epoch_repeats() -> None:
    entries = (
        {"Affine": {"rotate": [-20, 20], "scale": [0.8, 1.2], "p": 1.0}},
        {"ColorJitter": {"hue": [0, 0], "p": 1}},
    )
    drawn = [image.tobytes() for epoch in range(2) for image in in_batches(entries, epoch)]
    assert len(set(drawn)) == len(drawn) == 2 * DRAWS


def test_without_transforms_the_images_themselves_come_back() -> None:
    augment = BatchAugmenter(Augmenter((), SIZE, 0))
    images = torch.zeros(2, SIZE, SIZE, 3, dtype=torch.uint8)
    assert augment.is_identity and augment(images, 0, torch.arange(2)) is images


@pytest.mark.parametrize(
    "entry",
    [
        {"MotionBlur": {}},
        {"Affine": {"border_mode": 3}},
        {"Affine": {"interpolation": 2}},
        {"Affine": {"scale": [0.5, 2.0], "balanced_scale": True}},
        {"ColorJitter": {"hue": [-0.1, 0.1]}},
        {"CoarseDropout": {"fill": "random"}},
        {"CoarseDropout": {"fill": "inpaint_ns"}},
        {"ToGray": {"method": "pca"}},
        {"RandomBrightnessContrast": {"ensure_safe_range": True}},
        {"OneOf": {"transforms": [{"ToGray": {}}, {"Blur": {}}], "p": 1.0}},
        {"SomeOf": {"n": 1, "transforms": [{"ToGray": {}}]}},
        {"RandomResizedCrop": {"size": [SIZE, SIZE], "p": 0.5}},
        {"RandomCrop": {"height": SIZE, "width": SIZE, "pad_if_needed": True}},
    ],
    ids=str,
)
def test_what_has_no_batch_form_is_named(entry: Entry) -> None:
    entries = ({"HorizontalFlip": {}}, entry)
    assert without_batched_transform(Augmenter(entries, SIZE, 0)) == list(entry)

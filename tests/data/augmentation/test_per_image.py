"""Augmentation follows from (seed, epoch, image) alone, and wrong settings are one line."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from kaggle_face.data.augmentation.per_image import Augmenter
from kaggle_face.errors import ConfigError

Entry = Mapping[str, Mapping[str, Any]]
SIZE = 24
NOISE: Entry = {"GaussNoise": {"p": 1.0}}
RECIPE: tuple[Entry, ...] = (
    {"HorizontalFlip": {"p": 0.5}},
    {"Affine": {"scale": [0.9, 1.1], "rotate": [-10, 10], "p": 0.5}},
    {"ColorJitter": {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.05, "p": 0.5}},
    {"OneOf": {"transforms": [{"GaussianBlur": {"p": 1.0}}, {"MotionBlur": {"p": 1.0}}], "p": 0.3}},
    {"SomeOf": {"n": 2, "transforms": [{"ToGray": {}}, {"RandomGamma": {}}, {"Posterize": {}}], "p": 0.3}},
    {"CoarseDropout": {"num_holes_range": [1, 2], "fill": "random", "p": 0.5}},
    {"RandomResizedCrop": {"size": ["image_size", "image_size"], "scale": [0.8, 1.0], "p": 0.3}},
)
# Every transform of albumentations 2.0.8 that works on an image alone, but for Superpixels (seconds).
EVERY = (
    "AdditiveNoise AdvancedBlur Affine AutoContrast Blur CLAHE ChannelDropout ChannelShuffle "
    "ChromaticAberration CoarseDropout ColorJitter CropAndPad D4 Defocus Downscale ElasticTransform "
    "Emboss Equalize Erasing FancyPCA GaussNoise GaussianBlur GlassBlur GridDistortion GridDropout "
    "GridElasticDeform HEStain HorizontalFlip HueSaturationValue ISONoise Illumination ImageCompression "
    "InvertImg MedianBlur Morphological MotionBlur MultiplicativeNoise OpticalDistortion Perspective "
    "PiecewiseAffine PixelDropout PlanckianJitter PlasmaBrightnessContrast PlasmaShadow Posterize "
    "RGBShift RandomBrightnessContrast RandomFog RandomGamma RandomGravel RandomGridShuffle RandomRain "
    "RandomRotate90 RandomShadow RandomSnow RandomSunFlare RandomToneCurve RingingOvershoot Rotate "
    "SafeRotate SaltAndPepper Sharpen ShiftScaleRotate ShotNoise Solarize Spatter SquareSymmetry "
    "ThinPlateSpline ToGray ToSepia Transpose UnsharpMask VerticalFlip ZoomBlur"
)
ARGUMENTS: dict[str, dict[str, Any]] = {
    "CropAndPad": {"percent": [-0.1, 0.1]},
    "GridElasticDeform": {"num_grid_xy": [4, 4], "magnitude": 5},
}


def picture(seed: int = 0, size: int = SIZE) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)


def draws(augmenter: Augmenter, order: list[int], epoch: int = 0) -> dict[int, bytes]:
    return {index: augmenter(picture(), epoch, index).tobytes() for index in order}


@pytest.mark.parametrize("name", EVERY.split())
def test_a_draw_does_not_depend_on_what_was_drawn_before(name: str) -> None:
    entry = {name: {**ARGUMENTS.get(name, {}), "p": 1.0}}
    forth = draws(Augmenter((entry,), SIZE, 1), [0, 1, 2])
    back = draws(Augmenter((entry,), SIZE, 1), [2, 0, 1])
    assert forth == back


def test_a_recipe_of_nested_transforms_does_not_depend_on_what_was_drawn_before() -> None:
    order = list(range(60))
    assert draws(Augmenter(RECIPE, SIZE, 1), order) == draws(Augmenter(RECIPE, SIZE, 1), order[::-1])


def test_no_image_and_no_epoch_repeats_a_draw() -> None:
    augmenter = Augmenter((NOISE,), SIZE, 0)
    seen = {drawn for epoch in range(5) for drawn in draws(augmenter, list(range(200)), epoch).values()}
    assert len(seen) == 1000


def test_another_seed_draws_otherwise() -> None:
    one, two = (draws(Augmenter((NOISE,), SIZE, seed), list(range(20))) for seed in range(2))
    assert not set(one.values()) & set(two.values())


def test_a_copy_in_another_process_draws_the_same() -> None:
    augmenter = Augmenter(RECIPE, SIZE, 3)
    copy = pickle.loads(pickle.dumps(augmenter))
    assert draws(augmenter, list(range(30))) == draws(copy, list(range(30)))


def test_the_image_handed_in_is_left_alone() -> None:
    image = picture()
    image.flags.writeable = False
    for index in range(30):
        Augmenter(RECIPE, SIZE, 0)(image, 0, index)
    assert (image == picture()).all()


def test_chances_are_what_the_settings_say_after_the_trial_run() -> None:
    augmenter = Augmenter(({"HorizontalFlip": {"p": 0.25}},), SIZE, 0)
    flipped = picture()[:, ::-1].tobytes()
    count = sum(drawn == flipped for drawn in draws(augmenter, list(range(2000))).values())
    assert abs(count - 500) < 78  # four standard deviations of a binomial of 2000 at 1/4


def test_without_transforms_the_image_itself_comes_back() -> None:
    augmenter, image = Augmenter((), SIZE, 0), picture()
    assert augmenter.is_identity and augmenter(image, 0, 0) is image


def test_image_size_stands_for_the_size() -> None:
    crop = {"RandomResizedCrop": {"size": ["image_size", "image_size"]}}
    for size in (16, 40):
        assert Augmenter((crop,), size, 0)(picture(size=size), 0, 0).shape == (size, size, 3)


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        ({"HorizontalFlipp": {}}, "there is no transform 'HorizontalFlipp'; did you mean 'HorizontalFlip'?"),
        ({"Affine": {"scal": 1}}, "Affine has no argument 'scal'; did you mean 'scale'?"),
        (
            {"CoarseDropout": {"max_holes": 3}},
            "CoarseDropout has no argument 'max_holes'; it has: num_holes_",
        ),
        ({"HorizontalFlip": {"always_apply": True}}, "HorizontalFlip has no argument 'always_apply'"),
        ({"Affine": {"scale": "big"}}, "Affine.scale: Input should be a valid tuple, got 'big'"),
        ({"HorizontalFlip": {"p": 2}}, "HorizontalFlip.p: Input should be less than or equal to 1, got 2"),
        ({"Resize": {}}, "Resize needs the argument 'height'"),
        (
            {"OneOf": {"transforms": [{"Blur": {"sigma": 1}}]}},
            "Blur has no argument 'sigma'; it has: blur_limit",
        ),
        ({"OneOf": {"p": 1.0}}, "OneOf.transforms must be a list of transforms"),
        ({"OneOf": {"transforms": [], "p": 1.0}}, "OneOf.transforms must be a list of transforms"),
        ({"OneOf": {"transforms": ["Blur"]}}, "an entry is one 'Name: {argument: value}', got 'Blur'"),
        (
            {"Blur": {}, "ToGray": {}},
            "an entry is one 'Name: {argument: value}', got {'Blur': {}, 'ToGray': {}}",
        ),
        ({"Normalize": {}}, "leave out Normalize; images stay bytes here and are scaled later"),
        ({"MotionBlur": {"blur_limit": [4, 6]}}, "MotionBlur: blur_limit: Non-zero kernel sizes must be odd"),
    ],
)
def test_a_wrong_setting_is_one_line(entry: Entry, line: str) -> None:
    with pytest.raises(ConfigError) as error:
        Augmenter((entry,), SIZE, 0)
    assert str(error.value).startswith(f"augment.transforms: {line}") and "\n" not in str(error.value)


@pytest.mark.parametrize("chance", [0.01, 1.0])
def test_a_transform_that_changes_the_size_is_refused_however_rare(chance: float) -> None:
    with pytest.raises(ConfigError, match=r"\(RandomCrop\) turn 24x24x3 uint8 into 20x20x3 uint8"):
        Augmenter(({"RandomCrop": {"height": 20, "width": 20, "p": chance}},), SIZE, 0)


def test_a_transform_that_makes_fractions_is_refused() -> None:
    nested = {"OneOf": {"transforms": [{"NoOp": {}}, {"FromFloat": {}}], "p": 0.1}}
    with pytest.raises(ConfigError, match=r"\(OneOf\) turn 24x24x3 uint8 into"):
        Augmenter((nested,), SIZE, 0)


def test_a_transform_that_needs_more_than_an_image_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"do not work on images of 24x24: MaskDropout requires \['mask'\]"):
        Augmenter(({"MaskDropout": {}},), SIZE, 0)


def test_sizes_may_change_on_the_way() -> None:
    entries = (
        {"PadIfNeeded": {"min_height": 30, "min_width": 30}},
        {"RandomCrop": {"height": 24, "width": 24}},
    )
    assert Augmenter(entries, SIZE, 0)(picture(), 0, 0).shape == (SIZE, SIZE, 3)

"""Conversion of albumentations' transforms to their batched forms.

The library itself is not imported here. A transform is known by the exact name of its class, and what its
batched form does not cover (another border, another interpolation, ...) counts as one without.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, cast

from kaggle_face.data.augmentation.batched.colours import (
    BrightnessContrast,
    ColorJitter,
    GreyMethod,
    Invert,
    RandomGamma,
    ToGray,
)
from kaggle_face.data.augmentation.batched.erasing import CoarseDropout, Erasing, Fill
from kaggle_face.data.augmentation.batched.geometry import (
    Affine,
    Border,
    Flip,
    Pad,
    PadIfNeeded,
    RandomCrop,
    RandomResizedCrop,
)
from kaggle_face.data.augmentation.batched.transforms import BatchTransform, Chain, OneOf, Range, Sometimes

# Numbers of OpenCV's flags.
_BORDERS: dict[int, Border] = {0: "constant", 1: "replicate", 2: "reflect", 4: "reflect_101"}
_SAMPLINGS: dict[int, Literal["bilinear", "nearest"]] = {0: "nearest", 1: "bilinear"}
_CHANGES_SIZE = (Pad, PadIfNeeded, RandomCrop, RandomResizedCrop)


def batched_transforms(steps: Sequence[Any]) -> tuple[BatchTransform | None, ...]:
    """The batched form of each built transform of albumentations, None for those that have none."""
    return tuple(_with_chance(step) for step in steps)


def _with_chance(step: Any) -> BatchTransform | None:
    form = _form(step)
    if form is None or not step.p < 1.0:
        return form
    parts = form.transforms if isinstance(form, OneOf | Chain) else (form,)
    return None if any(isinstance(part, _CHANGES_SIZE) for part in parts) else Sometimes(float(step.p), form)


def _form(step: Any) -> BatchTransform | None:
    """The batched form of a transform, applied with probability 1."""
    make = _FORMS.get(type(step).__name__)
    return make(step) if make is not None else None


def _affine(step: Any) -> BatchTransform | None:
    border, sampling = _BORDERS.get(step.border_mode), _SAMPLINGS.get(step.interpolation)
    if border is None or sampling is None or step.fit_output or step.balanced_scale:
        return None
    in_pixels = step.translate_px is not None
    translate = step.translate_px if in_pixels else step.translate_percent or {}
    if not in_pixels and set(translate) != {"x", "y"}:
        return None
    return Affine(
        scale=_both_axes(step.scale),
        rotate=_range(step.rotate),
        shear=_both_axes(step.shear),
        translate=_both_axes(translate),
        translate_in="pixels" if in_pixels else "sides",
        keep_ratio=bool(step.keep_ratio),
        border=border,
        fill=_colour(step.fill),
        sampling=sampling,
    )


def _pad(step: Any) -> BatchTransform | None:
    border, padding = _BORDERS.get(step.border_mode), step.padding
    if border is None:
        return None
    sides = (padding,) if isinstance(padding, int) else tuple(padding)  # one, two or four numbers
    left, top, right, bottom = sides * (4 // len(sides))
    return Pad((left, top, right, bottom), border, _colour(step.fill))


def _pad_if_needed(step: Any) -> BatchTransform | None:
    border = _BORDERS.get(step.border_mode)
    is_plain = step.position == "center" and step.min_height is not None and step.min_width is not None
    if border is None or not is_plain:
        return None
    return PadIfNeeded(int(step.min_height), int(step.min_width), border, _colour(step.fill))


def _crop(step: Any) -> BatchTransform | None:
    return None if step.pad_if_needed else RandomCrop(int(step.height), int(step.width))


def _resized_crop(step: Any) -> BatchTransform | None:
    if step.interpolation != 1 or step.area_for_downscale is not None or min(step.ratio) <= 0:
        return None
    height, width = step.size
    return RandomResizedCrop(int(height), int(width), _range(step.scale), _range(step.ratio))


def _dropout(step: Any) -> BatchTransform | None:
    fill = _hole_colour(step.fill)
    if fill is None:
        return None
    low, high = step.num_holes_range
    return CoarseDropout(
        (int(low), int(high)), _range(step.hole_height_range), _range(step.hole_width_range), fill
    )


def _erasing(step: Any) -> BatchTransform | None:
    fill = _hole_colour(step.fill)
    return None if fill is None else Erasing(_range(step.scale), _range(step.ratio), fill)


def _brightness_contrast(step: Any) -> BatchTransform | None:
    if step.ensure_safe_range:
        return None
    limits = _range(step.brightness_limit), _range(step.contrast_limit)
    return BrightnessContrast(*limits, by_max=bool(step.brightness_by_max))


def _jitter(step: Any) -> BatchTransform | None:
    if any(step.hue):
        return None
    return ColorJitter(_range(step.brightness), _range(step.contrast), _range(step.saturation))


def _gray(step: Any) -> BatchTransform | None:
    is_known = step.method in ("weighted_average", "average", "max", "desaturation")
    return ToGray(cast("GreyMethod", step.method)) if is_known and step.num_output_channels == 3 else None


def _one_of(step: Any) -> BatchTransform | None:
    forms = [_form(part) for part in step.transforms]
    known = tuple(form for form in forms if form is not None)
    shares = tuple(float(share) for share in step.transforms_ps)
    if len(known) < len(forms) or not shares or any(isinstance(form, _CHANGES_SIZE) for form in known):
        return None
    return OneOf(known, shares)


_FORMS: dict[str, Callable[[Any], BatchTransform | None]] = {
    "HorizontalFlip": lambda step: Flip(-1),
    "VerticalFlip": lambda step: Flip(-2),
    "Affine": _affine,
    "ShiftScaleRotate": _affine,
    "Pad": _pad,
    "PadIfNeeded": _pad_if_needed,
    "RandomCrop": _crop,
    "RandomResizedCrop": _resized_crop,
    "CoarseDropout": _dropout,
    "Erasing": _erasing,
    "RandomBrightnessContrast": _brightness_contrast,
    "ColorJitter": _jitter,
    "ToGray": _gray,
    "RandomGamma": lambda step: RandomGamma(_range(step.gamma_limit)),
    "InvertImg": lambda step: Invert(),
    "NoOp": lambda step: Chain(()),
    "OneOf": _one_of,
}


def _range(values: Any) -> Range:
    low, high = values
    return float(low), float(high)


def _both_axes(values: Any) -> tuple[Range, Range]:
    return _range(values["x"]), _range(values["y"])


def _colour(fill: Any) -> tuple[float, ...]:
    return tuple(float(value) for value in fill) if isinstance(fill, list | tuple) else (float(fill),)


def _hole_colour(fill: Any) -> Fill | None:
    """The colour of a hole, or None for what is drawn pixel by pixel or painted in."""
    if isinstance(fill, str):
        return "random_uniform" if fill == "random_uniform" else None
    return _colour(fill)

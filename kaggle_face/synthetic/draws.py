"""Random draws: the traits of an identity, and the circumstances of a picture.

Each follows from its numbers alone: (seed, identity) or (seed, identity, image).
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from kaggle_face.synthetic.traits import (
    BEARD_STYLES,
    FRINGE_STOPS,
    FRINGE_STYLES,
    GLASSES_STYLES,
    OCCLUSIONS,
    Appearance,
    Colour,
    Expression,
    Eyes,
    FringeStyle,
    Hair,
    HeadShape,
    Identity,
    Light,
    NoseAndMouth,
    Pose,
    mix,
)

_T = TypeVar("_T")

# Light to dark; identities lie anywhere between two neighbours.
_SKIN_RAMP = ((252, 224, 202), (238, 196, 164), (220, 170, 132), (186, 130, 94), (140, 92, 64), (92, 60, 44))
_HAIR_RAMP = ((24, 20, 20), (56, 38, 28), (96, 62, 38), (136, 90, 52), (188, 146, 88), (226, 196, 138))
_HAIR_ODD = ((150, 62, 30), (176, 174, 172), (120, 118, 118), (228, 226, 222))
_IRIS_COLOURS = ((58, 36, 22), (88, 58, 30), (120, 92, 48), (92, 112, 70), (86, 124, 154), (120, 136, 142))
_FRAME_COLOURS = ((20, 20, 22), (92, 52, 28), (150, 150, 156), (146, 40, 44), (30, 50, 110))

_IDENTITY_STREAM, _APPEARANCE_STREAM = 1, 2


def draw_identity(seed: int, identity_number: int) -> Identity:
    """The identity of this number in the world of `seed` (both >= 0)."""
    rng = np.random.default_rng([seed, _IDENTITY_STREAM, identity_number])
    skin = _along_ramp(rng, _SKIN_RAMP, spread=10.0)
    age = float(rng.beta(1.3, 1.8))
    hair = _draw_hair(rng, age, skin)
    nose_mouth = _draw_nose_and_mouth(rng, skin)
    bearded = hair.length < 0.4 and rng.random() < 0.6
    glasses = _pick(rng, GLASSES_STYLES, weights=(0.68, 0.12, 0.12, 0.08))
    return Identity(
        head=HeadShape(
            width=float(rng.uniform(0.64, 0.84)),
            skull=float(rng.uniform(0.86, 1.02)),
            jaw=float(rng.uniform(0.70, 0.97)),
            chin=float(rng.uniform(0.24, 0.58)),
            depth=float(rng.uniform(0.62, 0.78)),
            ear_size=float(rng.uniform(0.14, 0.24)),
            ear_y=float(rng.uniform(-0.04, 0.14)),
        ),
        eyes=_draw_eyes(rng),
        nose_mouth=nose_mouth,
        hair=hair,
        skin=skin,
        beard=_pick(rng, BEARD_STYLES[1:]) if bearded else "none",
        glasses=glasses,
        glasses_habit=float(rng.uniform(0.5, 0.95)) if glasses != "none" else 0.0,
        glasses_colour=_pick(rng, _FRAME_COLOURS),
        age=age,
        blush=float(rng.uniform(0.0, 0.5)),
        freckles_xy=_spots(rng, int(rng.integers(14, 34)) if rng.random() < 0.2 else 0, (0.05, 0.4)),
        moles_xy=_spots(rng, int(rng.choice(4, p=(0.5, 0.25, 0.15, 0.1))), (-0.5, 0.8)),
    )


def draw_appearance(seed: int, identity_number: int, image_number: int) -> Appearance:
    """The circumstances of picture `image_number` of that identity (all numbers >= 0)."""
    rng = np.random.default_rng([seed, _APPEARANCE_STREAM, identity_number, image_number])
    return Appearance(
        pose=Pose(
            yaw=_bell(rng, 0.0, 0.25, 0.65),
            pitch=_bell(rng, 0.0, 0.12, 0.3),
            roll=_bell(rng, 0.0, 0.11, 0.35),
            scale=float(rng.uniform(0.89, 1.16)),
            shift_x=_bell(rng, 0.0, 0.028, 0.08),
            shift_y=_bell(rng, 0.0, 0.025, 0.07),
        ),
        light=_draw_light(rng),
        expression=Expression(
            mouth_open=float(rng.uniform(0.1, 1.0)) if rng.random() < 0.4 else 0.0,
            smile=_bell(rng, 0.25, 0.45, 1.0),
            brow_raise=_bell(rng, 0.0, 0.45, 1.0),
            eyes_open=0.12 if rng.random() < 0.05 else float(rng.uniform(0.6, 1.1)),
            gaze_x=_bell(rng, 0.0, 0.45, 1.0),
            gaze_y=_bell(rng, 0.0, 0.3, 0.8),
        ),
        glasses_chance=float(rng.random()),
        occlusion=_pick(rng, OCCLUSIONS, weights=(0.75, 0.05, 0.05, 0.05, 0.05, 0.05)),
        occlusion_x=float(rng.uniform(-1, 1)),
        occlusion_y=float(rng.uniform(0, 1)),
        occlusion_colour=_any_colour(rng),
        background=(_scenery(rng), _scenery(rng), _scenery(rng)),
        clothes=_any_colour(rng),
        blur_sigma_px=float(max(0.0, rng.normal(0.3, 0.3))),
        noise_sigma=float(rng.gamma(2.0, 1.7)),
        jpeg_quality=int(rng.integers(45, 97)),
        detail_seed=int(rng.integers(2**31)),
    )


def _draw_eyes(rng: np.random.Generator) -> Eyes:
    return Eyes(
        x=float(rng.uniform(0.26, 0.37)),
        y=float(rng.uniform(-0.13, 0.03)),
        width=float(rng.uniform(0.105, 0.165)),
        height=float(rng.uniform(0.045, 0.095)),
        tilt_radians=float(rng.normal(0.03, 0.12)),
        iris=_jittered(rng, _pick(rng, _IRIS_COLOURS), 10.0),
        lashes=float(rng.uniform(0.3, 1.0)),
        bags=float(rng.beta(1.5, 3.0)),
        brow_lift=float(rng.uniform(0.13, 0.25)),
        brow_width=float(rng.uniform(0.14, 0.23)),
        brow_thickness=float(rng.uniform(0.018, 0.07)),
        brow_arch=float(rng.uniform(0.0, 0.08)),
        brow_slant=float(rng.normal(0.0, 0.035)),
    )


def _draw_nose_and_mouth(rng: np.random.Generator, skin: Colour) -> NoseAndMouth:
    nose_y = float(rng.uniform(0.22, 0.38))
    lipstick = rng.random() < 0.25
    rose = (176, 48, 62) if lipstick else (184, 96, 92)
    return NoseAndMouth(
        nose_y=nose_y,
        nose_width=float(rng.uniform(0.10, 0.20)),
        nose_bridge=float(rng.uniform(0.035, 0.075)),
        nose_height=float(rng.uniform(0.12, 0.30)),
        mouth_y=nose_y + float(rng.uniform(0.20, 0.29)),
        mouth_width=float(rng.uniform(0.17, 0.30)),
        upper_lip=float(rng.uniform(0.02, 0.07)),
        lower_lip=float(rng.uniform(0.03, 0.095)),
        cupid_bow=float(rng.uniform(0.0, 0.025)),
        lips=_jittered(rng, mix(skin, rose, rng.uniform(0.35, 0.75)), 8.0),
    )


def _draw_hair(rng: np.random.Generator, age: float, skin: Colour) -> Hair:
    odd = rng.random() < 0.10 + 0.35 * (age > 0.7)
    natural = _along_ramp(rng, _HAIR_RAMP, spread=9.0, reach=min(1.0, sum(skin) / 600))
    colour = _jittered(rng, _pick(rng, _HAIR_ODD), 10.0) if odd else natural
    is_long = rng.random() < 0.45
    style = _pick(rng, FRINGE_STYLES)
    return Hair(
        colour=colour,
        bald=bool(not is_long and rng.random() < 0.12),
        volume=float(rng.uniform(0.03, 0.16)),
        length=float(rng.uniform(0.45, 1.5)) if is_long else float(rng.uniform(-0.1, 0.25)),
        sideburn_y=float(rng.uniform(-0.10, 0.25)),
        fringe_y=_draw_fringe(rng, style),
        curl=float(rng.uniform(0.4, 1.0)) if rng.random() < 0.3 else 0.0,
        streaks=float(rng.uniform(0.1, 0.5)),
    )


def _draw_fringe(rng: np.random.Generator, style: FringeStyle) -> tuple[float, ...]:
    """The hairline at each of `FRINGE_STOPS`."""
    x = np.asarray(FRINGE_STOPS)
    line = float(rng.uniform(-0.78, -0.56))
    drop = float(rng.uniform(0.10, 0.32))
    shape = {
        "back": 0.25 * x**2,
        "straight": np.full_like(x, drop),
        "left": drop * np.clip(0.5 + x, 0, 1.2),
        "right": drop * np.clip(0.5 - x, 0, 1.2),
        "curtain": 1.4 * drop * np.abs(x),
        "peak": 0.12 - 0.3 * np.abs(x) + 0.45 * x**2,
        "ragged": drop * np.array([1.0, 0.3, 1.1, 0.4, 1.0, 0.2, 0.9]),
    }[style]
    heights = line + shape + rng.normal(0.0, 0.02, len(x))
    return tuple(float(y) for y in np.clip(heights, -0.85, -0.28))


def _draw_light(rng: np.random.Generator) -> Light:
    warmth = _bell(rng, 0.0, 0.09, 0.22)
    green = _bell(rng, 0.0, 0.04, 0.1)
    return Light(
        azimuth_radians=float(rng.uniform(-np.pi, np.pi)),
        height=float(rng.uniform(0.25, 1.2)),
        strength=float(rng.uniform(0.1, 0.8)),
        exposure=float(np.exp(_bell(rng, 0.0, 0.18, 0.45))),
        gamma=float(np.exp(_bell(rng, 0.0, 0.13, 0.35))),
        saturation=float(np.clip(rng.normal(0.88, 0.22), 0.0, 1.3)),
        tint=(1.0 + warmth, 1.0 + green, 1.0 - warmth),
    )


def _pick(rng: np.random.Generator, options: tuple[_T, ...], weights: tuple[float, ...] | None = None) -> _T:
    return options[int(rng.choice(len(options), p=weights))]


def _bell(rng: np.random.Generator, mean: float, spread: float, limit: float) -> float:
    """A normal number kept within +-limit."""
    return float(np.clip(rng.normal(mean, spread), -limit, limit))


def _along_ramp(
    rng: np.random.Generator, ramp: tuple[Colour, ...], spread: float, reach: float = 1.0
) -> Colour:
    """A colour anywhere on the first `reach`, in (0, 1], of the ramp."""
    place = float(rng.uniform(0, reach * (len(ramp) - 1)))
    low = min(int(place), len(ramp) - 2)
    return _jittered(rng, mix(ramp[low], ramp[low + 1], place - low), spread)


def _jittered(rng: np.random.Generator, colour: Colour, spread: float) -> Colour:
    """The colour made lighter or darker, and a little another hue."""
    change = rng.normal(0.0, spread) + rng.normal(0.0, 0.35 * spread, 3)
    red, green, blue = (int(channel) for channel in np.clip(np.add(colour, change), 8, 250))
    return red, green, blue


def _any_colour(rng: np.random.Generator) -> Colour:
    red, green, blue = (int(channel) for channel in rng.integers(15, 240, 3))
    return red, green, blue


def _scenery(rng: np.random.Generator) -> Colour:
    """Any colour, but muted."""
    red, green, blue = _any_colour(rng)
    grey = (red + green + blue) // 3
    return mix((red, green, blue), (grey, grey, grey), float(rng.uniform(0.2, 0.9)))


def _spots(
    rng: np.random.Generator, count: int, y_range: tuple[float, float]
) -> tuple[tuple[float, float], ...]:
    return tuple((float(rng.uniform(-0.5, 0.5)), float(rng.uniform(*y_range))) for _ in range(count))

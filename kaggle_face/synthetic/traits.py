"""The traits of generated faces: of the identity (`Identity`) and of the single picture (`Appearance`).

Lengths are in half head heights: the head reaches from y = -1 (crown) to y = +1 (chin), x to the right.
Colours are RGB, 0-255.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Colour: TypeAlias = tuple[int, int, int]
FringeStyle: TypeAlias = Literal["back", "straight", "left", "right", "curtain", "peak", "ragged"]
BeardStyle: TypeAlias = Literal["none", "stubble", "moustache", "goatee", "full"]
GlassesStyle: TypeAlias = Literal["none", "round", "square", "half"]
Occlusion: TypeAlias = Literal["none", "sunglasses", "scarf", "hand", "box", "hat"]

FRINGE_STYLES: tuple[FringeStyle, ...] = ("back", "straight", "left", "right", "curtain", "peak", "ragged")
BEARD_STYLES: tuple[BeardStyle, ...] = ("none", "stubble", "moustache", "goatee", "full")
GLASSES_STYLES: tuple[GlassesStyle, ...] = ("none", "round", "square", "half")
OCCLUSIONS: tuple[Occlusion, ...] = ("none", "sunglasses", "scarf", "hand", "box", "hat")

# Where the hairline is given: fractions of the face's half-width, from the person's right to the left.
FRINGE_STOPS = (-0.95, -0.65, -0.33, 0.0, 0.33, 0.65, 0.95)


@dataclass(frozen=True)
class HeadShape:
    """The outline of the head; widths below are fractions of `width`, the half-width at the cheeks."""

    width: float
    skull: float
    jaw: float
    chin: float
    depth: float
    ear_size: float
    ear_y: float


@dataclass(frozen=True)
class Eyes:
    """Both eyes with their brows; `x` is the distance of each from the middle."""

    x: float
    y: float
    width: float
    height: float
    tilt_radians: float
    iris: Colour
    lashes: float
    bags: float
    brow_lift: float
    brow_width: float
    brow_thickness: float
    brow_arch: float
    brow_slant: float


@dataclass(frozen=True)
class NoseAndMouth:
    """The nose's tip at `nose_y`, the lips' line at `mouth_y`; widths are half-widths."""

    nose_y: float
    nose_width: float
    nose_bridge: float
    nose_height: float
    mouth_y: float
    mouth_width: float
    upper_lip: float
    lower_lip: float
    cupid_bow: float
    lips: Colour


@dataclass(frozen=True)
class Hair:
    """`fringe_y` is the hairline at `FRINGE_STOPS`; `length` the y at which the hair at the sides ends."""

    colour: Colour
    bald: bool
    volume: float
    length: float
    sideburn_y: float
    fringe_y: tuple[float, ...]
    curl: float
    streaks: float


@dataclass(frozen=True)
class Identity:
    """The traits of one identity, the same in each of its pictures."""

    head: HeadShape
    eyes: Eyes
    nose_mouth: NoseAndMouth
    hair: Hair
    skin: Colour
    beard: BeardStyle
    glasses: GlassesStyle
    glasses_habit: float
    glasses_colour: Colour
    age: float
    blush: float
    freckles_xy: tuple[tuple[float, float], ...]
    moles_xy: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Pose:
    """Rotation of the head in radians; scale 1 and shift 0 are the usual crop, shifts in picture widths."""

    yaw: float
    pitch: float
    roll: float
    scale: float
    shift_x: float
    shift_y: float


@dataclass(frozen=True)
class Light:
    """`azimuth_radians` around the line of sight, 0 from the right; `tint` multiplies red, green, blue."""

    azimuth_radians: float
    height: float
    strength: float
    exposure: float
    gamma: float
    saturation: float
    tint: tuple[float, float, float]


@dataclass(frozen=True)
class Expression:
    """`mouth_open` and `eyes_open` from 0 (shut), `smile` and `brow_raise` from -1 to 1, gaze likewise."""

    mouth_open: float
    smile: float
    brow_raise: float
    eyes_open: float
    gaze_x: float
    gaze_y: float


@dataclass(frozen=True)
class Appearance:
    """The traits of a single picture; blur and noise are for a picture of 64 pixels.

    Glasses are worn when `glasses_chance`, in [0, 1), is below the person's habit.
    """

    pose: Pose
    light: Light
    expression: Expression
    glasses_chance: float
    occlusion: Occlusion
    occlusion_x: float
    occlusion_y: float
    occlusion_colour: Colour
    background: tuple[Colour, Colour, Colour]
    clothes: Colour
    blur_sigma_px: float
    noise_sigma: float
    jpeg_quality: int
    detail_seed: int


def mix(first: Colour, second: Colour, share_of_second: float) -> Colour:
    """The colour between two.

    >>> mix((0, 100, 200), (100, 100, 0), 0.25)
    (25, 100, 150)
    """
    red, green, blue = (
        round(a + (b - a) * float(share_of_second)) for a, b in zip(first, second, strict=True)
    )
    return red, green, blue

"""The canvas a face is drawn on, the way from head coordinates to its pixels, and the curves drawn there.

The head is an ellipsoid with features on it, turned in space and projected with a little perspective.
Letters at the ends of names: P points, S canvas side in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from kaggle_face.synthetic.traits import Appearance, Colour, Identity, mix

Floats: TypeAlias = NDArray[np.float64]
Points: TypeAlias = Floats | Sequence[tuple[float, float]]
Picture: TypeAlias = NDArray[np.uint8]

_SUBPIXEL_BITS = 4
_HEAD_HALF_HEIGHT = 0.37  # of the picture, at scale 1
_HEAD_MIDDLE_Y = 0.53  # of the picture; the neck is cut off, the hair is not
_PERSPECTIVE = 0.15  # how much larger a point one half head height nearer is seen


@dataclass(frozen=True, eq=False)
class Sketch:
    """A canvas, uint8 (S, S, 3), and where the head lies on it.

    `turn` (3, 3) is yaw and pitch in space, `roll_px` (2, 2) rolls in the picture's plane and goes to pixels;
    `slope` (2,) is how fast the front of the head falls back with x squared and y squared.
    """

    canvas: Picture
    identity: Identity
    appearance: Appearance
    turn: Floats
    roll_px: Floats
    slope: Floats
    centre_px: Floats
    unit_px: float
    rng: np.random.Generator

    @property
    def side_px(self) -> int:
        """The canvas's side."""
        return len(self.canvas)

    def face(self, points_P2: Points, out: float | Sequence[float] = 0.0) -> Floats:
        """Points on the front of the head, `out` above the skin, to pixels (P, 2)."""
        points_P3 = np.empty((len(points_P2), 3))
        points_P3[:, :2] = points_P2
        fall = np.square(points_P3[:, :2]) @ self.slope
        points_P3[:, 2] = self.identity.head.depth * np.sqrt(np.maximum(1 - fall, 0.0)) + out
        return self.project(points_P3)

    def faces(self, shapes: Sequence[Points]) -> list[Floats]:
        """Several shapes on the skin to pixels, in one pass as each costs more than its points."""
        ends = list(accumulate(len(points) for points in shapes))
        points_px = self.face(np.concatenate(shapes))
        return [points_px[start:end] for start, end in pairwise([0, *ends])]

    def project(self, points_P3: Floats) -> Floats:
        """Points in space to pixels (P, 2)."""
        turned = points_P3 @ self.turn
        return self.plane(turned[:, :2] * (1 + _PERSPECTIVE * turned[:, 2:]))

    def plane(self, points_P2: ArrayLike) -> Floats:
        """Points of the plane through the head's middle, which rolls but does not turn, to pixels."""
        pixels: Floats = np.asarray(points_P2) @ self.roll_px + self.centre_px
        return pixels

    def upright(self, points_P2: ArrayLike) -> Floats:
        """Points of the body, which neither rolls nor turns, to pixels."""
        pixels: Floats = self.centre_px + self.unit_px * np.asarray(points_P2, np.float64)
        return pixels

    def fill(self, points_px: Floats, colour: Colour, opacity: float = 1.0) -> None:
        """Fills a polygon, smoothed at its edge."""
        if opacity >= 1.0:
            cv2.fillPoly(self.canvas, [subpixels(points_px)], colour, cv2.LINE_AA, _SUBPIXEL_BITS)
            return
        left, top = np.maximum(points_px.min(0).astype(int) - 1, 0)
        right, bottom = np.maximum(points_px.max(0).astype(int) + 2, 0)
        part = self.canvas[top:bottom, left:right]
        if part.size == 0:
            return
        painted = part.copy()
        corners = subpixels(points_px - (left, top))
        cv2.fillPoly(painted, [corners], colour, cv2.LINE_AA, _SUBPIXEL_BITS)
        cv2.addWeighted(painted, opacity, part, 1 - opacity, 0, dst=part)

    def fill_all(self, shapes_px: list[Floats], colour: Colour) -> None:
        """Fills polygons that do not overlap."""
        corners = [subpixels(points_px) for points_px in shapes_px]
        cv2.fillPoly(self.canvas, corners, colour, cv2.LINE_AA, _SUBPIXEL_BITS)

    def line(self, points_px: Floats, colour: Colour, width: float, closed: bool = False) -> None:
        """Draws through the points; `width` in half head heights, at least one pixel."""
        width_px = max(1, round(width * self.unit_px))
        cv2.polylines(
            self.canvas, [subpixels(points_px)], closed, colour, width_px, cv2.LINE_AA, _SUBPIXEL_BITS
        )


def blank_sketch(identity: Identity, appearance: Appearance, side_px: int) -> Sketch:
    """An empty canvas of this side with the head's place and turn on it."""
    pose = appearance.pose
    (sy, cy), (sp, cp), (sr, cr) = (
        (np.sin(angle), np.cos(angle)) for angle in (pose.yaw, pose.pitch, pose.roll)
    )
    yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    pitch = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    turn, roll = pitch @ yaw, np.array([[cr, -sr], [sr, cr]])
    unit_px = _HEAD_HALF_HEIGHT * side_px * pose.scale
    return Sketch(
        canvas=np.zeros((side_px, side_px, 3), np.uint8),
        identity=identity,
        appearance=appearance,
        turn=turn.T,
        roll_px=unit_px * roll.T,
        slope=np.array([1.03 * identity.head.width, 1.06]) ** -2.0,
        centre_px=side_px * np.array([0.5 + pose.shift_x, _HEAD_MIDDLE_Y + pose.shift_y]) - 0.5,
        unit_px=unit_px,
        rng=np.random.default_rng(appearance.detail_seed),
    )


def fill_shade(layer_SS: Picture, points_px: Floats, percent: float) -> None:
    """Fills a polygon of a layer whose neutral value 128 means 100 %."""
    cv2.fillPoly(layer_SS, [subpixels(points_px)], 128 + 1.28 * percent, cv2.LINE_8, _SUBPIXEL_BITS)


def subpixels(points_px: Floats) -> NDArray[np.int32]:
    """Pixels as the fixed-point numbers that cv2 draws with."""
    fixed: NDArray[np.int32] = np.rint(points_px * 2**_SUBPIXEL_BITS).astype(np.int32)
    return fixed


def curve(points: ArrayLike, closed: bool = False, steps: int = 5) -> Floats:
    """The Catmull-Rom curve through the points, `steps` points for each span.

    >>> curve([(0, 0), (1, 0), (2, 0)], steps=1).tolist()
    [[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]]
    """
    control = np.asarray(points, np.float64)
    drawn: Floats = _spline_weights(len(control), closed, steps) @ control
    return drawn


@lru_cache(maxsize=32)
def _spline_weights(num_points: int, closed: bool, steps: int) -> Floats:
    """The matrix from control points to the points of the curve."""
    t = np.arange(steps)[:, None] / steps
    basis = 0.5 * np.hstack(
        [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2]
    )
    spans = num_points if closed else num_points - 1
    weights = np.zeros((spans * steps + (not closed), num_points))
    for span in range(spans):
        for offset in range(4):
            index = span + offset - 1
            column = index % num_points if closed else min(max(index, 0), num_points - 1)
            weights[span * steps : (span + 1) * steps, column] += basis[:, offset]
    if not closed:
        weights[-1, -1] = 1.0
    return weights


@lru_cache(maxsize=4)
def circle(num_points: int = 20) -> Floats:
    """Points on the circle of radius 1."""
    angle = np.linspace(0, 2 * np.pi, num_points, endpoint=False)
    return np.column_stack([np.cos(angle), np.sin(angle)])


def ellipse(x: float, y: float, half_width: float, half_height: float) -> Floats:
    """Points on an ellipse around (x, y)."""
    return moved(circle() * (half_width, half_height), x, y)


def mirrored(right_half: ArrayLike) -> Floats:
    """A half outline from top to bottom, with its mirror image on the way back up."""
    right = np.asarray(right_half, np.float64)
    return np.vstack([right, right[-2:0:-1] * [-1, 1]])


def moved(points: ArrayLike, *offset: float) -> Floats:
    """The points, (P, 2) or (P, 3), moved by as many lengths."""
    there: Floats = np.asarray(points, np.float64) + np.array(offset)
    return there


def darker(colour: Colour, share: float) -> Colour:
    """The colour with a share of warm black."""
    return mix(colour, (20, 10, 10), share)


def at_depth(points_P2: Floats, z: float) -> Floats:
    """Points in space, all at the same depth."""
    points_P3 = np.full((len(points_P2), 3), z)
    points_P3[:, :2] = points_P2
    return points_P3


def head_outline(identity: Identity) -> Floats:
    """The head's outline as seen from the front, (P, 2), from the crown clockwise."""
    head, width = identity.head, identity.head.width
    right_half = [
        (0, -1),
        (0.62 * width * head.skull, -0.88),
        (width * head.skull, -0.42),
        (width, 0.04),
        (width * head.jaw, 0.50),
        (width * head.chin, 0.88),
        (0, 1.0),
    ]
    return curve(mirrored(right_half), closed=True)


def skull_silhouette(sketch: Sketch) -> tuple[float, float]:
    """Half-width and sideways shift of the skull as seen; its back sticks out when the head turns."""
    head, yaw = sketch.identity.head, sketch.appearance.pose.yaw
    half_width = np.hypot(head.width * max(head.skull, 0.97) * np.cos(yaw), 0.95 * np.sin(yaw))
    return float(half_width), float(-0.18 * np.sin(yaw))

"""Renders the face of a generated identity: data that needs no download, for the demo and for the tests.

Everything is drawn larger than requested, lit, reduced, and spoilt as a camera would.
Letters at the ends of names: S canvas side, P picture side, both in pixels.
"""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from kaggle_face.synthetic.draws import draw_appearance, draw_identity
from kaggle_face.synthetic.features import paint_features
from kaggle_face.synthetic.outfit import paint_back_hair, paint_outfit
from kaggle_face.synthetic.sketch import (
    Floats,
    Picture,
    Sketch,
    at_depth,
    blank_sketch,
    circle,
    curve,
    darker,
    head_outline,
    mirrored,
)
from kaggle_face.synthetic.traits import Appearance, Identity, mix

__all__ = ["Appearance", "Identity", "draw_appearance", "draw_identity", "render_face"]

Scene: TypeAlias = NDArray[np.float32]

_SMOOTH_FROM_PX = 100  # from this side on the smoothed lines need no larger canvas
_LEAST_BLUR_PX = 0.2  # below, the kernel is a single pixel
_NOMINAL_PX = 64  # the side for which an appearance's blur is meant
_HAIR_AROUND = 0.18  # how far hair reaches beyond the head, for the light
_LIT_RIM = 0.97  # beyond this radius of the lit ellipsoid its slope stays as it is
_AMBIENT = 0.6  # diffuse light far from the head, fading in from this radius at this rate
_LIT_ALONE, _FADING = 0.85, 3.0
_DIFFUSE_GAIN = 1.45  # keeps the mean brightness of a head about the same at any strength of the light
# Size and depth of the outline's slices from the ears to the face; between them the head is convex.
_HEAD_SLICES = ((1.0, 0.0), (0.92, 0.38), (0.75, 0.63), (0.5, 0.83))


def render_face(identity: Identity, appearance: Appearance, size_px: int) -> Picture:
    """The picture of an identity as uint8 (size_px, size_px, 3), RGB."""
    sketch = blank_sketch(identity, appearance, size_px if size_px >= _SMOOTH_FROM_PX else 2 * size_px)
    _paint_background(sketch)
    paint_back_hair(sketch)
    _paint_body(sketch)
    _paint_head(sketch)
    paint_features(sketch)
    paint_outfit(sketch)
    return _photograph(sketch, size_px)


def _paint_background(sketch: Sketch) -> None:
    first, second, third = sketch.appearance.background
    corners = np.array([[first, second], [mix(first, third, 0.5), third]], np.uint8)
    side_px = sketch.side_px
    cv2.resize(corners, (side_px, side_px), dst=sketch.canvas, interpolation=cv2.INTER_LINEAR)
    square = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    for _ in range(int(sketch.rng.integers(0, 5))):
        colour = mix(first, third, float(sketch.rng.uniform(0.0, 1.0)))
        centre_px, radii_px = sketch.rng.uniform(0, side_px, 2), sketch.rng.uniform(0.05, 0.4, 2) * side_px
        shape = circle() if sketch.rng.random() < 0.5 else square
        sketch.fill(centre_px + shape * radii_px, colour, 0.8)


def _paint_body(sketch: Sketch) -> None:
    """The neck, which starts at the turned head, and the shoulders, which stay upright."""
    width = sketch.identity.head.width
    lean = 0.12 * float(np.sin(sketch.appearance.pose.yaw))
    jaw_px = sketch.plane([(-0.55 * width - lean, 0.5), (0.55 * width - lean, 0.5)])
    collar_px = sketch.upright([(0.6 * width - lean, 1.45), (-0.6 * width - lean, 1.45)])
    sketch.fill(np.vstack([jaw_px, collar_px]), darker(sketch.identity.skin, 0.22))
    shoulders = curve(mirrored([(0, 1.35), (0.5, 1.3), (1.1, 1.5), (1.7, 2.2), (0, 2.4)]), closed=True)
    sketch.fill(sketch.upright(shoulders - (lean, 0)), sketch.appearance.clothes)


def _paint_head(sketch: Sketch) -> None:
    """The convex hull of the outline's slices, and of the back of the skull."""
    outline, depth = head_outline(sketch.identity), sketch.identity.head.depth
    slices = [at_depth(outline * size, z * depth) for size, z in _HEAD_SLICES]
    slices.append(at_depth(outline[outline[:, 1] < 0.1] * 0.9, -0.6))
    points_px = sketch.project(np.vstack(slices)).astype(np.float32)
    hull_px: Floats = cv2.convexHull(points_px)[:, 0].astype(np.float64)
    sketch.fill(hull_px, sketch.identity.skin)


def _photograph(sketch: Sketch, size_px: int) -> Picture:
    """Lights, reduces, blurs and compresses the canvas to the picture."""
    appearance, light = sketch.appearance, sketch.appearance.light
    reduced = np.asarray(
        cv2.resize(sketch.canvas, (size_px, size_px), interpolation=cv2.INTER_AREA), np.float32
    )
    tint = np.asarray(light.tint, np.float32) / np.float32(255)
    lit_PP3: Scene = reduced * (_light_field(sketch, size_px)[:, :, None] * tint)
    # Exposure, gamma and saturation; values end in [0, 1].
    exposed = np.clip(lit_PP3 * np.float32(light.exposure), 0, 1) ** np.float32(light.gamma)
    grey = (exposed @ np.full(3, 1 / 3, np.float32))[:, :, None]
    scene_PP3: Scene = np.clip(grey + np.float32(light.saturation) * (exposed - grey), 0, 1)
    sigma_px = appearance.blur_sigma_px * size_px / _NOMINAL_PX
    if sigma_px >= _LEAST_BLUR_PX:
        scene_PP3 = np.asarray(cv2.GaussianBlur(scene_PP3, (0, 0), sigma_px), np.float32)
    noise_PP3 = sketch.rng.standard_normal(scene_PP3.shape, np.float32)
    noisy_PP3 = 255 * scene_PP3 + np.float32(appearance.noise_sigma) * noise_PP3
    picture_PP3 = np.clip(np.rint(noisy_PP3), 0, 255).astype(np.uint8)
    # Through a JPEG file and back.
    quality = [cv2.IMWRITE_JPEG_QUALITY, appearance.jpeg_quality]
    _, coded = cv2.imencode(".jpg", picture_PP3[:, :, ::-1], quality)
    decoded = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(decoded[:, :, ::-1])


def _light_field(sketch: Sketch, size_px: int) -> Scene:
    """Diffuse light on an ellipsoid about the head, (size_px, size_px), even farther away."""
    light = sketch.appearance.light
    scale = size_px / sketch.side_px
    unit_px, centre_px = sketch.unit_px * scale, (sketch.centre_px + 0.5) * scale
    axis_px = np.arange(size_px, dtype=np.float32) + 0.5
    x = ((axis_px - centre_px[0]) / (unit_px * (sketch.identity.head.width + _HAIR_AROUND)))[None, :]
    y = ((axis_px - centre_px[1]) / (unit_px * (1 + _HAIR_AROUND)))[:, None]
    radius = np.sqrt(x**2 + y**2)
    at_rim = np.minimum(1.0, _LIT_RIM / np.maximum(radius, 1e-6))
    z = np.sqrt(1 - np.minimum(radius, _LIT_RIM) ** 2)
    direction = np.array([np.cos(light.azimuth_radians), np.sin(light.azimuth_radians), light.height])
    right, down, front = direction / np.linalg.norm(direction)
    diffuse = np.maximum((right * x + down * y) * at_rim + front * z, 0)
    away = np.clip(_FADING * (radius - _LIT_ALONE), 0, 1)
    diffuse = (1 - away) * diffuse + away * _AMBIENT
    field: Scene = (1 - light.strength + light.strength * _DIFFUSE_GAIN * diffuse).astype(np.float32)
    return field

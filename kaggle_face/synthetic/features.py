"""Paints the skin and features of a face: relief, marks, beard, mouth, nose, eyes and brows."""

from __future__ import annotations

import cv2
import numpy as np

from kaggle_face.synthetic.sketch import (
    Floats,
    Sketch,
    at_depth,
    circle,
    curve,
    darker,
    ellipse,
    fill_shade,
    head_outline,
    mirrored,
    moved,
)
from kaggle_face.synthetic.traits import mix

_IRIS_RADIUS = 0.068
_LID_STOPS = np.linspace(-1, 1, 9)
_LID_ARCH = np.sqrt(1 - _LID_STOPS**2)
_BROW_STOPS = np.linspace(-1, 1, 7)  # from the nose to the temple


def paint_features(sketch: Sketch) -> None:
    """Paints everything on the skin, from the lowest layer up."""
    _paint_relief(sketch)
    _paint_marks(sketch)
    _paint_beard(sketch)
    _paint_mouth(sketch)
    _paint_nose(sketch)
    for side in (-1, 1):
        _paint_eye(sketch, side)
        _paint_brow(sketch, side)


def _paint_relief(sketch: Sketch) -> None:
    """Soft light and shadow, multiplied into the skin."""
    identity, light = sketch.identity, sketch.appearance.light
    nose, eyes = identity.nose_mouth, identity.eyes
    layer_SS = np.full(sketch.canvas.shape[:2], 128, np.uint8)
    towards_right = float(np.cos(light.azimuth_radians)) * light.strength
    for side in (-1, 1):  # cheek, eye socket and flank of the nose
        lit = towards_right * side  # from -1 (in shadow) to 1
        cheek = ellipse(side * 0.62 * identity.head.width, 0.33, 0.16, 0.2)
        socket = ellipse(side * eyes.x, eyes.y, eyes.width * 1.5, 0.16)
        cheek_px, socket_px = sketch.faces([cheek, socket])
        fill_shade(layer_SS, cheek_px, 14 * lit - 4 - 9 * identity.age)
        fill_shade(layer_SS, socket_px, -10 - 8 * eyes.bags)
        flank = [
            (side * nose.nose_bridge, eyes.y - 0.1),
            (0, eyes.y),
            (0, nose.nose_y),
            (side * nose.nose_width * 1.15, nose.nose_y),
        ]
        fill_shade(layer_SS, sketch.face(flank, (0, 0.06, nose.nose_height, 0.02)), 30 * lit - 5)
    # Below nose and lips darker; forehead and ridge of the nose lighter.
    reach = 1.1 * nose.nose_width
    below_nose = [(-reach, nose.nose_y), (reach, nose.nose_y), (0, nose.nose_y + 0.13)]
    below_lip = ellipse(0, nose.mouth_y + nose.lower_lip + 0.07, 0.16, 0.04)
    shapes_px = sketch.faces([below_nose, below_lip, ellipse(0, -0.52, 0.3, 0.14)])
    for points_px, percent in zip(shapes_px, (-16, -14, 7), strict=True):
        fill_shade(layer_SS, points_px, percent)
    tip_y, out = nose.nose_y - 0.03, nose.nose_height
    ridge = [(-0.03, eyes.y), (0.03, eyes.y), (0.045, tip_y), (-0.045, tip_y)]
    fill_shade(layer_SS, sketch.face(ridge, (0.05, 0.05, out, out)), 10)
    soft_SS = cv2.GaussianBlur(layer_SS, (0, 0), 0.05 * sketch.unit_px)
    cv2.multiply(sketch.canvas, cv2.merge([soft_SS] * 3), dst=sketch.canvas, scale=1 / 128)


def _paint_marks(sketch: Sketch) -> None:
    """Red cheeks, freckles and moles; with age folds beside the mouth, later creases on the forehead."""
    identity, nose = sketch.identity, sketch.identity.nose_mouth
    for side in (-1, 1):
        cheek = ellipse(side * 0.6 * identity.head.width, 0.25, 0.15, 0.1)
        sketch.fill(sketch.face(cheek), mix(identity.skin, (206, 70, 70), 0.5), 0.6 * identity.blush)
    if identity.age > 0.45:
        for side in (-1, 1):
            start = (side * nose.nose_width * 1.2, nose.nose_y - 0.02)
            fold = [start, (side * nose.mouth_width * 1.3, nose.mouth_y)]
            sketch.line(sketch.face(fold, 0.02), darker(identity.skin, 0.45 * identity.age), 0.014)
    if identity.age > 0.65:
        for y in (-0.45, -0.54):
            crease = curve([(-0.24, y), (0.0, y - 0.03), (0.24, y)])
            sketch.line(sketch.face(crease), darker(identity.skin, 0.3 * identity.age), 0.012)
    freckle, mole = mix(identity.skin, (120, 60, 30), 0.5), darker(identity.skin, 0.8)
    for places, radius, colour in ((identity.freckles_xy, 0.016, freckle), (identity.moles_xy, 0.024, mole)):
        if places:
            dot_px = circle(8) * (radius * sketch.unit_px)
            sketch.fill_all([centre_px + dot_px for centre_px in sketch.face(places)], colour)


def _paint_beard(sketch: Sketch) -> None:
    identity = sketch.identity
    colour = darker(identity.hair.colour, 0.25)
    match identity.beard:
        case "none":
            pass
        case "stubble":
            sketch.fill(_full_beard_px(sketch), colour, 0.3)
        case "moustache":
            sketch.fill(_moustache_px(sketch), colour, 0.92)
        case "goatee":
            sketch.fill(_moustache_px(sketch), colour, 0.92)
            nose = identity.nose_mouth
            corner, y = nose.mouth_width, nose.mouth_y
            right_half = [(0, y), (corner * 0.9, y + 0.04), (0.8 * corner, 0.92), (0, 1.03)]
            sketch.fill(sketch.face(curve(mirrored(right_half), closed=True), 0.02), colour, 0.92)
        case "full":
            sketch.fill(_full_beard_px(sketch), colour, 0.92)
            sketch.fill(_moustache_px(sketch), colour, 0.92)


def _moustache_px(sketch: Sketch) -> Floats:
    nose = sketch.identity.nose_mouth
    lip_y, corner = nose.mouth_y - nose.upper_lip, nose.mouth_width
    right_half = [
        (0, nose.nose_y + 0.06),
        (corner * 0.8, lip_y - 0.03),
        (corner * 1.2, lip_y + 0.1),
        (0, lip_y + 0.02),
    ]
    return sketch.face(curve(mirrored(right_half), closed=True), 0.03)


def _full_beard_px(sketch: Sketch) -> Floats:
    """The outline of a full beard, from ear to ear along the jaw, and back above the lip."""
    width, lip_y = sketch.identity.head.width, sketch.identity.nose_mouth.mouth_y - 0.11
    outline = head_outline(sketch.identity)
    jaw_px = sketch.project(at_depth(outline[outline[:, 1] > 0.12] * 1.02, 0.12))
    cheek = [(-0.86 * width, 0.15), (-0.68 * width, 0.36), (-0.4 * width, lip_y + 0.03), (0, lip_y)]
    top = curve([*cheek, *((-x, y) for x, y in cheek[-2::-1])])
    return np.vstack([jaw_px, sketch.face(top)])


def _paint_mouth(sketch: Sketch) -> None:
    """Lips, and between them a line or, in the open mouth, the upper teeth."""
    face, mood = sketch.identity.nose_mouth, sketch.appearance.expression
    width = face.mouth_width * (1 + 0.16 * mood.smile - 0.1 * mood.mouth_open)
    y, gap = face.mouth_y, 0.13 * mood.mouth_open
    corner_y = y + 0.3 * gap - 0.055 * mood.smile
    left, right = (-width, corner_y), (width, corner_y)
    upper_y, lower_y = y - 0.8 * face.upper_lip, y + gap + face.lower_lip
    side_y = lower_y - 0.25 * face.lower_lip
    bow = (0, y - face.upper_lip + face.cupid_bow)
    above = curve([left, (-0.5 * width, upper_y), bow, (0.5 * width, upper_y), right])
    below = curve([right, (0.55 * width, side_y), (0, lower_y), (-0.55 * width, side_y), left])
    sketch.fill(sketch.face(np.vstack([above, below]), 0.03), face.lips)
    upper_edge = curve([left, (0, y), right])
    if gap == 0.0:
        sketch.line(sketch.face(upper_edge, 0.03), darker(face.lips, 0.6), 0.02)
        return
    lower_edge = curve([right, (0, y + 1.3 * gap), left])
    sketch.fill(sketch.face(np.vstack([upper_edge, lower_edge]), 0.02), (58, 18, 22))
    teeth = curve([(0.8 * width, corner_y), (0, y + 0.55 * gap), (-0.8 * width, corner_y)])
    sketch.fill(sketch.face(np.vstack([upper_edge[1:-1], teeth]), 0.02), (232, 226, 214))


def _paint_nose(sketch: Sketch) -> None:
    nose, skin = sketch.identity.nose_mouth, sketch.identity.skin
    width, y, height = nose.nose_width, nose.nose_y, nose.nose_height
    tip = ellipse(0, y - 0.05, 0.6 * width, 0.085)
    sketch.fill(sketch.face(tip, 0.9 * height), mix(skin, (255, 250, 240), 0.12), 0.55)
    for side in (-1, 1):
        wing = [(side * 0.75 * width, y - 0.11), (side * width, y - 0.03), (side * 0.8 * width, y + 0.025)]
        sketch.line(sketch.face(curve(wing), 0.25 * height), darker(skin, 0.42), 0.018)
        nostril = ellipse(side * 0.45 * width, y + 0.01, 0.28 * width, 0.022)
        sketch.fill(sketch.face(nostril, 0.5 * height), darker(skin, 0.68))
    base = [(-0.5 * width, y + 0.03), (0, y + 0.045), (0.5 * width, y + 0.03)]
    sketch.line(sketch.face(curve(base), 0.6 * height), darker(skin, 0.35), 0.012)


def _paint_eye(sketch: Sketch, side: int) -> None:
    """An almond in which the iris is cut off by the lids."""
    eyes, skin = sketch.identity.eyes, sketch.identity.skin
    opened = sketch.appearance.expression.eyes_open
    x = _LID_STOPS * eyes.width
    upper = np.column_stack([x, -eyes.height * opened * _LID_ARCH])
    lower = np.column_stack([x, 0.75 * eyes.height * min(opened, 1.0) * _LID_ARCH])

    crease = moved(upper * (1.1, 1.0), 0, -0.04 - 0.2 * eyes.height)
    bag = moved(lower * (0.9, 1.0), 0, 0.05)
    discs = [_cut_disc(sketch, radius, upper, lower) for radius in (_IRIS_RADIUS, 0.45 * _IRIS_RADIUS)]
    shapes = [np.concatenate([upper, lower[::-1]]), *discs, upper, lower, crease, bag]
    tilt = -side * eyes.tilt_radians  # the outer corner is tilted up
    spin = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
    almond_px, iris_px, pupil_px, upper_px, lower_px, crease_px, bag_px = sketch.faces(
        [moved(shape @ spin, side * eyes.x, eyes.y) for shape in shapes]
    )
    sketch.fill(almond_px, (238, 234, 228))
    sketch.fill(iris_px, eyes.iris)
    sketch.fill(pupil_px, (12, 10, 12))
    sketch.line(upper_px, darker(skin, 0.5 + 0.45 * eyes.lashes), 0.016 + 0.022 * eyes.lashes)
    sketch.line(lower_px, darker(skin, 0.4), 0.01)
    sketch.line(crease_px, darker(skin, 0.3), 0.012)
    if eyes.bags > 0.4:
        sketch.line(bag_px, darker(skin, 0.4 * eyes.bags), 0.014)


def _cut_disc(sketch: Sketch, radius: float, upper: Floats, lower: Floats) -> Floats:
    """The disc around the point of gaze, between both lids."""
    eyes, mood = sketch.identity.eyes, sketch.appearance.expression
    disc = ellipse(0.3 * eyes.width * mood.gaze_x, 0.3 * eyes.height * mood.gaze_y, radius, radius)
    top = np.interp(disc[:, 0], upper[:, 0], upper[:, 1])
    bottom = np.interp(disc[:, 0], lower[:, 0], lower[:, 1])
    disc[:, 1] = np.minimum(np.maximum(disc[:, 1], top), bottom)
    return disc


def _paint_brow(sketch: Sketch, side: int) -> None:
    """Paints an eyebrow, raised, or lowered near the nose in a frown."""
    eyes, raised = sketch.identity.eyes, sketch.appearance.expression.brow_raise
    x = _BROW_STOPS
    y = eyes.y - eyes.brow_lift - eyes.brow_arch * (1 - x**2) + eyes.brow_slant * x
    y = y - 0.05 * raised + 0.03 * max(-raised, 0.0) * (1 - x)
    half = eyes.brow_thickness * np.maximum(1.15 - 0.55 * np.abs(x) - 0.35 * x, 0.15)
    across = side * (eyes.x + 0.01 + x * eyes.brow_width)
    above, below = np.column_stack([across, y - half]), np.column_stack([across, y + half])
    colour = mix(darker(sketch.identity.hair.colour, 0.3), sketch.identity.skin, 0.12)
    sketch.fill(sketch.face(np.vstack([above, below[::-1]]), 0.02), colour)

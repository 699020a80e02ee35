"""Paints the surroundings of a face: hair, ears, glasses, and occlusions."""

from __future__ import annotations

from typing import assert_never

import numpy as np

from kaggle_face.synthetic.sketch import (
    Floats,
    Sketch,
    circle,
    curve,
    darker,
    ellipse,
    mirrored,
    moved,
    skull_silhouette,
)
from kaggle_face.synthetic.traits import FRINGE_STOPS, Colour, GlassesStyle, mix

_LONG_HAIR_Y = 0.3  # hair that ends below this covers the ears
_SUNGLASSES: Colour = (16, 16, 20)
_NUM_STRANDS = 8


def paint_back_hair(sketch: Sketch) -> None:
    """Paints the hair behind head and neck."""
    hair = sketch.identity.hair
    if hair.bald:
        return
    half_width, shift = skull_silhouette(sketch)
    width, end_y = half_width + hair.volume, hair.length
    right_half = [(0.0, -1 - hair.volume), (0.75 * width, -0.8), (width, -0.25), (width * 0.99, 0.2)]
    if end_y > _LONG_HAIR_Y:
        right_half += [(width * 1.03, 0.5 * end_y + 0.1), (width * 0.9, end_y - 0.05)]
        right_half += [(width * 0.5, end_y + 0.05), (0, end_y)]
    else:
        right_half += [(0.7 * width, 0.55), (0, 0.6)]
    outline = moved(curve(mirrored(right_half), closed=True), shift, 0)
    sketch.fill(sketch.plane(_waved(outline, hair.curl)), darker(hair.colour, 0.35))


def paint_outfit(sketch: Sketch) -> None:
    """Paints everything in front of the skin, from the lowest layer up."""
    if not sketch.identity.hair.bald:
        _paint_hair(sketch)
    _paint_ears(sketch)
    identity, appearance = sketch.identity, sketch.appearance
    if appearance.occlusion == "sunglasses":
        _paint_frames(sketch, "square", _SUNGLASSES, lens_opacity=0.9)
    elif identity.glasses != "none" and appearance.glasses_chance < identity.glasses_habit:
        _paint_frames(sketch, identity.glasses, identity.glasses_colour, lens_opacity=0.12)
    _paint_occlusion(sketch)


def _waved(outline_P2: Floats, curl: float) -> Floats:
    if curl == 0.0:
        return outline_P2
    wave = 1 + 0.045 * curl * np.sin(np.arange(len(outline_P2)) * 2.1)
    waved: Floats = outline_P2 * wave[:, None]
    return waved


def _paint_hair(sketch: Sketch) -> None:
    """The cap between the skull's silhouette and the hairline, its strands, and locks at the sides."""
    hair, width = sketch.identity.hair, sketch.identity.head.width
    half_width, shift = skull_silhouette(sketch)
    angle = np.linspace(np.pi + 0.15, 2 * np.pi - 0.15, 24)
    arc = np.column_stack(
        [np.cos(angle) * (half_width + hair.volume) + shift, np.sin(angle) * (1 + hair.volume)]
    )
    arc_px = sketch.plane(_waved(arc, hair.curl))
    stops = zip(FRINGE_STOPS, hair.fringe_y, strict=True)
    hairline = curve([(-0.99, hair.sideburn_y), *stops, (0.99, hair.sideburn_y)]) * (width, 1)
    hairline_px = sketch.face(_waved(hairline, 0.6 * hair.curl), 0.05)
    sketch.fill(np.vstack([arc_px, hairline_px[::-1]]), hair.colour)
    if hair.length > _LONG_HAIR_Y:
        for side in (-1, 1):
            _paint_lock(sketch, side)
    light, dark = mix(hair.colour, (255, 240, 220), 0.6 * hair.streaks), darker(hair.colour, hair.streaks)
    for strand in range(_NUM_STRANDS):
        root = arc_px[3 + 2 * strand + (strand > _NUM_STRANDS // 2)]
        tip = hairline_px[round((strand + 1.5) / (_NUM_STRANDS + 1) * (len(hairline_px) - 1))]
        bend = (root + tip) / 2 + 0.06 * sketch.unit_px * np.array([np.sin(strand * 2.0), -0.5])
        sketch.line(curve([root, bend, tip]), dark if strand % 2 else light, 0.02)


def _paint_lock(sketch: Sketch, side: int) -> None:
    """Hair that hangs beside the face, pointed at its end."""
    hair, width = sketch.identity.hair, sketch.identity.head.width
    end_y = min(hair.length, 1.25)
    outer_x, middle_y = width + hair.volume, 0.5 * (end_y - 0.4)
    outline = [
        (0.97 * width, -0.5, 0.2),
        (0.91 * width, middle_y - 0.15, 0.15),
        (0.90 * width, middle_y + 0.2, 0.12),
        (0.5 * (width + outer_x), end_y, 0.0),
        (1.03 * outer_x, end_y - 0.25, -0.05),
        (1.02 * outer_x, middle_y, -0.05),
        (0.98 * outer_x, -0.4, -0.05),
    ]
    lock = curve(np.array(outline) * (side, 1, 1), closed=True)
    sketch.fill(sketch.project(lock), hair.colour)
    strand = moved(lock[6:15], side * 0.05, 0, 0)
    sketch.line(sketch.project(strand), darker(hair.colour, hair.streaks), 0.02)


def _paint_ears(sketch: Sketch) -> None:
    """Ears that hair does not cover and that are not behind the turned head."""
    identity, head = sketch.identity, sketch.identity.head
    if identity.hair.length > _LONG_HAIR_Y:
        return
    for side in (-1, 1):
        turned_here = -side * float(np.sin(sketch.appearance.pose.yaw))
        if turned_here < -0.2:
            continue
        centre_px = sketch.project(np.array([(side * head.width * 1.01, head.ear_y, -0.05)]))
        half_width = 0.075 + 0.1 * max(turned_here, 0.0)
        shape_px = circle() * (half_width, head.ear_size) @ sketch.roll_px
        sketch.fill(centre_px + shape_px, identity.skin)
        sketch.fill(centre_px + 0.55 * shape_px, darker(identity.skin, 0.25))


def _paint_frames(sketch: Sketch, style: GlassesStyle, colour: Colour, lens_opacity: float) -> None:
    eyes, width = sketch.identity.eyes, sketch.identity.head.width
    roundness = {"round": 1.0, "half": 0.75}.get(style, 0.45)
    rim = np.sign(circle()) * np.abs(circle()) ** roundness * (0.2, 0.17)
    is_half = style == "half"
    for side in (-1, 1):
        rim_px = sketch.face(moved(rim, side * max(eyes.x, 0.29), eyes.y + 0.02), 0.1)
        sketch.fill(rim_px, colour if lens_opacity > 0.5 else (235, 240, 245), lens_opacity)
        drawn_px = np.roll(rim_px, 10, axis=0)[:11] if is_half else rim_px
        sketch.line(drawn_px, colour, 0.035, closed=not is_half)
        arm = [(side * 0.48, eyes.y - 0.04, 0.45), (side * width * 1.02, eyes.y, -0.05)]
        sketch.line(sketch.project(np.array(arm)), colour, 0.03)
    bridge = [(-0.1, eyes.y - 0.02), (0, eyes.y - 0.05), (0.1, eyes.y - 0.02)]
    sketch.line(sketch.face(bridge, 0.12), colour, 0.03)


def _paint_occlusion(sketch: Sketch) -> None:
    place = sketch.appearance
    match place.occlusion:
        case "none" | "sunglasses":
            pass
        case "scarf":
            _paint_scarf(sketch)
        case "hand":
            _paint_hand(sketch)
        case "box":
            centre = np.array([0.9 * place.occlusion_x, -0.7 + 1.5 * place.occlusion_y])
            corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * sketch.rng.uniform(0.15, 0.42, 2)
            sketch.fill(sketch.plane(centre + corners), place.occlusion_colour)
        case "hat":
            _paint_hat(sketch)
        case unknown:
            assert_never(unknown)


def _paint_scarf(sketch: Sketch) -> None:
    colour, width = sketch.appearance.occlusion_colour, sketch.identity.head.width
    top_y = 0.2 + 0.35 * sketch.appearance.occlusion_y
    top = curve([(-width, top_y - 0.1), (0, top_y), (width, top_y - 0.1)])
    below = [(width * 1.15, 0.3), (width * 1.2, 1.6), (-width * 1.2, 1.6), (-width * 1.15, 0.3)]
    sketch.fill(np.vstack([sketch.face(top, 0.12), sketch.plane(below)]), colour)
    for step in (0.2, 0.45):
        sketch.line(sketch.face(moved(top, 0, step), 0.12), darker(colour, 0.3), 0.03)


def _paint_hand(sketch: Sketch) -> None:
    """Four fingers and a palm that comes from below."""
    skin, place = sketch.identity.skin, sketch.appearance
    palm = np.array([0.65 * place.occlusion_x, 0.55 + 0.4 * place.occlusion_y])
    for finger in range(4):
        root = moved(palm, -0.195 + 0.13 * finger, -0.1)
        tip = moved(root, 0.07 * (finger - 1.5), -0.42 + 0.05 * abs(finger - 1.5))
        finger_px = sketch.plane([root, tip])
        sketch.line(finger_px, darker(skin, 0.25), 0.16)
        sketch.line(finger_px, skin, 0.12)
    sketch.fill(sketch.plane(ellipse(palm[0], palm[1], 0.27, 0.25)), skin)
    wrist = [(palm[0] - 0.2, palm[1]), (palm[0] + 0.2, palm[1]), (palm[0] + 0.25, 2.0), (palm[0] - 0.15, 2.0)]
    sketch.fill(sketch.plane(wrist), skin)


def _paint_hat(sketch: Sketch) -> None:
    half_width, shift = skull_silhouette(sketch)
    width, colour = half_width + 0.5 * sketch.identity.hair.volume + 0.06, sketch.appearance.occlusion_colour
    crown = curve(
        [(-width, -0.45), (-0.85 * width, -0.95), (0, -1.25), (0.85 * width, -0.95), (width, -0.45)]
    )
    band_px = sketch.face([(0.6, -0.5), (0.3, -0.47), (0, -0.46), (-0.3, -0.47), (-0.6, -0.5)], 0.12)
    sketch.fill(np.vstack([sketch.plane(moved(crown, shift, 0)), band_px]), colour)
    sketch.line(band_px, darker(colour, 0.45), 0.09)

"""Pictures in rows with a line of text above each, for contact sheets, batches and previews.

Letters: H and W pixels of a picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from kaggle_face.errors import one_line

TILE_PX = 96
CAPTION_PX = 14
GAP_PX = 4
_PAPER = (255, 255, 255)
_INK = (0, 0, 0)


@dataclass(frozen=True, eq=False)
class Tile:
    """A picture, uint8 (H, W, 3), and a line above it, cut at the width of the picture."""

    pixels: npt.NDArray[np.uint8]
    caption: str = ""


@dataclass(frozen=True, eq=False)
class GridRow:
    """A line of text, and below it groups of pictures with a gap between the groups."""

    caption: str
    groups: tuple[tuple[Tile, ...], ...]


def draw_grid(rows: Sequence[GridRow], tile_px: int = TILE_PX, heading: Sequence[str] = ()) -> Image.Image:
    """The rows below each other, each picture at `tile_px` pixels a side, below the lines of the heading."""
    measure = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    has_captions = any(tile.caption for row in rows for group in row.groups for tile in group)
    above = CAPTION_PX * (1 + has_captions)
    height = above + tile_px + 2 * GAP_PX
    width = max(sum(len(group) for group in row.groups) * (tile_px + GAP_PX) for row in rows)
    width += max(len(row.groups) for row in rows) * 4 * GAP_PX
    lines = [one_line(text) for text in (*heading, *(row.caption for row in rows))]
    width = max(width, *(int(measure.textlength(line)) + 2 * GAP_PX for line in lines))
    rows_top = len(heading) * CAPTION_PX + (2 * GAP_PX if heading else 0)
    sheet = Image.new("RGB", (width, rows_top + len(rows) * height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, line in enumerate(lines[: len(heading)]):
        draw.text((GAP_PX, number * CAPTION_PX), line, fill=_INK)
    for number, row in enumerate(rows):
        top, left = rows_top + number * height, GAP_PX
        draw.text((GAP_PX, top), one_line(row.caption), fill=_INK)
        for group in row.groups:
            for tile in group:
                if tile.caption:
                    text = _cut(one_line(tile.caption), tile_px, draw)
                    draw.text((left, top + CAPTION_PX), text, fill=_INK)
                picture = Image.fromarray(np.asarray(tile.pixels))
                picture = picture.resize((tile_px, tile_px), Image.Resampling.BICUBIC)
                sheet.paste(picture, (left, top + above))
                left += tile_px + GAP_PX
            left += 4 * GAP_PX
    return sheet


def _cut(text: str, width_px: int, draw: ImageDraw.ImageDraw) -> str:
    """The text with as much of its end left out as is too wide."""
    if draw.textlength(text) <= width_px:
        return text
    while text and draw.textlength(text + "..") > width_px:
        text = text[:-1]
    return text + ".."

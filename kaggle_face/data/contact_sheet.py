"""Pictures of an image cache side by side, for a look at a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from kaggle_face.artifacts.files.private import replacing_privately
from kaggle_face.data.cache.image_cache import ImageCache
from kaggle_face.errors import one_line
from kaggle_face.records import StrArray

_TILE_PX = 96
_CAPTION_PX = 14
_GAP_PX = 4
_PAPER = (255, 255, 255)
_INK = (0, 0, 0)


@dataclass(frozen=True, eq=False)
class SheetRow:
    """A line of text, and below it groups of pictures with a gap between the groups."""

    caption: str
    groups: tuple[StrArray, ...]


def draw_sheet(cache: ImageCache, rows: Sequence[SheetRow]) -> Image.Image:
    """The rows below each other; a picture is drawn at 96 pixels."""
    width = max(sum(len(group) for group in row.groups) * (_TILE_PX + _GAP_PX) for row in rows)
    width += max(len(row.groups) for row in rows) * 4 * _GAP_PX
    height = len(rows) * (_TILE_PX + _CAPTION_PX + 2 * _GAP_PX)
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, row in enumerate(rows):
        top = number * (_TILE_PX + _CAPTION_PX + 2 * _GAP_PX)
        draw.text((_GAP_PX, top), one_line(row.caption), fill=_INK)
        left = _GAP_PX
        for group in row.groups:
            for pixels in cache.images[cache.rows_of(group)]:
                tile = Image.fromarray(np.asarray(pixels))
                tile = tile.resize((_TILE_PX, _TILE_PX), Image.Resampling.BICUBIC)
                sheet.paste(tile, (left, top + _CAPTION_PX))
                left += _TILE_PX + _GAP_PX
            left += 4 * _GAP_PX
    return sheet


def write_sheet(path: Path, cache: ImageCache, rows: Sequence[SheetRow]) -> None:
    """Writes the sheet as a JPEG for its owner alone; never half a file."""
    with replacing_privately(path) as temporary:
        draw_sheet(cache, rows).save(temporary, format="JPEG", quality=90)

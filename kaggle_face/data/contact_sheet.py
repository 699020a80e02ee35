"""Pictures of an image cache side by side, for a look at a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from kaggle_face.artifacts.files.private import replacing_privately
from kaggle_face.data.cache.image_cache import ImageCache
from kaggle_face.data.picture_grid import GridRow, Tile, draw_grid
from kaggle_face.records import StrArray


@dataclass(frozen=True, eq=False)
class SheetRow:
    """A line of text, and below it groups of pictures with a gap between the groups."""

    caption: str
    groups: tuple[StrArray, ...]


def draw_sheet(cache: ImageCache, rows: Sequence[SheetRow]) -> Image.Image:
    """The rows below each other; a picture is drawn at 96 pixels."""

    def tiles(group: StrArray) -> tuple[Tile, ...]:
        return tuple(Tile(np.asarray(pixels)) for pixels in cache.images[cache.rows_of(group)])

    return draw_grid([GridRow(row.caption, tuple(map(tiles, row.groups))) for row in rows])


def write_sheet(path: Path, cache: ImageCache, rows: Sequence[SheetRow]) -> None:
    """Writes the sheet as a JPEG for its owner alone; never half a file."""
    with replacing_privately(path) as temporary:
        draw_sheet(cache, rows).save(temporary, format="JPEG", quality=90)

"""Contact sheets show the pictures that they name."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kaggle_face.data.cache.image_cache import ImageCache
from kaggle_face.data.contact_sheet import SheetRow, draw_sheet, write_sheet

PIXELS = np.stack([np.full((8, 8, 3), value, np.uint8) for value in (10, 120, 240)])
PACK = ImageCache(np.array(["a.jpg", "b.jpg", "c.jpg"]), PIXELS, np.ones(3, np.bool_), 8)
ROWS = [
    SheetRow("first", (np.array(["c.jpg"]), np.array(["a.jpg", "b.jpg"]))),
    SheetRow("second", (np.array(["b.jpg"]),)),
]


def test_pictures_stand_in_their_order_with_gaps_between_groups() -> None:
    sheet = np.asarray(draw_sheet(PACK, ROWS))[..., 0]
    # Tiles of 96 pixels with 4 between them, 16 more between groups, below a caption of 14.
    assert [sheet[60, left + 40] for left in (4, 4 + 100 + 16, 4 + 200 + 16)] == [240, 10, 120]
    assert sheet[118 + 60, 44] == 120


def test_a_sheet_is_a_jpeg(tmp_path: Path) -> None:
    write_sheet(tmp_path / "deep/sheet.jpg", PACK, ROWS)
    with Image.open(tmp_path / "deep/sheet.jpg") as sheet:
        assert sheet.format == "JPEG" and sheet.size == draw_sheet(PACK, ROWS).size


def test_a_caption_is_one_line_whatever_the_file_is_called() -> None:
    sheets = [
        draw_sheet(PACK, [SheetRow(name, ROWS[0].groups)]) for name in ("a\nb\x1b\u202e", r"a\nb\x1b\u202e")
    ]
    assert np.array_equal(*map(np.asarray, sheets))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such rights")
def test_a_sheet_is_for_its_owner_alone(tmp_path: Path) -> None:
    write_sheet(tmp_path / "deep/sheet.jpg", PACK, ROWS)
    assert (tmp_path / "deep/sheet.jpg").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "deep").stat().st_mode & 0o777 == 0o700

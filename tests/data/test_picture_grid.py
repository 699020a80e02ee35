"""Tiles stand where rows, groups, captions and a heading put them."""

from __future__ import annotations

import numpy as np

from kaggle_face.data.picture_grid import CAPTION_PX, GAP_PX, GridRow, Tile, draw_grid


def tile(value: int, caption: str = "") -> Tile:
    return Tile(np.full((4, 4, 3), value, np.uint8), caption)


def test_captions_and_a_heading_move_the_pictures_down() -> None:
    plain = np.asarray(draw_grid([GridRow("row", ((tile(50), tile(90)), (tile(200),)))], 20))[..., 0]
    top = CAPTION_PX
    assert [plain[top + 10, x] for x in (GAP_PX + 5, GAP_PX + 29, GAP_PX + 48 + 4 * GAP_PX + 5)] == [
        50,
        90,
        200,
    ]
    titled = np.asarray(draw_grid([GridRow("row", ((tile(50, "a"),),))], 20, ["one", "two"]))[..., 0]
    assert titled[2 * CAPTION_PX + 2 * GAP_PX + 2 * CAPTION_PX + 10, GAP_PX + 5] == 50


def test_a_long_heading_widens_the_sheet_and_a_long_caption_is_cut() -> None:
    narrow = draw_grid([GridRow("", ((tile(50, "x" * 200),),))], 40)
    wide = draw_grid([GridRow("", ((tile(50),),))], 40, ["x" * 200])
    assert narrow.width < 100 < 400 < wide.width


def test_markup_of_a_terminal_is_drawn_as_text() -> None:
    sheets = [draw_grid([GridRow("", ((tile(9, name),),))], 300) for name in ("a\x1b\n", r"a\x1b\n")]
    assert np.array_equal(*map(np.asarray, sheets))

"""Reporters that stand before others."""

from __future__ import annotations

from kaggle_face.progress import WarningsOnce
from tests.support.progress import Told


def test_an_equal_warning_is_passed_on_once_and_an_equal_line_each_time() -> None:
    behind = Told()
    progress = WarningsOnce(behind)
    for _ in range(2):
        progress.warn("odd folders")
        progress.log("a fold is trained")
    progress.warn("few images")
    assert behind.lines == ["odd folders", "a fold is trained", "a fold is trained", "few images"]
    WarningsOnce(behind).warn("few images")
    assert behind.lines[4:] == ["few images"], "of the next call"

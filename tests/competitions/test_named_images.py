from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kaggle_face.competitions.lists import PairList
from kaggle_face.competitions.named_images import ImageFinder, Mentions, pairs_from_list
from kaggle_face.errors import DataError


def finder(*known: str, bases: tuple[str, ...] = ("ver",)) -> ImageFinder:
    return ImageFinder(Path("data"), bases, frozenset(known))


def listed(*rows: tuple[str, str, int]) -> PairList:
    first, second, labels = zip(*rows, strict=True)
    numbers = range(1, len(rows) + 1)
    return PairList(Path("pairs.txt"), list(first), list(second), np.array(labels), numbers, ())


def test_names_of_different_lengths_stay_whole():
    """An array of text has one width: the longer second names must not be cut to that of the first."""
    pairs, _ = pairs_from_list(
        listed(("a.jpg", "longer.jpg", 1)), finder("ver/a.jpg", "ver/longer.jpg"), False
    )
    assert pairs.image_ids.tolist() == ["ver/a.jpg", "ver/longer.jpg"]


def test_bases_are_tried_in_order():
    found, _ = finder("new/a.jpg", "old/a.jpg", "old/b.jpg", bases=("new", "old")).find(
        Mentions(Path("pairs.txt"), ["a.jpg", "b.jpg"], [1, 2])
    )
    assert found == ["new/a.jpg", "old/b.jpg"]


def test_two_spellings_of_one_trial_are_two_rows():
    rows = listed(("a.jpg", "b.jpg", -1), ("./a.jpg", "b.jpg", -1))
    pairs, notes = pairs_from_list(rows, finder("ver/a.jpg", "ver/b.jpg"), by_text=True)
    assert pairs.pair_ids.tolist() == ["a.jpg b.jpg", "./a.jpg b.jpg"]
    assert pairs.first_ids.tolist() == ["ver/a.jpg", "ver/a.jpg"]
    assert notes == ()


def test_the_first_line_with_a_missing_image_is_named():
    rows = listed(("a.jpg", "b.jpg", 1), ("a.jpg", "x.jpg", 1), ("y.jpg", "b.jpg", 1))
    with pytest.raises(DataError, match=r"pairs.txt:2: 2 of 4 images named do not exist, first: x.jpg"):
        pairs_from_list(rows, finder("ver/a.jpg", "ver/b.jpg"), by_text=False)


def test_repeats_that_agree_count_once_by_text():
    rows = listed(("a.jpg", "b.jpg", 1), ("b.jpg", "a.jpg", 1), ("a.jpg", "b.jpg", 1))
    pairs, notes = pairs_from_list(rows, finder("ver/a.jpg", "ver/b.jpg"), by_text=True)
    assert pairs.pair_ids.tolist() == ["a.jpg b.jpg", "b.jpg a.jpg"]
    assert notes == ("pairs.txt: 1 pairs stand twice, first: line 3; only the first counts",)

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kaggle_face.competitions.files.lists import PairList
from kaggle_face.competitions.files.named_images import ImageFinder, Mentions, pairs_from_list
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
    with pytest.raises(DataError, match=r"pairs.txt:2: 2 of 4 named images do not exist, first: x.jpg"):
        pairs_from_list(rows, finder("ver/a.jpg", "ver/b.jpg"), by_text=False)


def test_repeats_that_agree_count_once_by_text():
    rows = listed(("a.jpg", "b.jpg", 1), ("b.jpg", "a.jpg", 1), ("a.jpg", "b.jpg", 1))
    pairs, notes = pairs_from_list(rows, finder("ver/a.jpg", "ver/b.jpg"), by_text=True)
    assert pairs.pair_ids.tolist() == ["a.jpg b.jpg", "b.jpg a.jpg"]
    assert notes == ("pairs.txt: 1 pair appears twice, first: line 3; only the first counts",)


def named(*names: str, known: tuple[str, ...]) -> tuple[list[str], tuple[str, ...]]:
    return finder(*(f"ver/{name}" for name in known)).find(
        Mentions(Path("pairs.txt"), list(names), list(range(1, len(names) + 1)))
    )


@pytest.mark.parametrize(
    ("written", "there"), [("Jos\u00e9.jpg", "Jose\u0301.jpg"), ("Jose\u0301.jpg", "Jos\u00e9.jpg")]
)
def test_accents_may_be_spelled_otherwise_than_on_the_disk(written, there):
    found, notes = named(written, known=(there, "b.jpg"))
    assert found == [f"ver/{there}"]
    assert notes[0].startswith(
        "1 of 1 image of pairs.txt has accents spelled otherwise than is written there"
    )


def test_another_suffix_and_another_spelling_at_once_are_found():
    assert named("Jos\u00e9.jpg", known=("Jose\u0301.JPG",))[0] == ["ver/Jose\u0301.JPG"]


def test_a_name_that_two_images_may_mean_is_refused_with_both():
    message = r"pairs.txt:1: 'a.jpg' does not exist and may be ver/a.JPG or ver/a.png; write which"
    with pytest.raises(DataError, match=message):
        named("a.jpg", known=("a.JPG", "a.png"))


@pytest.mark.parametrize("names", [("a.jpg", "a.png"), ("a.jpg", "a.webp")])
def test_an_image_that_another_name_means_is_not_taken_for_a_lost_one(names):
    with pytest.raises(DataError, match=r"does not exist; ver/a.png is named by itself or by another line"):
        named(*names, known=("a.png", "b.jpg"))


def test_a_name_in_another_case_is_refused_with_the_near_one():
    with pytest.raises(
        DataError, match=r"first: img.jpg \(looked in data/ver\); did you mean 'ver/IMG.JPG'\?"
    ):
        named("img.jpg", known=("IMG.JPG",))

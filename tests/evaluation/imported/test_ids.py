"""Ids that name images by path, file name or stem, and those that could name two."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kaggle_face.errors import DataError
from kaggle_face.evaluation.imported.ids import (
    WayToName,
    each_couple_once,
    match_rows,
    ways_to_name_couples,
    ways_to_name_images,
)

NONE = np.empty(0, np.str_)


@pytest.mark.parametrize(
    "given",
    [["t/b.jpg", "t/a.jpg"], ["b.jpg", "a.jpg"], ["b", "a"], ["./t/b.jpg", "./t/a.jpg"], ["t/b", "t/a"]],
)
def test_images_are_found_by_any_name_of_their_own(given: list[str]) -> None:
    wanted = np.array(["t/a.jpg", "t/b.jpg"])
    rows, _ = match_rows(Path("f.csv"), ways_to_name_images(wanted, np.array(given), NONE), "images")
    assert rows.tolist() == [1, 0]


def test_a_file_name_that_two_images_have_names_neither() -> None:
    wanted = np.array(["x/1.jpg", "y/1.jpg"])
    with pytest.raises(DataError, match=r"1 of 1 id appears twice, first: 1.jpg"):
        match_rows(Path("f"), ways_to_name_images(wanted, np.array(["1.jpg", "1.jpg"]), NONE), "images")
    with pytest.raises(DataError, match="none of its 2 ids"):
        match_rows(Path("f"), ways_to_name_images(wanted, np.array(["1.jpg", "2.jpg"]), NONE), "images")


def test_ids_that_two_ways_read_otherwise_are_a_question() -> None:
    ways = [WayToName("row ids", ["0", "1"], ["0", "1"]), WayToName("stems", ["1", "0"], ["0", "1"])]
    with pytest.raises(DataError, match="could be row ids or stems"):
        match_rows(Path("f.csv"), ways, "images")
    assert match_rows(Path("f.csv"), ways[:1], "images")[0].tolist() == [0, 1]


def test_unreadable_images_may_be_given_and_need_not() -> None:
    wanted, broken = np.array(["a.jpg"]), np.array(["b.jpg"])
    for given in (["a.jpg"], ["b.jpg", "a.jpg"]):
        ways = ways_to_name_images(wanted, np.array(given), broken)
        assert match_rows(Path("f"), ways, "images")[0].tolist() == [given.index("a.jpg")]


def test_a_file_without_rows_is_called_so() -> None:
    with pytest.raises(DataError, match=r"f.csv has no rows; write one for each of the images"):
        match_rows(Path("f.csv"), ways_to_name_images(np.array(["a.jpg"]), NONE, NONE), "images")


def test_a_couple_may_stand_twice_with_one_score() -> None:
    first, second = np.array(["a", "c", "b"]), np.array(["b", "d", "a"])
    one, other, kept = each_couple_once(Path("f"), first, second, np.array([0.5, 0.1, 0.5]))
    assert (one.tolist(), other.tolist(), kept.tolist()) == (["a", "c"], ["b", "d"], [0, 1])
    with pytest.raises(DataError, match=r"two rows of the couple b \| a have different scores, 0.5 and 0.25"):
        each_couple_once(Path("f"), first, second, np.array([0.5, 0.1, 0.25]))


def test_couples_are_found_in_either_order_and_for_every_pair_of_them() -> None:
    first, second = np.array(["p/a.jpg", "p/b.jpg", "p/b.jpg"]), np.array(["p/b.jpg", "p/a.jpg", "p/c.jpg"])
    ways = ways_to_name_couples(first, second, np.array(["c", "a"]), np.array(["b", "b"]))
    assert match_rows(Path("f"), ways, "pairs")[0].tolist() == [1, 1, 0]


@pytest.mark.parametrize("given", [["7", "12"], ["7.0", "12.0"]])
def test_ids_that_were_read_as_numbers_are_named(given: list[str]) -> None:
    ways = ways_to_name_images(np.array(["t/0007.jpg", "t/0012.jpg"]), np.array(given), NONE)
    line = rf"none of its 2 ids .*, first: {given[0]}; may it be t/0007.jpg\? Write ids as text, with "
    with pytest.raises(DataError, match=line):
        match_rows(Path("f.csv"), ways, "images")


def test_a_row_without_an_id_is_called_so() -> None:
    ways = [WayToName("ids", ["a", "b"], ["a", ""])]
    with pytest.raises(DataError, match=r"^f\.csv: 1 of 2 rows has no id$"):
        match_rows(Path("f.csv"), ways, "images")

"""Keys of texts: equal for equal texts, and never trusted alone."""

from __future__ import annotations

import numpy as np
import pytest

from kaggle_face import string_hashing
from kaggle_face.errors import DataError
from kaggle_face.records import positions_of
from kaggle_face.string_hashing import are_different, find_positions

IDS = np.array([f"train/n{number:06d}/ä_{number % 7}.jpg" for number in range(3000)])


@pytest.fixture(params=["keys apart", "all keys equal"])
def keys(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The worst that can happen: every text has the same key."""
    if request.param == "all keys equal":
        monkeypatch.setattr(string_hashing, "hash_texts", lambda texts: np.zeros(len(texts), np.uint64))
    return str(request.param)


def test_a_text_that_stands_twice_is_seen(keys: str) -> None:
    assert are_different(IDS)
    assert not are_different(np.append(IDS, IDS[17]))


def test_positions_are_those_of_a_dictionary(keys: str) -> None:
    wanted = np.random.default_rng(0).choice(IDS, 500)
    place = {name: row for row, name in enumerate(IDS.tolist())}
    assert positions_of(wanted, IDS, "rows").tolist() == [place[name] for name in wanted.tolist()]


def test_a_missing_text_is_named(keys: str) -> None:
    with pytest.raises(DataError, match="1 of 2 ids is not among the rows, first: nobody"):
        positions_of(np.array([IDS[3], "nobody"]), IDS, "rows")


def test_a_wider_array_finds_the_same(keys: str) -> None:
    assert positions_of(IDS[:5].astype("<U99"), IDS, "rows").tolist() == [0, 1, 2, 3, 4]


def test_what_is_found_is_the_text_itself() -> None:
    positions, found = find_positions(np.array(["b", "c", "a"]), np.array(["a", "b"]))
    assert found.tolist() == [True, False, True] and positions[[0, 2]].tolist() == [1, 0]

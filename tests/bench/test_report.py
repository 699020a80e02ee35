"""What a benchmark says."""

from __future__ import annotations

import pytest

from kaggle_face.bench.report import Report


def report() -> Report:
    rows = (("limit", 100.0, None), ("end to end", 97.5, 3))
    return Report("train", {"cores": 4}, ("way", "images/s", "memory MB"), rows, "good")


def test_a_row_is_found_by_its_name() -> None:
    assert report().row("end to end") == {"way": "end to end", "images/s": 97.5, "memory MB": 3}


def test_numbers_stay_numbers_for_machines_and_become_short_for_people() -> None:
    values = report().as_values()
    assert values["rows"][1]["images/s"] == 97.5 and values["rows"][0]["memory MB"] is None
    assert report().as_text() == [["limit", "100", "-"], ["end to end", "97.5", "3"]]


def test_a_row_of_another_length_is_a_mistake() -> None:
    with pytest.raises(AssertionError, match="does not fit"):
        Report("train", {}, ("way",), (("limit", 1.0),), "")

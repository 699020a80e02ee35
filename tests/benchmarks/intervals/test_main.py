"""The table of intervals."""

from __future__ import annotations

import json

import pytest

from benchmarks.intervals.__main__ import main


def test_intervals_are_tried_on_generated_scores(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--quick", "--json", "--simulations", "2"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert {row["genuine pairs"] for row in values["rows"]} == {"1 each", "5 each", "all pairs"}
    assert all(0 <= row["coverage"] <= 1 for row in values["rows"])
    assert values["sentence"].startswith("coverage lies between ")
    assert any(row["old: simulations"] for row in values["rows"])


def test_the_new_intervals_are_tried_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--quick", "--json", "--simulations", "2", "--without-old", "--people", "30"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {row["people"] for row in rows} == {30}
    assert [row["simulations"] for row in rows] == [2] * len(rows)
    assert not any(row["old: simulations"] for row in rows)


def test_other_numbers_of_people_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--quick", "--people", "100"]) == 2
    assert "--people 100: there are lists of 30, 100 and 300 people" in capsys.readouterr().err

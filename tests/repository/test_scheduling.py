"""Tests that share what takes long to make are named by paths that exist."""

from __future__ import annotations

from pathlib import Path

from tests.support.scheduling import TOGETHER, GroupScheduling

ROOT = Path(__file__).parents[2]


def test_every_group_names_tests_that_exist() -> None:
    assert [path for path in TOGETHER if not (ROOT / path).exists()] == []


def test_tests_of_a_group_share_a_scope_and_others_have_their_own() -> None:
    scheduling = GroupScheduling.__new__(GroupScheduling)
    assert scheduling._split_scope("tests/pipeline/inputs/test_today.py::test_a[0]") == "stages"
    assert scheduling._split_scope("tests/pipeline/test_chain.py::test_b") == "stages"
    assert scheduling._split_scope("tests/test_door.py::test_c") == "tests/test_door.py::test_c"

"""Tests that share what takes long to make are named by paths that exist."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.scheduling import TOGETHER, GroupScheduling

ROOT = Path(__file__).parents[2]


def test_every_group_names_tests_that_exist() -> None:
    assert [path for path in TOGETHER if not (ROOT / path).exists()] == []


def test_tests_of_a_group_share_a_scope_and_others_have_their_own() -> None:
    scheduling = GroupScheduling.__new__(GroupScheduling)
    assert scheduling._split_scope("tests/pipeline/inputs/test_today.py::test_a[0]") == "stages"
    assert scheduling._split_scope("tests/pipeline/test_chain.py::test_b") == "stages"
    assert scheduling._split_scope("tests/test_door.py::test_c") == "tests/test_door.py::test_c"


class Node:
    """A process that runs tests, and what it was handed."""

    gateway = SimpleNamespace(id="gw")

    def __init__(self) -> None:
        self.handed: list[int] = []
        self.shutting_down = False

    def send_runtest_some(self, numbers: list[int]) -> None:
        self.handed += numbers

    def shutdown(self) -> None:
        self.shutting_down = True


def test_what_is_done_is_forgotten_and_every_test_is_handed_out_once(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pytestconfig.option, "tx", ["2*popen"])
    scheduling, nodes = GroupScheduling(pytestconfig), [Node(), Node()]
    tests = [f"tests/pipeline/test_chain.py::test_{number}" for number in range(3)]
    tests += [f"tests/test_door.py::test_{number}" for number in range(9)]
    for node in nodes:
        scheduling.add_node(node)  # type: ignore[arg-type]
        scheduling.add_node_collection(node, tests)  # type: ignore[arg-type]
    scheduling.schedule()
    done: list[int] = []
    while len(done) < len(tests):
        for node in nodes:
            if node.handed:
                done.append(node.handed.pop(0))
                scheduling.mark_test_complete(node, done[-1])
        assert sum(len(unit) for units in scheduling.assigned_work.values() for unit in units.values()) <= 9
    assert sorted(done) == list(range(len(tests)))
    assert all(node.shutting_down for node in nodes) and scheduling.tests_finished
    assert list(scheduling.assigned_work.values()) == [{}, {}]

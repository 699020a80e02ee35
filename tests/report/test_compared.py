"""A run against the one before it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.evaluation.figures import class_figures, compare_classes
from kaggle_face.evaluation.members import members_of_task
from kaggle_face.report.compared import compare_with, run_before, run_facts
from tests.support.worlds import make_run


@pytest.fixture
def runs(two_runs: Path) -> list[RunFolder]:
    return [RunFolder(two_runs / "demo" / name) for name in "ab"]


def began(run: RunFolder, when: str) -> RunFolder:
    for fold in run.started_folds():
        values: dict[str, Any] = json.loads(fold.info_file.read_text())
        fold.write_info({**values, "began_at": when})
    return run


def test_differences_are_paired_on_the_folds_of_both(runs: list[RunFolder]) -> None:
    found = compare_with(runs[0], runs[1], ("accuracy", "eer"))
    assert found.before == "demo/b" and [each.metric for each in found.metrics] == ["accuracy", "eer"]
    figures = class_figures(members_of_task("classification", runs))
    expected = compare_classes(*figures)["accuracy"]
    row = found.metrics[0]
    assert row.difference == expected and row.now - row.before == pytest.approx(expected.value)
    assert found.note == "on folds 0, 1, networks against networks"


def test_only_folds_that_are_shown_are_compared(runs: list[RunFolder]) -> None:
    found = compare_with(runs[0], runs[1], ("accuracy",), [1])
    figures = class_figures(members_of_task("classification", runs, None, [1]))
    row = found.metrics[0]
    assert row.difference == compare_classes(*figures)["accuracy"]
    assert row.now == pytest.approx((figures[0].predicted == figures[0].labels).mean())
    assert found.note == "on fold 1, networks against networks"
    assert (
        compare_with(runs[0], runs[1], ("accuracy",), [7]).note
        == "no fold that is shown is finished in both runs"
    )


def test_the_run_before_is_the_newest_that_began_earlier(world: Any) -> None:
    first, second, third, later = (
        began(make_run(world, name, folds=[0], checkpoints=("best_cls",)), f"2026-11-2{day}T00:00:00+00:00")
        for name, day in (("x", 1), ("y", 2), ("z", 3), ("w", 4))
    )
    everyone = [first, second, third, later]
    assert run_before(third, everyone) == second
    assert run_before(first, everyone) is None


def test_a_run_of_an_older_version_has_neither_history_nor_settings(runs: list[RunFolder]) -> None:
    found = run_facts(runs[0], runs[0].finished_folds())
    assert found.name == "demo/a" and found.differences == ()
    assert [fold.history for fold in found.folds] == [{}, {}]


def test_folds_that_are_finished_and_not_shown_are_counted(runs: list[RunFolder]) -> None:
    found = run_facts(runs[0], runs[0].finished_folds()[:1])
    assert len(found.folds) == 1 and found.num_finished == 2

"""Runs within a budget whose process ends without a word, and what is recorded of a run once."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.support.budget_stages import Go, KilledError, Stages, course

RECORD = Path("runs/demo/main/budget.json")


def leave_state(moment: float) -> None:
    """Leaves the state of fold 1 as it was written at a moment, and a file that is newer."""
    state = Path("runs/demo/main/fold1/resume.pt")
    state.touch()
    os.utime(state, (moment, moment))


def test_the_time_of_a_training_that_was_killed_hard_counts(stages: Stages, go: Go) -> None:
    stages.kill_at = (
        stages.clock.seconds + 20.0 + 100.0 + 9.0 + 90.0
    )  # decoding, fold 0, its CSV, most of fold 1
    with pytest.raises(KilledError):
        go()
    RECORD.write_bytes(stages.record_of_then)  # as a process leaves it that cannot say a word
    leave_state(stages.clock.seconds)
    stages.kill_at = None
    stages.clock.move(40.0)  # until somebody calls it again
    result = go()
    taken = {stage.name: stage.taken for stage in result.stages}
    assert result.networks[:2] == (0, 1) and taken["fold 1"] == 100.0, "90 and the rest, not the 40 between"
    assert not result.is_late


def test_what_a_killed_training_lost_is_no_progress(stages: Stages, go: Go) -> None:
    stages.kill_at = stages.clock.seconds + 20.0 + 100.0 + 9.0 + 60.0
    with pytest.raises(KilledError):
        go()
    RECORD.write_bytes(stages.record_of_then)
    leave_state(stages.clock.seconds - 25.0)  # what came after it is trained again
    stages.left_of_fold["fold 1"] += 25.0
    stages.kill_at = None
    taken = {stage.name: stage.taken for stage in go().stages}
    assert taken["fold 1"] == 100.0, "the network's own time, by which the next ones are judged"


def test_a_network_that_was_removed_and_trained_again_has_a_row_again(stages: Stages, go: Go) -> None:
    go()
    shutil.rmtree("runs/demo/main/fold2")
    stages.left_of_fold.clear()
    stages.clock.move(-300.0)  # time enough
    go()
    assert [row[0] for row in stages.rows[3:]] == ["demo/main/fold2"]


def test_settings_that_changed_since_they_were_planned_have_no_row_under_the_recipe(
    stages: Stages, go: Go
) -> None:
    go(course(1, 1, digest="that of others"))
    assert [row[1] for row in stages.rows] == [""]


def test_what_is_nearly_trained_is_not_dropped_after_a_hard_kill(stages: Stages, go: Go) -> None:
    plan = course(2, 2)
    stages.kill_at = stages.clock.seconds + 20.0 + 100.0 + 9.0 + 90.0
    with pytest.raises(KilledError):
        go(plan, budget=300.0)
    RECORD.write_bytes(stages.record_of_then)
    leave_state(stages.clock.seconds)
    stages.kill_at = None
    result = go(budget=300.0)
    assert result.networks == (0, 1) and not result.dropped and not result.is_late


def test_a_first_csv_that_was_killed_is_written_before_another_network_is_trained(
    stages: Stages, go: Go
) -> None:
    stages.kill_at = stages.clock.seconds + 20.0 + 100.0 + 7.0  # in the mean of the first fold
    with pytest.raises(KilledError):
        go()
    stages.kill_at = None
    go()
    assert stages.done.index("mean [0]") < stages.done.index("fold 1")


def test_a_network_has_one_row_in_the_table_of_estimates(stages: Stages, go: Go) -> None:
    stages.full_disk_in = "evaluate"
    with pytest.raises(Exception, match="free some room"):
        go(course(train_images=900))
    stages.full_disk_in = ""
    go()
    assert [row[0] for row in stages.rows] == [f"demo/main/fold{fold}" for fold in (0, 1, 2)]
    assert {row[1] for row in stages.rows} == {"small-2-both"} and {row[4] for row in stages.rows} == {900}
    assert {row[3] for row in stages.rows} == {19.0}, "a mean and a choice, of a blend of one run"


def test_changed_settings_have_no_row_under_the_recipe_nor_a_mean_under_a_choice(
    stages: Stages, go: Go
) -> None:
    go(course(1, 1, is_changed=True, chooses_blend=False))
    assert [(row[1], row[3]) for row in stages.rows] == [("", None)]

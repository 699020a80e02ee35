"""Runs within a budget, with stages that only move a clock: slow, fast, killed, on a full disk."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path
from typing import Any

import pytest

from kaggle_face.errors import DiskError
from kaggle_face.pipeline.budget import record as budget_record
from tests.support.budget_stages import BUDGET, STAGES, Go, KilledError, Stages, course, csv_text


def test_a_plan_that_goes_well_is_carried_out_as_planned(stages: Stages, go: Go) -> None:
    result = go()
    assert stages.done == [
        *("decode", "fold 0", "predict [0]", "mean [0]", "fold 1", "fold 2", "predict [1, 2]"),
        *("mean [0, 1, 2]", "chosen [0, 1, 2]", "evaluate"),
    ]
    assert result.networks == (0, 1, 2) and not result.dropped and not result.notes and not result.is_late
    assert csv_text() == "chosen [0, 1, 2]" and [path.name for path in result.paths]
    taken = {stage.name: (stage.planned, stage.taken) for stage in result.stages}
    assert taken["fold 1"] == (100.0, 100.0) and taken["evaluate"] == (None, 5.0)
    assert result.seconds == sum(time or 0.0 for _, time in taken.values())


@pytest.mark.parametrize("factor", [1.2, 1.5, 2.0, 3.0, 10.0])
def test_a_slower_machine_meets_its_deadline_and_writes_its_csv(
    stages: Stages, go: Go, factor: float
) -> None:
    stages.fold *= factor
    result = go()
    assert not result.is_late and result.paths and csv_text().startswith(("mean", "chosen"))
    assert result.notes, "what was done otherwise is named"
    assert 0 in result.networks


def test_a_somewhat_slower_machine_shortens_all_folds_and_drops_none(stages: Stages, go: Go) -> None:
    stages.fold *= 1.3
    result = go()
    assert result.networks == (0, 1, 2) and not result.dropped
    assert any("was trained for" in note and "10.0 were planned" in note for note in result.notes)


def test_a_training_of_another_length_than_planned_is_named(stages: Stages, go: Go) -> None:
    assert "fold 0 was trained for 10.0 epochs where 7.2 were planned" in go(course(length=7.2)).notes


def test_a_much_slower_machine_drops_the_last_fold_before_the_csv(stages: Stages, go: Go) -> None:
    stages.fold *= 4.0
    result = go()
    assert result.dropped and max(result.dropped) == "fold 2" and 0 in result.networks
    assert any("was dropped" in note for note in result.notes) and result.paths and not result.is_late


def test_a_faster_machine_trains_a_fold_more(stages: Stages, go: Go) -> None:
    stages.fold = 40.0
    result = go(course(2, most_networks=5))
    assert len(result.networks) > 2 and any("beyond the plan" in note for note in result.notes)
    assert not result.is_late


def test_one_fold_alone_keeps_time_to_predict_blend_and_write(stages: Stages, go: Go) -> None:
    stages.fold = 10_000.0
    result = go(course(1, 1))
    assert result.networks == (0,) and not result.is_late and csv_text() == "chosen [0]"
    assert stages.done[:4] == ["decode", "fold 0", "predict [0]", "mean [0]"]


def test_stages_that_take_longer_than_planned_cost_the_chosen_blend_and_not_the_csv(
    stages: Stages, go: Go
) -> None:
    stages.predict, stages.mean, stages.decode = 30.0, 25.0, 60.0
    result = go(course(1, 1), budget=220.0)
    assert csv_text() == "mean [0]" and any("plain mean" in note for note in result.notes)
    assert not result.is_late


def test_a_run_killed_thrice_goes_on_and_meets_the_first_calls_deadline(stages: Stages, go: Go) -> None:
    began = stages.clock.seconds
    for moment in (90.0, 180.0, 300.0):
        stages.kill_at = began + moment
        with pytest.raises(KilledError):
            go()
        stages.clock.move(5.0)  # until somebody calls it again
    stages.kill_at = None
    result = go()
    assert stages.clock.seconds - began <= BUDGET and not result.is_late
    assert result.networks == (0, 1, 2) and result.paths
    assert stages.done.count("fold 0") == stages.done.count("fold 1") == 1, "what was done is not done again"


def test_a_run_that_was_killed_for_long_drops_folds_and_still_meets_what_is_left(
    stages: Stages, go: Go
) -> None:
    began = stages.clock.seconds
    stages.kill_at = began + 180.0
    with pytest.raises(KilledError):
        go()
    stages.kill_at = None
    stages.clock.move(100.0)
    result = go()
    assert stages.clock.seconds - began <= BUDGET
    assert result.networks == (0, 1) and result.dropped == ("fold 2",)


def test_called_after_its_deadline_a_run_writes_what_it_has_and_says_that_it_is_late(
    stages: Stages, go: Go
) -> None:
    stages.kill_at = stages.clock.seconds + 150.0
    with pytest.raises(KilledError):
        go()
    stages.kill_at = None
    stages.clock.move(10_000.0)
    result = go()
    assert result.networks == (0,) and result.paths and result.is_late


def test_a_run_killed_in_its_last_stage_has_a_csv(stages: Stages, go: Go) -> None:
    plan = course(1, 1)
    stages.kill_at = stages.clock.seconds + 10.0 + 100.0 + 5.0 + 20.0 + 4.0 + 1.0 - 10.0
    with pytest.raises(KilledError):
        go(plan)
    assert csv_text() == "mean [0]"


@pytest.mark.parametrize("stage", ["decode", "fold 1", "predict", "mean", "chosen"])
def test_a_full_disk_is_one_line_and_the_same_call_goes_on(stages: Stages, go: Go, stage: str) -> None:
    stages.full_disk_in = stage
    with pytest.raises(DiskError, match="the disk of runs is full; free some room"):
        go()
    stages.full_disk_in = ""
    result = go()
    assert result.networks == (0, 1, 2) and not result.is_late and csv_text() == "chosen [0, 1, 2]"


@pytest.mark.parametrize("number", range(1, 27))
def test_a_full_disk_at_any_write_of_the_record_costs_no_fold(
    stages: Stages, go: Go, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    began, writes, write = stages.clock.seconds, itertools.count(1), budget_record.write_json

    def full_once(path: Path, values: dict[str, Any]) -> None:
        if next(writes) == number:
            raise DiskError(f"{path} cannot be written: the disk of runs is full; free some room", 28)
        write(path, values)

    monkeypatch.setattr(budget_record, "write_json", full_once)
    with pytest.raises(DiskError, match="the disk of runs is full; free some room"):
        go()
    stages.clock.move(5.0)
    result = go()
    assert result.networks == (0, 1, 2) and not result.dropped and csv_text() == "chosen [0, 1, 2]"
    assert stages.clock.seconds - began <= BUDGET and not result.is_late
    assert all(stages.done.count(f"fold {fold}") == 1 for fold in range(3)), "nothing is trained twice"


def test_a_finished_run_does_nothing_more(stages: Stages, go: Go) -> None:
    first = go()
    done, seconds = list(stages.done), stages.clock.seconds
    again = go()
    assert stages.done == done and stages.clock.seconds == seconds
    assert (again.networks, again.paths, again.seconds) == (first.networks, first.paths, first.seconds)
    assert again.evaluation is None


def test_more_test_time_augmentation_is_tried_where_it_was_planned(stages: Stages, go: Go) -> None:
    go(course(2, 2, tries_tta=True))
    assert "predict [0, 1]" in stages.done, "the fold of the first CSV is predicted again"


def test_a_csv_that_was_removed_is_written_again(stages: Stages, go: Go) -> None:
    first = go()
    first.paths[0].unlink()
    again = go()
    assert csv_text() == "chosen [0, 1, 2]" and again.paths == first.paths
    assert again.seconds == first.seconds and not again.is_late


def test_a_fold_that_was_removed_is_trained_again(stages: Stages, go: Go) -> None:
    stages.kill_at = stages.clock.seconds + 260.0
    with pytest.raises(KilledError):
        go()
    stages.kill_at = None
    shutil.rmtree("runs/demo/main/fold0")
    stages.left_of_fold.clear()
    result = go()
    assert stages.done.count("fold 0") == 2 and 0 in result.networks and not result.is_late
    assert csv_text().endswith(f"{list(result.networks)}")


HOLDOUT = ["folds.dev=holdout", "seed=4"]
OF_SEEDS = {
    **{name: each for name, each in STAGES.items() if not name.startswith("fold")},
    **dict.fromkeys(("fold 0", "fold 0, seed 5", "fold 0, seed 6"), 100.0),
}


def test_where_dev_is_held_out_further_networks_are_runs_of_other_seeds(stages: Stages, go: Go) -> None:
    result = go(course(stages=OF_SEEDS), overrides=HOLDOUT)
    others = "main-seed5 main-seed6"
    assert stages.done == [
        *("decode", "fold 0", "predict [0]", "mean [0]", "fold 0, seed 5", "fold 0, seed 6"),
        *("predict [0] main-seed5", "predict [0] main-seed6"),
        *(f"mean [0] {others}", f"chosen [0] {others}", "evaluate"),
    ]
    assert result.networks == (0, 1, 2) and not result.dropped and not result.is_late
    assert [run.path.name for run in result.runs] == stages.evaluated == ["main", *others.split()]
    assert csv_text() == result.blend == f"chosen [0] {others}"
    assert go(overrides=HOLDOUT).blend is None, "a blend of later is not that of the CSVs"
    assert {stage.name: stage.taken for stage in result.stages}["fold 0, seed 6"] == 100.0


def test_seeds_are_dropped_shortened_and_gone_on_with_as_folds_are(stages: Stages, go: Go) -> None:
    began, plan = stages.clock.seconds, course(stages=OF_SEEDS)
    stages.fold *= 1.3
    for moment in (90.0, 190.0):
        stages.kill_at = began + moment
        with pytest.raises(KilledError):
            go(plan, overrides=HOLDOUT)
        stages.clock.move(40.0)
    stages.kill_at = None
    result = go(overrides=HOLDOUT)
    assert stages.clock.seconds - began <= BUDGET and not result.is_late
    assert result.networks == (0, 1) and result.dropped == ("fold 0, seed 6",)
    assert any(note.startswith("fold 0, seed 6 was dropped: ") for note in result.notes)
    assert stages.done.count("fold 0") == stages.done.count("fold 0, seed 5") == 1
    shutil.rmtree("runs/demo/main-seed5")
    stages.clock.move(-1_000.0)  # time enough
    again = go(overrides=HOLDOUT)
    assert stages.done.count("fold 0, seed 5") == 2 and 1 in again.networks

"""Runs within a budget, with stages that only move a clock: slow, fast, killed, on a full disk."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kaggle_face.artifacts.runs import RunFolder, run_folder
from kaggle_face.config import LoadedConfig, load_config
from kaggle_face.errors import DiskError
from kaggle_face.pipeline.budget import execute
from kaggle_face.pipeline.budget import record as budget_record
from kaggle_face.pipeline.budget.execute import BudgetResult, Execution
from kaggle_face.pipeline.budget.record import BudgetRecord, Course, read_record, write_record
from kaggle_face.progress import SilentProgress
from kaggle_face.train.deadline import WORTH_HAVING
from tests.support.budgets import FakeClock

BUDGET = 410.0
STAGES = {"measure": 10.0, "decode": 20.0, "fold 0": 100.0, "fold 1": 100.0, "fold 2": 100.0}
STAGES |= {"first CSV": 10.0, "predict": 15.0, "blend": 20.0, "margin": 30.0}


def course(networks: int = 3, most_networks: int = 3, **more: Any) -> Course:
    stages = {name: each for name, each in STAGES.items() if name < f"fold {networks}" or name > "fold 9"}
    values = {
        "rung": "small-2-both",
        "purpose": "both",
        "length": 10.0,
        "networks": networks,
        "most_networks": most_networks,
        "images_per_second": 100.0,
        "records_seconds": 2.0,
        "expected": "not measured",
        "tries_tta": False,
        "chooses_blend": True,
        "stages": stages,
        **more,
    }
    return Course(**values)


class KilledError(Exception):
    """Stands for a kill."""


@dataclass
class Stages:
    """Stages that take their time on a clock; a fold that is late meets its deadline."""

    clock: FakeClock
    decode: float = 20.0
    fold: float = 100.0
    predict: float = 5.0
    mean: float = 4.0
    chosen: float = 15.0
    evaluate: float = 5.0
    kill_at: float | None = None
    full_disk_in: str = ""
    done: list[str] = field(default_factory=list)
    left_of_fold: dict[str, float] = field(default_factory=dict)
    evaluated: list[str] = field(default_factory=list)

    def work(self, name: str, seconds: float) -> None:
        if name.startswith(self.full_disk_in) and self.full_disk_in:
            raise DiskError(f"{name} cannot be written: the disk of runs is full; free some room", 28)
        if self.kill_at is not None and self.clock.seconds + seconds > self.kill_at:
            self.clock.seconds = self.kill_at
            raise KilledError
        self.clock.move(seconds)
        self.done.append(name)

    def prepare_images(self, *_: object) -> None:
        self.work("decode", self.decode if "decode" not in self.done else 0.0)

    def train_folds(
        self,
        loaded: LoadedConfig,
        run: RunFolder,
        folds: Sequence[int],
        options: Any,
        progress: object,
    ) -> None:
        (fold,), deadline = folds, options.deadline
        folder = run.fold(fold)
        assert options.resume == folder.info_file.is_file()
        if folder.is_finished:
            return
        folder.path.mkdir(parents=True, exist_ok=True)
        folder.write_info({"status": "running"})
        name = f"fold {fold}" + (f", seed {loaded.config.seed}" if run.path.name != "main" else "")
        need = self.left_of_fold.setdefault(name, self.fold)
        while deadline.later and WORTH_HAVING * need > deadline.seconds_left:
            deadline = deadline.put_off()
        taken = max(1.0, min(need, deadline.seconds_left))
        began = self.clock.seconds
        try:
            self.work(name, taken)
        finally:
            self.left_of_fold[name] = need - (self.clock.seconds - began)
        pace = {} if taken == need else {"pace": [[0.0, 0.0], [10.0 * taken / need, 10.0]]}
        folder.write_info({"status": "finished", **pace})

    def predict_run(self, loaded: LoadedConfig, run: RunFolder, options: Any, progress: object) -> None:
        seed = f" {run.path.name}" if run.path.name != "main" else ""
        self.work(f"predict {list(options.folds)}{seed}", self.predict * len(options.folds))

    def ensemble_runs(
        self, loaded: object, runs: Sequence[RunFolder], options: Any, progress: object
    ) -> SimpleNamespace:
        is_mean = options.method == "mean"
        assert options.post_process is not is_mean
        others = "".join(f" {run.path.name}" for run in runs[1:])
        name = f"{'mean' if is_mean else 'chosen'} {list(options.folds)}{others}"
        self.work(name, self.mean if is_mean else self.chosen)
        return SimpleNamespace(record=name)

    def write_submissions(self, loaded: LoadedConfig, run: RunFolder, *_: object) -> SimpleNamespace:
        path = (
            Path(loaded.config.paths.submissions)
            / loaded.name
            / f"{run.path.name}_ensemble_classification.csv"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.done[-1], encoding="utf-8")
        return SimpleNamespace(files=[SimpleNamespace(file=SimpleNamespace(path=path, rows=3))])

    def evaluate_runs(self, runs: Sequence[RunFolder], *_: object) -> SimpleNamespace:
        self.work("evaluate", self.evaluate)
        self.evaluated = [run.path.name for run in runs]
        return SimpleNamespace(metrics=())


Go = Callable[..., BudgetResult]


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch, demo_folder: Path) -> Stages:
    made = Stages(FakeClock())
    for name in (
        *("prepare_images", "train_folds", "predict_run", "ensemble_runs", "write_submissions"),
        "evaluate_runs",
    ):
        monkeypatch.setattr(execute, name, getattr(made, name))
    monkeypatch.setattr(execute, "add_estimate", lambda *_: None)
    return made


@pytest.fixture
def go(stages: Stages) -> Go:
    """Carries a plan out, or goes on with it."""

    def run(
        plan: Course | None = None, budget: float = BUDGET, overrides: Sequence[str] = ()
    ) -> BudgetResult:
        loaded = load_config("demo", ["train.epochs=10", *overrides])
        folder = run_folder(Path("runs"), "demo", "main")
        record = read_record(folder)
        if record is None:
            record = BudgetRecord("configs/demo.yaml", stages.clock.now(), budget, plan or course())
            write_record(folder, record)
        return Execution(loaded, folder, record, False, stages.clock, SilentProgress()).finish()

    return run


def csv_text() -> str:
    return Path("submissions/demo/main_ensemble_classification.csv").read_text(encoding="utf-8")


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

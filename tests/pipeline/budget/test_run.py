"""`run` from generated faces to checked CSVs, with real trainings of moments and a clock that pretends."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from kaggle_face.artifacts.run_locks import running_within_budget
from kaggle_face.cli.main import main
from kaggle_face.config import LoadedConfig, load_config
from kaggle_face.errors import ConfigError, InputError, RunError, SubmissionError
from kaggle_face.pipeline.budget import execute, planner
from kaggle_face.pipeline.budget import run as budget_run
from kaggle_face.pipeline.budget.estimates import read_estimates
from kaggle_face.pipeline.budget.ladder import read_ladder
from kaggle_face.pipeline.budget.plan_file import budget_word
from kaggle_face.pipeline.budget.record import BudgetRecord, Course, read_record, record_file, write_record
from kaggle_face.pipeline.budget.run import BudgetOptions, PlannedRun, plan_run, run_within
from kaggle_face.progress import SilentProgress
from kaggle_face.summaries.budget import describe_plan
from kaggle_face.summaries.summary import TextTable
from tests.support.budgets import FakeClock, FakeTrial, Ticking

SECONDS = 300.0
PLAN = Path("configs/tiny-5min.yaml")


@pytest.fixture
def loaded(raw_workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LoadedConfig:
    """Settings called `tiny` of a small competition, of which nothing was trained."""
    shutil.copytree(raw_workspace, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    return load_config("tiny")


def trial() -> FakeTrial:
    """A training image of 16 pixels takes 0.077 seconds."""
    return FakeTrial(seconds_a_megapixel=300.0)


def test_a_plan_is_written_as_settings_and_trains_nothing(loaded: LoadedConfig) -> None:
    made = trial()
    planned = plan_run(loaded, BudgetOptions(SECONDS), SilentProgress(), FakeClock(), made.as_context)
    assert planned.settings == PLAN and not planned.is_as_found and not Path("runs").exists()
    assert planned.plan.rung.name == "small-2-both" and planned.loaded.config == planned.plan.config
    text = PLAN.read_text(encoding="utf-8")
    assert text.startswith("# Written by kaggle-face run") and "extends: tiny" in text
    assert "# recipe: small-2-both (" in text and "# expected: not measured" in text
    assert planned.run.path == Path("runs/tiny-5min/main")


def test_a_plan_that_a_person_changed_is_taken_as_it_stands(loaded: LoadedConfig) -> None:
    def again(overwrite: bool = False) -> object:
        options = BudgetOptions(SECONDS, overwrite=overwrite)
        return plan_run(loaded, options, SilentProgress(), FakeClock(), trial().as_context)

    again()
    text = PLAN.read_text(encoding="utf-8")
    PLAN.write_text(text.replace("one_cycle", "cosine"), encoding="utf-8")
    found = again()
    assert found.is_as_found and found.plan.config.schedule.name == "cosine"  # type: ignore[attr-defined]
    assert again(overwrite=True).plan.config.schedule.name == "one_cycle"  # type: ignore[attr-defined]
    PLAN.write_text(text.replace("# recipe: small-2-both", "# recipe: mine"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"names no recipe; plan anew with --overwrite"):
        again()


def test_a_settings_file_that_no_plan_wrote_is_left_alone(loaded: LoadedConfig) -> None:
    PLAN.write_text("extends: tiny\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"tiny-5min\.yaml is there and was not written by kaggle-face run"):
        run_within(loaded, BudgetOptions(SECONDS), SilentProgress())
    assert PLAN.read_text(encoding="utf-8") == "extends: tiny\n"
    PLAN.unlink()
    PLAN.mkdir()
    with pytest.raises(ConfigError, match=r"tiny-5min\.yaml is there and was not written by kaggle-face run"):
        run_within(loaded, BudgetOptions(SECONDS, overwrite=True), SilentProgress())


def test_a_budget_that_is_too_small_leaves_nothing(loaded: LoadedConfig) -> None:
    with pytest.raises(RunError, match=r"a budget of 1 s is too little here: .* --minutes [\d.]+$"):
        run_within(loaded, BudgetOptions(1.0), SilentProgress(), FakeClock(), trial().as_context)
    assert not list(Path("configs").glob("tiny-*")) and not list(Path("runs").rglob("*.json"))


@pytest.mark.parametrize("seconds", [0.0, -5.0, float("nan"), float("inf")])
def test_a_budget_that_is_no_time_is_refused(seconds: float) -> None:
    with pytest.raises(InputError, match="a budget is above 0 and at most"):
        BudgetOptions(seconds)


@pytest.mark.slow
@pytest.mark.ci
def test_a_run_goes_from_pictures_to_checked_csvs_is_killed_and_goes_on(
    loaded: LoadedConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner, "_MOST_EPOCHS", 12)  # of 30 images
    clock, made = FakeClock(), trial()
    # Slower than its trial says: 0.13 seconds an image instead of 0.077.
    progress = Ticking(clock, 0.13)

    class KilledError(Exception):
        """Stands for a kill."""

    class Deadly(Ticking):
        def advance(self, steps: int = 1, note: str = "") -> None:
            super().advance(steps, note)
            if self.units > 130:  # of which 73 are decoded
                raise KilledError

    began = clock.seconds
    with pytest.raises(KilledError):
        run_within(loaded, BudgetOptions(SECONDS), Deadly(clock, 0.13), clock, made.as_context)
    record = read_record(load_run())
    assert record is not None and record.plan is not None and not record.trained
    tried = len(made.tried)
    result = run_within(loaded, BudgetOptions(SECONDS), progress, clock, made.as_context)
    assert len(made.tried) == tried, "the plan is not made again"
    assert clock.seconds - began <= SECONDS and not result.is_late
    assert sorted(path.name for path in result.paths) == [
        "main_ensemble_classification.csv",
        "main_ensemble_verification.csv",
    ]
    assert result.evaluation is not None and {row.task for row in result.evaluation.metrics}
    rows = read_estimates(Path("runs"))
    assert [row.fold for row in rows] == list(result.networks) and rows[0].recipe == result.plan.rung
    assert main(["status", "-c", "tiny-5min"]) == 0, "it is an ordinary run of ordinary settings"

    again = run_within(loaded, BudgetOptions(SECONDS), progress, clock, made.as_context)
    assert again.paths == result.paths and again.evaluation is None


def load_run() -> object:
    from kaggle_face.artifacts.runs import run_folder

    return run_folder(Path("runs"), "tiny-5min", "main")


def test_what_cannot_be_written_is_found_before_anything_is_measured(loaded: LoadedConfig) -> None:
    sample = Path("data/tiny/classification_sample_submission.csv")
    sample.write_text("id,label\nsomething_else.jpg,0\n", encoding="utf-8")
    made = trial()
    for begin in (plan_run, run_within):
        with pytest.raises(SubmissionError, match=r"something_else\.jpg"):
            begin(loaded, BudgetOptions(SECONDS), SilentProgress(), FakeClock(), made.as_context)
    assert not made.tried and not PLAN.exists() and not list(Path("runs").rglob("*.json"))


def test_a_plan_names_the_csvs_and_a_task_without_test_files(loaded: LoadedConfig) -> None:
    told = Ticking(FakeClock(), 0.0)
    for image in Path("data/tiny/cls_data/test").iterdir():
        image.unlink()
    planned = plan_run(loaded, BudgetOptions(SECONDS), told, FakeClock(), trial().as_context)
    assert planned.tasks == ("verification",)
    assert any("a CSV of classification, and its files hold nothing" in line for line in told.lines)
    (table, *_) = describe_plan(planned)
    assert isinstance(table, TextTable) and table.rows[-1] == ["CSVs", "verification"]


@pytest.mark.slow
def test_a_run_writes_the_csv_of_the_task_that_has_test_files(
    loaded: LoadedConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner, "_MOST_EPOCHS", 12)
    for image in Path("data/tiny/cls_data/test").iterdir():
        image.unlink()
    clock = FakeClock()
    progress = Ticking(clock, 0.05)
    result = run_within(loaded, BudgetOptions(SECONDS), progress, clock, trial().as_context)
    assert [path.name for path in result.paths] == ["main_ensemble_verification.csv"]
    assert result.evaluation is not None and {row.task for row in result.evaluation.metrics}


def test_a_damaged_record_is_one_line(loaded: LoadedConfig) -> None:
    run = load_run()
    run.path.mkdir(parents=True)  # type: ignore[attr-defined]
    record_file(run).write_text("{", encoding="utf-8")  # type: ignore[arg-type]
    with pytest.raises(RunError, match=r"budget\.json cannot be read"):
        run_within(loaded, BudgetOptions(SECONDS), SilentProgress(), FakeClock(), trial().as_context)


def test_each_goal_that_is_named_has_a_plan_of_its_own(loaded: LoadedConfig) -> None:
    options = BudgetOptions(SECONDS, goal="accuracy")
    planned = plan_run(loaded, options, SilentProgress(), FakeClock(), trial().as_context)
    assert planned.settings == Path("configs/tiny-5min-accuracy.yaml") and not PLAN.exists()
    assert planned.plan.purpose == "accuracy"


def test_budgets_are_named_so_that_none_is_taken_for_another() -> None:
    words = [budget_word(seconds) for seconds in (90, 240, 480, 3600, 7200, 9000, 43_200)]
    assert words == ["1.5min", "4min", "8min", "60min", "2h", "2.5h", "12h"]


def test_what_is_set_on_the_command_line_is_planned_and_written(loaded: LoadedConfig) -> None:
    def planned(*overrides: str) -> PlannedRun:
        again = load_config("tiny", overrides)
        return plan_run(again, BudgetOptions(SECONDS), SilentProgress(), FakeClock(), trial().as_context)

    found = planned("train.epochs=3", "data.image_size=16")
    assert found.plan.config == found.loaded.config and found.plan.length == 3.0
    assert (found.plan.config.train.epochs, found.plan.config.data.image_size) == (3, 16)
    assert found.plan.config == load_config("tiny-5min").config, "the file holds all of the plan"
    assert found.plan.why_not_larger and found.run.path.name == "data.image_size=16,train.epochs=3"
    again = planned("train.epochs=2")
    assert again.is_as_found and again.plan.length == 2.0


def test_two_calls_do_not_carry_out_one_plan_at_once(loaded: LoadedConfig) -> None:
    with (
        running_within_budget(load_run()),  # type: ignore[arg-type]
        pytest.raises(RunError, match=r"tiny-5min/main is being written by another process"),
    ):
        run_within(loaded, BudgetOptions(SECONDS), SilentProgress(), FakeClock(), trial().as_context)
    assert not PLAN.exists()


def test_a_plan_whose_settings_are_gone_is_one_line(loaded: LoadedConfig) -> None:
    plan = plan_run(loaded, BudgetOptions(SECONDS), SilentProgress(), FakeClock(), trial().as_context).plan
    write_record(load_run(), BudgetRecord(str(PLAN), 1_000_000.0, SECONDS, Course.of(plan)))  # type: ignore[arg-type]
    PLAN.unlink()
    with pytest.raises(ConfigError, match=r"tiny-5min\.yaml is gone, .*; plan anew with --overwrite"):
        run_within(loaded, BudgetOptions(SECONDS), SilentProgress(), FakeClock(), trial().as_context)


def test_more_folds_than_the_settings_make_are_one_line(loaded: LoadedConfig) -> None:
    plan = plan_run(loaded, BudgetOptions(SECONDS), SilentProgress(), FakeClock(), trial().as_context).plan
    course = replace(Course.of(plan), networks=7, most_networks=9)
    write_record(load_run(), BudgetRecord("configs/x.yaml", 1_000_000.0, SECONDS, course))  # type: ignore[arg-type]
    made = plan.config.folds.total
    with pytest.raises(
        ConfigError,
        match=rf"budget\.json plans up to 9 folds, and configs.tiny-5min\.yaml makes {made}; .*--overwrite",
    ):
        run_within(loaded, BudgetOptions(SECONDS), SilentProgress(), FakeClock(), trial().as_context)


def test_a_run_goes_on_with_its_own_settings_whatever_its_record_names(
    loaded: LoadedConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_run(loaded, BudgetOptions(SECONDS), SilentProgress(), FakeClock(), trial().as_context).plan
    record = BudgetRecord("configs/other.yaml", 1_000_000.0, SECONDS, Course.of(plan))
    write_record(load_run(), record)  # type: ignore[arg-type]
    monkeypatch.setattr(budget_run.Execution, "finish", lambda execution: execution._result(None))
    found = run_within(loaded, BudgetOptions(SECONDS), SilentProgress(), FakeClock(), trial().as_context)
    assert found.settings == PLAN


SEEDS = """\
# Two networks.
# task: both
# pictures: any
# images: 200
# networks: 2
# mflops: 5
# measured: not measured
# source: this test
extends: small-1-both

model:
  further_center_crops: [0.75]
"""


@pytest.mark.slow
@pytest.mark.ci
def test_two_seeds_of_one_fold_go_to_one_csv_are_killed_between_and_removed_together(
    loaded: LoadedConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipes = Path("configs/recipes")
    recipes.mkdir()
    monkeypatch.setattr(budget_run, "read_ladder", lambda: read_ladder([recipes]))
    (recipes / "seeds.yaml").write_text(SEEDS, encoding="utf-8")
    held_out = load_config("tiny", ["folds.dev=holdout", "seed=6"])
    clock, options = FakeClock(), BudgetOptions(SECONDS, run="two")
    progress = Ticking(clock, 0.01)

    class KilledError(Exception):
        """Stands for a kill."""

    def killed(*_: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch, pytest.raises(KilledError):
        patch.setattr(execute, "write_submissions", killed)
        run_within(held_out, options, progress, clock, FakeTrial(1.0).as_context)
    result = run_within(held_out, options, progress, clock, FakeTrial(1.0).as_context)
    runs = Path("runs/tiny-5min")
    assert [run.path for run in result.runs] == [runs / "two", runs / "two-seed7"]
    assert [run.fold(0).read_config().seed for run in result.runs] == [6, 7]
    assert [run.fold(0).read_config().model.center_crop for run in result.runs] == [1.0, 0.75]
    first, second = (run.fold(0).read_config() for run in result.runs)
    assert first.folds == second.folds and first.train == second.train
    assert result.blend is not None and len(result.blend.runs) == 2
    assert {name for name in (stage.name for stage in result.stages) if name.startswith("fold")} == {
        "fold 0",
        "fold 0, seed 7",
    }
    assert sorted(path.name for path in result.paths) == [
        "two_ensemble_classification.csv",
        "two_ensemble_verification.csv",
    ]
    rows = read_estimates(Path("runs"))
    assert {row.run for row in rows} == {"tiny-5min/two", "tiny-5min/two-seed7"}

    assert main(["evaluate", "-c", "tiny-5min"]) == 0, "the run is meant, not its further networks"
    other, of_somebody = runs / "two-seed7", runs / "two-seed8"
    of_somebody.mkdir()
    again = run_within(held_out, replace(options, overwrite=True), progress, clock, FakeTrial(1.0).as_context)
    assert again.runs == result.runs and other.is_dir(), "of the call before, removed and trained anew"
    assert of_somebody.is_dir(), "no call began it"
    shutil.rmtree(runs / "two")
    with pytest.raises(RunError, match=r"two-seed7 is there, .* --run NAME$"):
        run_within(held_out, options, progress, clock, FakeTrial(1.0).as_context)
    assert not (runs / "two").exists(), "nothing is left of a call that is refused"

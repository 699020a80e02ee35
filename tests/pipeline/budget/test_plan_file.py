"""The settings file of a plan: whose it is, and whether what is trained was trained with it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kaggle_face.artifacts.files.atomic import write_text
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.config import LoadedConfig, dump_config, load_config
from kaggle_face.errors import ConfigError, RunError
from kaggle_face.pipeline.budget import run as budget_run
from kaggle_face.pipeline.budget.record import BudgetRecord, Course, record_file, write_record
from kaggle_face.pipeline.budget.run import BudgetOptions, PlannedRun, plan_run, run_within
from kaggle_face.progress import SilentProgress
from tests.support.budgets import FakeClock, FakeTrial

SECONDS = 300.0
PLAN = Path("configs/tiny-5min.yaml")
RUN = RunFolder(Path("runs/tiny-5min/main"))


@pytest.fixture
def loaded(raw_workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LoadedConfig:
    """Settings called `tiny` of a small competition, of which nothing was trained."""
    shutil.copytree(raw_workspace, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    return load_config("tiny")


def planned(loaded: LoadedConfig, overwrite: bool = False) -> PlannedRun:
    options, trial = BudgetOptions(SECONDS, overwrite=overwrite), FakeTrial(300.0)
    return plan_run(loaded, options, SilentProgress(), FakeClock(), trial.as_context)


def carried_out(loaded: LoadedConfig, overwrite: bool = False) -> object:
    options, trial = BudgetOptions(SECONDS, overwrite=overwrite), FakeTrial(300.0)
    return run_within(loaded, options, SilentProgress(), FakeClock(), trial.as_context)


@pytest.fixture
def with_one_network(loaded: LoadedConfig, monkeypatch: pytest.MonkeyPatch) -> LoadedConfig:
    """A plan whose first network is trained; carrying it out shows what it did."""
    made = planned(loaded)
    record = BudgetRecord(str(PLAN), 1_000_000.0, SECONDS, Course.of(made.plan), trained=[0])
    write_record(RUN, record)
    RUN.fold(0).write_info({"status": "finished", "fold": 0})
    write_text(RUN.fold(0).config_file, dump_config(made.loaded.config))
    monkeypatch.setattr(budget_run.Execution, "finish", lambda execution: execution._result(None))
    return loaded


def test_settings_that_changed_between_two_networks_are_named(with_one_network: LoadedConfig) -> None:
    carried_out(with_one_network)
    text = PLAN.read_text(encoding="utf-8")
    assert "one_cycle" in text
    PLAN.write_text(text.replace("one_cycle", "cosine"), encoding="utf-8")
    with pytest.raises(
        RunError, match=r"tiny-5min\.yaml: .* since fold 0 of tiny-5min/main .*--run NAME$"
    ) as line:
        carried_out(with_one_network)
    assert "schedule.name: one_cycle -> cosine" in str(line.value)
    PLAN.write_text(f"{text}predict: {{flip: false}}\n", encoding="utf-8")
    carried_out(with_one_network)


def test_a_plan_of_settings_of_the_same_name_elsewhere_is_not_taken(loaded: LoadedConfig) -> None:
    planned(loaded)
    Path("other").mkdir()
    shutil.copy("configs/tiny.yaml", "other/tiny.yaml")
    other = load_config("other/tiny.yaml")
    before = PLAN.read_bytes()
    for begin in (planned, carried_out):
        with pytest.raises(
            ConfigError, match=r"5min\.yaml extends configs.tiny\.yaml, .* for other.tiny\.yaml;"
        ):
            begin(other)
    assert PLAN.read_bytes() == before


def test_a_plan_that_cannot_be_read_is_made_anew_with_overwrite(loaded: LoadedConfig) -> None:
    planned(loaded)
    head = PLAN.read_text(encoding="utf-8").splitlines()[0]
    for text in ("extends: [tiny\n", "extends: gone\n"):
        PLAN.write_text(f"{head}\n{text}", encoding="utf-8")
        with pytest.raises(ConfigError):
            planned(loaded)
        assert planned(loaded, overwrite=True).plan.rung.name == "small-2-both"


def test_a_plan_that_would_extend_other_settings_of_that_name_is_refused(loaded: LoadedConfig) -> None:
    shutil.copy("configs/tiny.yaml", "tiny.yaml")
    with pytest.raises(ConfigError, match=r"extends configs.tiny\.yaml, and this call is for tiny\.yaml"):
        planned(load_config("tiny.yaml"))
    assert not PLAN.exists(), "it is seen before anything is measured"


def test_another_limit_of_a_trainings_time_is_refused_before_anything_is_measured(
    loaded: LoadedConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"train\.max_hours=1 and a budget would both end a training"):
        planned(load_config("tiny", ["train.max_hours=1"]))
    assert not PLAN.exists()
    text = Path("configs/tiny.yaml").read_text(encoding="utf-8")
    Path("configs/limited.yaml").write_text("extends: tiny\ntrain: {max_hours: 1}\n", encoding="utf-8")
    assert planned(load_config("limited")).plan.config.train.max_hours is None, "the recipe has none"
    assert Path("configs/tiny.yaml").read_text(encoding="utf-8") == text
    planned(loaded)
    PLAN.write_text(PLAN.read_text(encoding="utf-8").replace("train: {", "train: {max_hours: 1, "), "utf-8")
    assert "max_hours" in PLAN.read_text(encoding="utf-8")
    with pytest.raises(ConfigError, match=r"train\.max_hours=1"):
        planned(loaded)


def test_further_networks_are_removed_with_their_run_though_its_settings_are_gone(
    with_one_network: LoadedConfig,
) -> None:
    record = BudgetRecord(str(PLAN), 1_000_000.0, SECONDS)
    record.spent |= {"fold 0": 3.0, "fold 0, seed 7": 4.0, "fold 0, seed 9, removed": 4.0}
    write_record(RUN, record)
    PLAN.unlink()
    others = [Path(f"runs/tiny-5min/main-seed{seed}") for seed in (7, 8, 9)]
    for other in others:
        other.mkdir()
    carried_out(with_one_network, overwrite=True)
    assert [other.exists() for other in others] == [False, True, False], "no call began the run of seed 8"


def test_with_a_damaged_record_nothing_is_removed_where_runs_may_be_its_own(
    with_one_network: LoadedConfig,
) -> None:
    Path("runs/tiny-5min/main-seed7").mkdir()
    record_file(RUN).write_text("{", encoding="utf-8")
    with pytest.raises(RunError, match=r"budget\.json cannot be read"):
        carried_out(with_one_network, overwrite=True)
    assert RUN.fold(0).config_file.is_file()
    Path("runs/tiny-5min/main-seed7").rmdir()
    carried_out(with_one_network, overwrite=True)
    assert not RUN.fold(0).config_file.exists()

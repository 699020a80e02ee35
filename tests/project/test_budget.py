"""A project runs and plans within a budget as the command does."""

from __future__ import annotations

from pathlib import Path

import pytest

import kaggle_face as kf
from kaggle_face.cli.main import main
from kaggle_face.pipeline.budget import run as budget_run
from kaggle_face.project.budget import BudgetRun
from kaggle_face.project.project import Project
from kaggle_face.project.run import Run
from tests.support.budgets import FakeClock, FakeTrial, Ticking


@pytest.fixture
def project(tiny_faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project on a machine of which a fake trial knows the rates, with a clock that pretends."""
    monkeypatch.chdir(tmp_path)
    clock = FakeClock()
    trial = FakeTrial(seconds_a_megapixel=100.0)
    monkeypatch.setattr(budget_run.plan_run, "__defaults__", (clock, trial.as_context, None))
    monkeypatch.setattr(
        budget_run.run_within, "__defaults__", (clock, trial.as_context, lambda planned: None)
    )
    (tmp_path / "configs").mkdir()
    text = f"extends: demo\nfolds: {{count: 2}}\ndevice: cpu\ndata: {{root: {tiny_faces}, workers: 0}}\n"
    (tmp_path / "configs" / "mine.yaml").write_text(text, encoding="utf-8")
    return kf.open_project("mine", progress=Ticking(clock, 0.05))


def test_a_plan_says_what_would_be_done_and_writes_it_as_settings(project: Project) -> None:
    plan = project.plan(minutes=5)
    assert plan.settings == Path("configs/mine-5min.yaml") and plan.settings.is_file()
    assert plan.expected == "not measured" and plan.why_not_larger
    assert list(plan.stages.columns) == ["name", "seconds", "note"]
    assert plan.stages["seconds"].sum() <= 300.0 and "small-1-both" in repr(plan)
    assert "<table" in plan._repr_html_() and not Path("runs").exists()
    assert project.plan("other", minutes=5).planned.run.name == "mine-5min/other"


@pytest.mark.slow
def test_a_run_within_hours_is_a_run_of_its_plans_settings(project: Project) -> None:
    run = project.run(hours=0.08)
    assert isinstance(run, BudgetRun) and isinstance(run, Run) and run.folds
    assert run.project.name == "mine-4.8min" and len(run.paths) == 2 and all(p.is_file() for p in run.paths)
    assert {"name", "planned", "taken"} == set(run.stages.columns)
    assert run.project.run().folder == run.folder, "without a budget it is a run that is there"


def test_a_budget_is_given_once(project: Project) -> None:
    with pytest.raises(kf.InputError, match="a run needs one budget: hours=H or minutes=M"):
        project.plan()
    with pytest.raises(kf.InputError, match="a run needs one budget: hours=H or minutes=M"):
        project.run(hours=1, minutes=60)
    for call in (
        lambda: project.run("main", goal="accuracy"),
        lambda: project.run("main", overwrite=True),
        lambda: project.run("main", ignore_rules=True),
    ):
        with pytest.raises(kf.InputError, match="a run needs one budget: hours=H or minutes=M"):
            call()
    with pytest.raises(kf.InputError, match="a budget is above 0 and at most"):
        project.run(minutes=-1)
    with pytest.raises(kf.InputError, match="must be 'accuracy', 'verification' or 'both', got 'eer'"):
        project.run(minutes=5, goal="eer")  # type: ignore[call-overload]


def test_the_command_refuses_in_the_same_words(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "-c", "mine"]) == 2
    assert "error: a run needs one budget: --hours H or --minutes M\n" in capsys.readouterr().err
    assert main(["run", "-c", "mine", "--minutes", "nan"]) == 2
    assert "error: a budget is above 0 and at most" in capsys.readouterr().err

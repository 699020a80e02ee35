"""A run within a budget whose stages only move a clock."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from kaggle_face.artifacts.runs import run_folder
from kaggle_face.config import load_config
from kaggle_face.pipeline.budget import execute
from kaggle_face.pipeline.budget.execute import BudgetResult, Execution
from kaggle_face.pipeline.budget.record import BudgetRecord, Course, read_record, write_record
from kaggle_face.progress import SilentProgress
from tests.support.budget_stages import BUDGET, Go, Stages, course
from tests.support.budgets import FakeClock


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch, demo_folder: Path) -> Stages:
    made = Stages(FakeClock())
    for name in (
        *("prepare_images", "train_folds", "predict_run", "ensemble_runs", "write_submissions"),
        "evaluate_runs",
    ):
        monkeypatch.setattr(execute, name, getattr(made, name))
    monkeypatch.setattr(execute, "add_estimate", made.add_estimate)
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

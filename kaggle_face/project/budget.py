"""Runs within a time budget, and their plans, in a notebook."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from kaggle_face.project.frames import as_html, frame_of
from kaggle_face.project.run import Run, RunOwner
from kaggle_face.tasks import Purpose

if TYPE_CHECKING:
    from kaggle_face.config import LoadedConfig
    from kaggle_face.pipeline.budget.execute import BudgetResult
    from kaggle_face.pipeline.budget.run import BudgetOptions, PlannedRun


class BudgetPlan:
    """The plan of `Project.run` for a budget; made by `Project.plan`.

    Attributes:
        planned: The pipeline's record of it.
    """

    def __init__(self, planned: PlannedRun) -> None:
        self.planned = planned

    @property
    def settings(self) -> Path:
        """The file of its settings, which may be changed before `Project.run` takes it."""
        return self.planned.settings

    @property
    def stages(self) -> pd.DataFrame:
        """The stages in their order: `name`, `seconds`, `note`."""
        return frame_of(self.planned.plan.stages)

    @property
    def expected(self) -> str:
        """The scores that are known of the recipe, or `not measured`."""
        return self.planned.plan.expected

    @property
    def why_not_larger(self) -> tuple[str, ...]:
        """Why the next larger recipe was not taken."""
        return self.planned.plan.why_not_larger

    def __repr__(self) -> str:
        plan = self.planned.plan
        what = f"{plan.rung.name}, {plan.networks_in_words}, each {plan.length:.1f} epochs"
        return f"plan: {what}, {self.settings}"

    def _repr_html_(self) -> str:
        return as_html(repr(self), self.stages)


class BudgetRun(Run):
    """A run that `Project.run` made within a budget; it is a run of the settings of its plan.

    Attributes:
        result: The pipeline's record of it.
    """

    def __init__(self, project: RunOwner, result: BudgetResult) -> None:
        super().__init__(project, result.run)
        self.result = result

    @property
    def stages(self) -> pd.DataFrame:
        """The stages with the seconds that were planned and taken."""
        return frame_of(self.result.stages)

    @property
    def notes(self) -> tuple[str, ...]:
        """Deviations from the plan, in lines."""
        return self.result.notes

    @property
    def paths(self) -> tuple[Path, ...]:
        """The checked CSVs."""
        return self.result.paths


def budget_options(
    hours: float | None,
    minutes: float | None,
    name: str | None,
    goal: Purpose | None,
    overwrite: bool,
    ignore_rules: bool,
) -> BudgetOptions:
    """The options of a call of `Project.run` or `Project.plan`.

    Raises:
        InputError: The budget is given twice or not at all, or a value is out of range.
    """
    from kaggle_face.pipeline.budget.run import BudgetOptions, seconds_of_budget

    return BudgetOptions(seconds_of_budget(hours, minutes), name, goal, overwrite, ignore_rules)


def plan_project(project: RunOwner, options: BudgetOptions) -> BudgetPlan:
    """The plan of a budget, written as settings."""
    from kaggle_face.pipeline.budget.run import plan_run

    with project.call() as progress:
        return BudgetPlan(plan_run(project.loaded, options, progress))


def run_project(project: RunOwner, options: BudgetOptions) -> tuple[BudgetResult, LoadedConfig]:
    """The whole chain within a budget: its result, and the settings of its plan, to which the run belongs."""
    from kaggle_face.config import load_config

    began = time.monotonic()  # the next import takes seconds where nothing was imported yet
    from kaggle_face.pipeline.budget.run import run_within

    with project.call() as progress:
        result = run_within(project.loaded, options, progress, gone=time.monotonic() - began)
        return result, load_config(result.settings.stem, project.loaded.overrides)

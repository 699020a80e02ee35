"""`kaggle-face run`: from images to checked CSVs within a time budget."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from kaggle_face.cli.arguments import (
    add_config_arguments,
    add_new_run_argument,
    add_overwrite_argument,
    add_rules_argument,
    load_settings,
    options_of,
)
from kaggle_face.cli.terminal import Terminal

if TYPE_CHECKING:
    from kaggle_face.pipeline.budget.execute import BudgetResult
    from kaggle_face.pipeline.budget.run import PlannedRun


def add_arguments_run(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `run`."""
    parser.add_argument("--hours", type=float, metavar="H", help="the budget, from the first call on")
    parser.add_argument("--minutes", type=float, metavar="M", help="the budget in minutes")
    parser.add_argument(
        "--plan", action="store_true", help="print the plan and write its settings, but train nothing"
    )
    parser.add_argument(
        "--goal",
        choices=("accuracy", "verification", "both"),
        help="the task that the recipe is chosen for (default: what the competition is ranked by)",
    )
    add_new_run_argument(parser)
    add_overwrite_argument(parser, "plan anew and begin anew; what the run holds is removed")
    add_rules_argument(parser)
    add_config_arguments(parser)


def run_run(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Prints the plan, carries it out, and prints what was done against it."""
    from kaggle_face.pipeline.budget.run import BudgetOptions, plan_run, run_within, seconds_of_budget

    loaded, seconds = load_settings(arguments), seconds_of_budget(arguments.hours, arguments.minutes)
    options = options_of(BudgetOptions, arguments, seconds=seconds)
    if arguments.plan:
        print_plan(plan_run(loaded, options, terminal), terminal)
        return
    result = run_within(loaded, options, terminal, show=lambda planned: print_plan(planned, terminal))
    print_result(result, terminal)


def print_plan(planned: PlannedRun, terminal: Terminal) -> None:
    """Prints the stages of a plan with their times, what is expected, and why it is no larger one."""
    from kaggle_face.summaries.budget import describe_plan

    terminal.show(describe_plan(planned))


def print_result(result: BudgetResult, terminal: Terminal) -> None:
    """Prints planned and taken times, what was done otherwise, figures and CSVs."""
    from kaggle_face.summaries.budget import describe_budget, seconds_as_text

    terminal.show(describe_budget(result))
    if result.is_late:
        late = seconds_as_text(result.seconds - result.budget_seconds)
        terminal.warn(f"it took {late} s longer than its budget")

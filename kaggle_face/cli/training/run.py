"""`kaggle-face run`: from images to checked CSVs within a time budget."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from kaggle_face.cli.arguments import CommandParser, load_settings, options_of
from kaggle_face.cli.terminal import Terminal

if TYPE_CHECKING:
    from kaggle_face.pipeline.budget.execute import BudgetResult


def add_arguments_run(parser: CommandParser) -> None:
    """Declares the options of `run`."""
    parser.add_argument("--hours", type=float, metavar="H", help="the budget, from the first call on")
    parser.add_argument("--minutes", type=float, metavar="M", help="the budget in minutes")
    parser.add_flag("--plan", "print the plan and write its settings, but train nothing")
    parser.add_argument(
        "--goal",
        choices=("accuracy", "verification", "both"),
        help="the task that the recipe is chosen for (default: what the competition is ranked by)",
    )
    parser.add_new_run_argument()
    parser.add_flag("--overwrite", "plan anew and begin anew; what the run holds is removed")
    parser.add_rules_argument()
    parser.add_config_arguments()


def run_run(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Prints the plan, carries it out, and prints the times taken."""
    began = time.monotonic()  # the next imports take seconds of the budget
    from kaggle_face.pipeline.budget.run import BudgetOptions, plan_run, run_within, seconds_of_budget
    from kaggle_face.summaries.budget import describe_plan

    loaded, seconds = load_settings(arguments), seconds_of_budget(arguments.hours, arguments.minutes)
    options = options_of(BudgetOptions, arguments, seconds=seconds)
    if arguments.plan:
        terminal.show(describe_plan(plan_run(loaded, options, terminal)))
    else:
        show, gone = (lambda planned: terminal.show(describe_plan(planned))), time.monotonic() - began
        print_result(run_within(loaded, options, terminal, show=show, gone=gone), terminal)


def print_result(result: BudgetResult, terminal: Terminal) -> None:
    """Prints planned and taken times, deviations from the plan, figures and CSVs."""
    from kaggle_face.summaries.budget import describe_budget, seconds_as_text

    terminal.show(describe_budget(result))
    if result.is_late:
        late = seconds_as_text(result.seconds - result.budget_seconds)
        terminal.warn(f"it took {late} s longer than its budget")

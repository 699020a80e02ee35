"""`kaggle-face run`: from images to checked CSVs within a time budget."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from kaggle_face.cli.arguments import add_config_arguments, add_rules_argument, load_settings
from kaggle_face.cli.legends import meanings
from kaggle_face.cli.terminal import Terminal

if TYPE_CHECKING:
    from kaggle_face.pipeline.budget.execute import BudgetResult
    from kaggle_face.pipeline.budget.run import BudgetOptions, PlannedRun


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
    parser.add_argument(
        "--run", metavar="NAME", help="name of the run (default: made of the overrides, or 'main')"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="plan anew and begin anew; what the run holds is removed"
    )
    add_rules_argument(parser)
    add_config_arguments(parser)


def run_run(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Prints the plan, carries it out, and prints what was done against it."""
    from kaggle_face.pipeline.budget.run import plan_run, run_within

    loaded, options = load_settings(arguments), _options(arguments)
    if arguments.plan:
        print_plan(plan_run(loaded, options, terminal), terminal)
        return
    result = run_within(loaded, options, terminal, show=lambda planned: print_plan(planned, terminal))
    print_result(result, terminal)


def print_plan(planned: PlannedRun, terminal: Terminal) -> None:
    """Prints the stages of a plan with their times, what is expected, and why it is no larger one."""
    plan = planned.plan
    config = plan.config
    train, size_px = config.train, config.data.image_size
    start = train.start_image_size
    grown = "" if start is None else f" ({start} at first, all from epoch {train.grow_epochs} on)"
    averages = [
        *([f"EMA {train.ema_decay:g}"] if train.ema_decay is not None else []),
        *([f"SWA of {train.swa_epochs} epochs"] if train.swa_epochs is not None else []),
    ]
    taught = ", ".join(config.loss.distill.runs)
    rows = [
        ["recipe", f"{plan.rung.name}, for {plan.purpose}; {plan.rung.source}"],
        ["network", f"{config.model.backbone}, {plan.num_parameters / 1e6:.2f} M parameters"],
        ["pixels", f"{size_px}{grown}"],
        [
            "epochs",
            f"{plan.length:.1f} of {plan.rung.name}'s schedule, {plan.images_per_second:.0f} images/s",
        ],
        ["folds", f"{plan.folds} of {config.folds.total}"],
        ["averages", ", ".join(averages) or "none"],
        ["distillation", f"from {taught}" if taught else "none"],
        ["prediction", _averaging(plan.tries_tta, config.predict.flip)],
        ["expected", plan.expected],
    ]
    terminal.table(["plan", "value"], rows, {"plan": "a part of it", "value": "what was chosen"})
    terminal.log("")
    stages = [[stage.name, _seconds(stage.seconds), stage.note] for stage in plan.stages]
    total = sum(stage.seconds for stage in plan.stages)
    stages.append(["all", _seconds(total), f"of a budget of {_seconds(plan.budget_seconds)}"])
    legend = {"stage": "in the order of work", "seconds": "that it may take", "note": "what it includes"}
    terminal.table(list(legend), stages, legend)
    terminal.lines(["", *plan.why_not_larger])
    how = (
        "was there and is taken as it stands" if planned.is_as_found else "was written; change what you like"
    )
    terminal.lines([f"{planned.settings} {how}", ""])


def print_result(result: BudgetResult, terminal: Terminal) -> None:
    """Prints planned and taken times, what was done otherwise, figures and CSVs."""
    if result.evaluation is not None:
        rows = [
            [row.member, row.task, row.metric, f"{row.value:.4f}", _interval(row.low, row.high)]
            for row in result.evaluation.metrics
        ]
        columns = ["held out", "task", "metric", "value", "95 % interval"]
        own = {"held out": "member, measured on its held-out data", "value": "of the metric"}
        terminal.table(columns, rows, meanings(columns, own))
        terminal.log("")
    cells = [
        [stage.name, *("-" if each is None else _seconds(each) for each in (stage.planned, stage.taken))]
        for stage in result.stages
    ]
    cells.append(["all", _seconds(result.budget_seconds), _seconds(result.seconds)])
    legend = {
        "stage": "in the order of work",
        "planned": "time that it should take",
        "taken": "time that it took",
    }
    terminal.table(list(legend), cells, legend)
    terminal.lines(["", *result.notes])
    if result.dropped:
        terminal.log(f"not trained: fold {', '.join(map(str, result.dropped))}")
    late = result.seconds - result.budget_seconds
    if result.is_late:
        terminal.warn(f"it took {_seconds(late)} s longer than its budget")
    for path in result.paths:
        terminal.log(f"{path}")


def _options(arguments: argparse.Namespace) -> BudgetOptions:
    """The options of a call.

    Raises:
        InputError: Not one of --hours and --minutes is given, or it is not a time.
    """
    from kaggle_face.pipeline.budget.run import BudgetOptions, seconds_of_budget

    seconds = seconds_of_budget(arguments.hours, arguments.minutes)
    return BudgetOptions(seconds, arguments.run, arguments.goal, arguments.overwrite, arguments.ignore_rules)


def _averaging(tries_tta: bool, flip: bool) -> str:
    plain = "image and mirror image" if flip else "the image alone"
    return f"{plain}; more is tried on held-out data" if tries_tta else plain


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.1f}"


def _interval(low: float | None, high: float | None) -> str:
    return "-" if low is None or high is None else f"{low:.4f} to {high:.4f}"

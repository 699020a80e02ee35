"""Summary of a run within a time budget: the plan, and the times taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaggle_face.summaries.legends import meanings
from kaggle_face.summaries.summary import Summary, TextTable, interval, number

if TYPE_CHECKING:
    from kaggle_face.pipeline.budget.execute import BudgetResult
    from kaggle_face.pipeline.budget.plan import Plan
    from kaggle_face.pipeline.budget.run import PlannedRun

_PLAN = {"plan": "a part of it", "value": "what was chosen"}
_STAGES = {"stage": "in the order of work", "seconds": "that it may take", "note": "what it includes"}
_TAKEN = {
    "stage": "in the order of work",
    "planned": "time that it should take",
    "taken": "time that it took",
}


def describe_plan(planned: PlannedRun) -> Summary:
    """The stages of a plan with their times, expected figures, and why it is not a larger one."""
    plan = planned.plan
    stages = [[stage.name, seconds_as_text(stage.seconds), stage.note] for stage in plan.stages]
    total = seconds_as_text(sum(stage.seconds for stage in plan.stages))
    stages.append(["all", total, f"of a budget of {seconds_as_text(plan.budget_seconds)}"])
    how = (
        "was there and is taken as it stands" if planned.is_as_found else "was written; change what you like"
    )
    return [
        TextTable(_PLAN, [*_choices(plan), ["CSVs", " and ".join(planned.tasks)]]),
        "",
        TextTable(_STAGES, stages),
        "",
        *([plan.caution] if plan.caution else []),
        *plan.why_not_larger,
        f"{planned.settings} {how}",
        "",
    ]


def _choices(plan: Plan) -> list[list[str]]:
    """The choices of a run, by part."""
    config = plan.config
    train, size_px = config.train, config.data.image_size
    start = train.start_image_size
    grown = "" if start is None else f" ({start} at first, all from epoch {train.grow_epochs} on)"
    averages = [
        *([f"EMA {train.ema_decay:g}"] if train.ema_decay is not None else []),
        *([f"SWA of {train.swa_epochs} epochs"] if train.swa_epochs is not None else []),
    ]
    taught = ", ".join(config.loss.distill.runs)
    plain = "image and mirror image" if config.predict.flip else "the image alone"
    length = f"{plan.length:.1f} of {plan.rung.name}'s schedule, {plan.images_per_second:.0f} images/s"
    return [
        ["recipe", f"{plan.rung.name}, for {plan.purpose}; {plan.rung.source}"],
        ["backbone", f"{config.model.backbone}, {plan.num_parameters / 1e6:.2f} M parameters"],
        ["pixels", f"{size_px}{grown}"],
        ["epochs", length],
        ["networks", plan.networks_in_words],
        ["averages", ", ".join(averages) or "none"],
        ["distillation", f"from {taught}" if taught else "none"],
        ["prediction", f"{plain}; more is tried on held-out data" if plan.tries_tta else plain],
        ["expected", plan.expected],
    ]


def describe_budget(result: BudgetResult) -> Summary:
    """Figures on held-out data, planned and taken times, deviations from the plan, and the CSVs."""
    lines: list[str | TextTable] = []
    rows = _figures(result)
    if rows:
        own = {"held out": "what is measured on its held-out data", "value": "of the metric"}
        columns = ["held out", "task", "metric", "value", "95 % interval"]
        lines = [TextTable(meanings(columns, own), rows), ""]
    cells = [
        [
            stage.name,
            *("-" if each is None else seconds_as_text(each) for each in (stage.planned, stage.taken)),
        ]
        for stage in result.stages
    ]
    planned = sum(stage.planned or 0.0 for stage in result.stages)
    taken = sum(stage.taken or 0.0 for stage in result.stages)
    cells.append(["all", seconds_as_text(planned), seconds_as_text(taken)])
    whole = (
        f"from the first call to the end: {seconds_as_text(result.seconds)} s "
        f"of a budget of {seconds_as_text(result.budget_seconds)} s"
    )
    lines += [TextTable(_TAKEN, cells), "", whole, *result.notes]
    if result.dropped:
        lines.append(f"not trained: {', '.join(result.dropped)}")
    return [*lines, *map(str, result.paths)]


def _figures(result: BudgetResult) -> list[list[str]]:
    """Figures on held-out data: of each run where there was time to evaluate, and of the blend."""
    evaluated = () if result.evaluation is None else result.evaluation.metrics
    rows = [
        [row.member, row.task, row.metric, number(row.value), interval(row.low, row.high)]
        for row in evaluated
    ]
    for task, record in () if result.blend is None else result.blend.tasks.items():
        if (found := record.out_of_fold) is not None:
            low, high = (None, None) if found.interval is None else (found.interval.low, found.interval.high)
            rows.append(["the blend", task, found.metric, number(found.value), interval(low, high)])
    return rows


def seconds_as_text(seconds: float) -> str:
    """Seconds with one digit where they are few.

    >>> seconds_as_text(3.14), seconds_as_text(31.4)
    ('3.1', '31')
    """
    return f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.1f}"

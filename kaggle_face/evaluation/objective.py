"""The objective of a blend: the competition's score, as a formula over the metrics of both tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kaggle_face.metrics.score import Composite, default_formula, parse_composite
from kaggle_face.metrics.table import ClassMetric
from kaggle_face.metrics.trials import VERIFICATION_METRICS
from kaggle_face.tasks import Task

CLASS_METRICS: tuple[ClassMetric, ...] = ("accuracy", "top5", "map@5")
"""What is known of a blend's classes; ranks have no log loss."""
PAIR_METRICS = VERIFICATION_METRICS


def metrics_of_task(task: Task) -> Sequence[str]:
    """The metrics that a formula may name of a task."""
    return CLASS_METRICS if task == "classification" else PAIR_METRICS


def usable_formula(formula: str | None) -> str | None:
    """A formula of the training's settings, if all its metrics can be measured on a blend.

    >>> usable_formula("accuracy - 0.1*log_loss") is None
    True
    """
    if formula is None:
        return None
    known = {*CLASS_METRICS, *PAIR_METRICS}
    return formula if set(parse_composite(formula).names) <= known else None


@dataclass(frozen=True)
class TaskObjective:
    """A formula of one task: the metrics of the other task are constants."""

    composite: Composite
    main_metric: str
    others: Mapping[str, float]

    def __call__(self, metrics: Mapping[str, float]) -> float:
        """The score of a blend with these metrics; higher is better."""
        return self.composite.evaluate({**self.others, **metrics})


def formula_of_task(formula: str, task: Task, default: str) -> str:
    """The formula, or the default one where it names no metric of the task.

    >>> formula_of_task("accuracy", "verification", "0.5*accuracy + 0.5*auc")
    '0.5*accuracy + 0.5*auc'
    """
    names = parse_composite(formula, [*CLASS_METRICS, *PAIR_METRICS]).names
    return formula if set(names) & set(metrics_of_task(task)) else default


def task_objective(formula: str, task: Task, others: Mapping[str, float]) -> TaskObjective:
    """The objective of a task; a formula that does not name the task's metrics leaves accuracy or EER.

    Raises:
        ConfigError: The formula cannot be read or names an unknown metric.
    """
    usual = default_formula("accuracy" if task == "classification" else "eer")
    composite = parse_composite(formula_of_task(formula, task, usual))
    main = next(name for name in composite.names if name in metrics_of_task(task))
    return TaskObjective(composite, main, {**dict.fromkeys(composite.names, 0.0), **others})

"""Summaries of runs: differing settings, figures, scores, cost, status, and times of trainings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kaggle_face.summaries.legends import meanings
from kaggle_face.summaries.summary import Summary, TextTable, number

if TYPE_CHECKING:
    from kaggle_face.evaluation.run_table import RunRow, TaskFigures
    from kaggle_face.pipeline.budget.estimates import Estimate
    from kaggle_face.pipeline.chain import RunStatus

_RUNS = {
    "run": "settings/run, the best in the competition's metric first",
    "kind": "what made it",
    "folds": "finished/begun",
    "classes": "identities of held-out images, mean over the folds, and its metric",
    "verification": "held-out pairs, mean over the folds, and its metric",
    "gallery accuracy": "names from the dev gallery",
    "public": "newest public score of the run alone",
    "private": "its private score",
    "accuracy": "of held-out images, mean ± deviation over the folds",
    "MAP@5": "of held-out images, mean ± deviation over the folds",
    "EER": "equal error rate of held-out pairs, mean ± deviation over the folds",
    "AUC": "area under the ROC curve of held-out pairs, mean ± deviation over the folds",
    "min": "minutes of training",
    "size": "parameters of a network",
}
_DIFFERENCES = {"run": "as above", "settings that differ": "most other runs have another value"}
_CHAIN = {
    "what": "each thing that a stage makes",
    "state": "current, or why it is not; 'not compared': the raw folder is not here",
}
_ESTIMATES = {
    "run": "settings and run",
    "fold": "number from 0",
    "recipe": "the rung of the ladder it was planned by",
    "pixels": "side of the images",
    "images/s": "of the training",
    "planned": "images/s that the plan expected",
    "minutes": "of the training",
    "accuracy": "on held-out images",
    "EER": "on held-out pairs",
    "machine": "what it was trained on",
}


def describe_runs(rows: Sequence[RunRow]) -> Summary:
    """One line for each run, and the settings that differ."""
    columns = [_column([getattr(row, task) for row in rows], task) for task in ("classes", "verification")]
    header = ["run", "kind", "folds", *(name for name, _ in columns), "public", "private", "min", "size"]
    cells = [
        [
            row.name,
            row.kind,
            f"{row.finished}/{row.started}",
            *figures,
            row.public_score or "-",
            row.private_score or "-",
            number(row.seconds / 60, 1 if row.seconds < 6000 else 0) if row.seconds else "-",
            "-" if row.num_parameters is None else millions(row.num_parameters),
        ]
        for row, *figures in zip(rows, *(cells for _, cells in columns), strict=True)
    ]
    different = [[row.name, " ".join(row.differences)] for row in rows if row.differences]
    table = TextTable(meanings(header, _RUNS), cells)
    return [table, "", TextTable(_DIFFERENCES, different)] if different else [table]


def describe_status(status: RunStatus) -> Summary:
    """The chain of a run, and the next command."""
    rows = [
        [link.what, f"{link.state}: {link.because}" if link.because else link.state] for link in status.links
    ]
    end = f"next: {status.next_command}" if status.next_command else "everything is current"
    return [f"{status.run.name}:", TextTable(_CHAIN, rows), end]


def estimates_table(rows: Sequence[Estimate]) -> TextTable:
    """Time and figures of trainings on each machine; the columns of plans only where one was planned."""
    columns = {
        "run": [row.run for row in rows],
        "fold": [str(row.fold) for row in rows],
        "recipe": [row.recipe or "-" for row in rows],
        "pixels": [str(row.pixels) for row in rows],
        "images/s": [number(row.images_per_second, 0) for row in rows],
        "planned": [number(row.planned_images_per_second, 0) for row in rows],
        "minutes": [f"{row.seconds / 60:.1f}" for row in rows],
        "accuracy": [number(row.accuracy) for row in rows],
        "EER": [number(row.eer) for row in rows],
        "machine": [row.machine for row in rows],
    }
    shown = {name: cells for name, cells in columns.items() if set(cells) != {"-"}}
    return TextTable(meanings([*shown], _ESTIMATES), [list(row) for row in zip(*shown.values(), strict=True)])


def _column(figures: Sequence[TaskFigures], task: str) -> tuple[str, list[str]]:
    """The heading of a task's figures and its cells, which name the metric where runs differ in it."""
    from kaggle_face.metrics.table import title_of

    metrics = {each.metric for each in figures}
    cells = [mean_and_deviation(each.values) for each in figures]
    if len(metrics) > 1:
        return task, [
            cell if cell == "-" else f"{cell.split()[0]} {title_of(each.metric)}"
            for cell, each in zip(cells, figures, strict=True)
        ]
    title = title_of(figures[0].metric)
    return title if task == "classes" or title != "accuracy" else "gallery accuracy", cells


def millions(count: int) -> str:
    """Parameters in millions.

    >>> millions(1_500_000), millions(123_456_789)
    ('1.50 M', '123 M')
    """
    millions = count / 1e6
    return f"{millions:.{2 if millions < 10 else 1 if millions < 100 else 0}f} M"


def mean_and_deviation(values: tuple[float, ...]) -> str:
    """Mean and standard deviation over the folds (with F - 1).

    >>> mean_and_deviation((0.5, 0.7))
    '0.6000 ± 0.1414'
    """
    if not values:
        return "-"
    mean = sum(values) / len(values)
    if len(values) == 1:
        return f"{mean:.4f}"
    deviation = (sum((value - mean) ** 2 for value in values) / (len(values) - 1)) ** 0.5
    return f"{mean:.4f} ± {deviation:.4f}"

"""`kaggle-face runs`: all runs with what sets them apart, their figures, scores and cost."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kaggle_face.cli.arguments import add_config_arguments, load_settings
from kaggle_face.cli.legends import meanings
from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import RunError
from kaggle_face.hints import settings_command

if TYPE_CHECKING:
    from kaggle_face.evaluation.run_table import TaskFigures

_LEGEND = {
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


def add_arguments_runs(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `runs`."""
    parser.add_argument(
        "--estimates",
        action="store_true",
        help="what trainings took and reached on each machine, from which `run` plans",
    )
    parser.add_argument("--all", action="store_true", help="the runs of all settings, not of these alone")
    parser.add_argument("--json", action="store_true", help="print the table as JSON, for programs")
    add_config_arguments(parser)


def run_runs(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Prints one line for each run, the best in the competition's metric first."""
    if arguments.estimates:
        _print_estimates(arguments, terminal)
        return
    from kaggle_face.artifacts.plain_values import plain_values
    from kaggle_face.pipeline.evaluate import run_table

    rows = run_table(load_settings(arguments), arguments.all)
    if arguments.json:
        terminal.json(plain_values(rows))
        return
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
            f"{row.seconds / 60:.1f}" if row.seconds < 6000 else f"{row.seconds / 60:.0f}",
            "-" if row.num_parameters is None else _millions(row.num_parameters),
        ]
        for row, *figures in zip(rows, *(cells for _, cells in columns), strict=True)
    ]
    terminal.table(header, cells, meanings(header, _LEGEND))
    different = [row for row in rows if row.differences]
    if different:
        terminal.log("")
        legend = {"run": "as above", "settings that differ": "most other runs have another value"}
        cells = [[row.name, " ".join(row.differences)] for row in different]
        terminal.table(list(legend), cells, legend)


def _print_estimates(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Prints the table of estimates, of all settings with `--all`, the newest last."""
    from kaggle_face.pipeline.budget.estimates import read_estimates

    loaded = load_settings(arguments)
    own = f"{loaded.name}/", f"{loaded.name}-"
    rows = [
        row
        for row in read_estimates(Path(loaded.config.paths.runs))
        if arguments.all or row.run.startswith(own)
    ]
    if not rows:
        what = "any settings" if arguments.all else f"'{loaded.name}'"
        how = settings_command("run", "--minutes", "8")
        raise RunError(f"no training of {what} has ended here yet; train one first: {how}")
    legend = {
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
    cells = [
        [
            row.run,
            str(row.fold),
            row.recipe or "-",
            str(row.pixels),
            _number(row.images_per_second, 0),
            _number(row.planned_images_per_second, 0),
            f"{row.seconds / 60:.1f}",
            _number(row.accuracy, 4),
            _number(row.eer, 4),
            row.machine,
        ]
        for row in rows
    ]
    terminal.table(list(legend), cells, legend)


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _column(figures: Sequence[TaskFigures], task: str) -> tuple[str, list[str]]:
    """The heading of a task's figures and its cells, which name the metric where runs differ in it."""
    from kaggle_face.metrics.table import title_of

    metrics = {each.metric for each in figures}
    cells = [_mean_and_deviation(each.values) for each in figures]
    if len(metrics) > 1:
        return task, [
            cell if cell == "-" else f"{cell.split()[0]} {title_of(each.metric)}"
            for cell, each in zip(cells, figures, strict=True)
        ]
    title = title_of(figures[0].metric)
    return title if task == "classes" or title != "accuracy" else "gallery accuracy", cells


def _millions(count: int) -> str:
    """Parameters in millions.

    >>> _millions(1_500_000), _millions(123_456_789)
    ('1.50 M', '123 M')
    """
    millions = count / 1e6
    return f"{millions:.{2 if millions < 10 else 1 if millions < 100 else 0}f} M"


def _mean_and_deviation(values: tuple[float, ...]) -> str:
    """Mean and standard deviation over the folds (with F - 1).

    >>> _mean_and_deviation((0.5, 0.7))
    '0.6000 ± 0.1414'
    """
    if not values:
        return "-"
    mean = sum(values) / len(values)
    if len(values) == 1:
        return f"{mean:.4f}"
    deviation = (sum((value - mean) ** 2 for value in values) / (len(values) - 1)) ** 0.5
    return f"{mean:.4f} ± {deviation:.4f}"

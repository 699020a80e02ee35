"""`kaggle-face runs`: all runs with what sets them apart, their figures, scores and cost."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kaggle_face.cli.arguments import add_config_arguments, load_settings
from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import RunError
from kaggle_face.hints import settings_command

if TYPE_CHECKING:
    from kaggle_face.evaluation.run_table import TaskFigures

_HEADER = ("public", "private", "minutes", "parameters", "settings that differ")


def add_arguments_runs(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `runs`."""
    parser.add_argument(
        "--estimates",
        action="store_true",
        help="what trainings took and reached on each machine, from which `run` plans",
    )
    parser.add_argument("--all", action="store_true", help="the runs of all settings, not of these alone")
    add_config_arguments(parser)


def run_runs(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Prints one line for each run, the best in the competition's metric first."""
    if arguments.estimates:
        _print_estimates(arguments, terminal)
        return
    from kaggle_face.pipeline.evaluate import run_table

    rows = run_table(load_settings(arguments), arguments.all)
    columns = [_column([getattr(row, task) for row in rows], task) for task in ("classes", "verification")]
    header = ["run", "kind", "folds", *(name for name, _ in columns), *_HEADER]
    cells = [
        [
            row.name,
            row.kind,
            f"{row.finished}/{row.started}",
            *figures,
            row.public_score or "-",
            row.private_score or "-",
            f"{row.seconds / 60:.1f}",
            "-" if row.num_parameters is None else f"{row.num_parameters / 1e6:.2f} M",
            " ".join(row.differences) or "-",
        ]
        for row, *figures in zip(rows, *(cells for _, cells in columns), strict=True)
    ]
    terminal.table(header, cells)


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
    header = [
        "run",
        "fold",
        "recipe",
        "pixels",
        "images/s",
        "planned",
        "minutes",
        "accuracy",
        "EER",
        "machine",
    ]
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
    terminal.table(header, cells)


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _column(figures: Sequence[TaskFigures], task: str) -> tuple[str, list[str]]:
    """The heading of a task's figures and its cells, which name the metric where runs differ in it."""
    from kaggle_face.metrics.table import title_of

    metrics = {each.metric for each in figures}
    cells = [_mean_and_deviation(each.values) for each in figures]
    if len(metrics) > 1:
        return task, [
            cell if cell == "-" else f"{cell} {title_of(each.metric)}"
            for cell, each in zip(cells, figures, strict=True)
        ]
    title = title_of(figures[0].metric)
    return title if task == "classes" or title != "accuracy" else "gallery accuracy", cells


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

"""`kaggle-face runs`: all runs with what sets them apart, their figures, scores and cost."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from kaggle_face.cli.arguments import add_config_arguments, load_settings
from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import RunError

if TYPE_CHECKING:
    from kaggle_face.ensemble.run_table import RunRow

_HEADER = (
    "run",
    "folds",
    "accuracy",
    "EER",
    "public",
    "private",
    "minutes",
    "parameters",
    "settings that differ",
)


def add_arguments_runs(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `runs`."""
    parser.add_argument("--all", action="store_true", help="the runs of all settings, not of these alone")
    add_config_arguments(parser)


def run_runs(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Prints one line for each run, the most accurate first."""
    from kaggle_face.ensemble.run_table import read_run_rows

    loaded = load_settings(arguments)
    root = Path(loaded.config.paths.runs)
    rows = read_run_rows(root, None if arguments.all else loaded.name, Path(loaded.config.paths.submissions))
    if not rows:
        which = "any settings" if arguments.all else f"'{loaded.name}'"
        raise RunError(f"no run of {which} under {root}; train one first: kaggle-face train --fold 0")
    terminal.table(_HEADER, [_cells(row) for row in rows])


def _cells(row: RunRow) -> list[str]:
    parameters = "-" if row.num_parameters is None else f"{row.num_parameters / 1e6:.2f} M"
    return [
        row.name,
        f"{row.finished}/{row.started}",
        _mean_and_spread(row.accuracies),
        _mean_and_spread(row.eers),
        row.public_score or "-",
        row.private_score or "-",
        f"{row.seconds / 60:.1f}",
        parameters,
        " ".join(row.differences) or "-",
    ]


def _mean_and_spread(values: tuple[float, ...]) -> str:
    """Mean and standard deviation over the folds (with F - 1).

    >>> _mean_and_spread((0.5, 0.7))
    '0.6000 ± 0.1414'
    """
    if not values:
        return "-"
    mean = sum(values) / len(values)
    if len(values) == 1:
        return f"{mean:.4f}"
    spread = (sum((value - mean) ** 2 for value in values) / (len(values) - 1)) ** 0.5
    return f"{mean:.4f} ± {spread:.4f}"

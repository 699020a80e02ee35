"""The table of budgets: figures and times of runs and notebooks of the same minutes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from kaggle_face.bench.report import Cell, Report
from kaggle_face.errors import InputError, counted

COLUMNS = (
    *("minutes", "way", "recipe", "seed", "networks", "epochs", "accuracy", "eer", "auc"),
    *("seconds", "of budget", "done otherwise"),
)
NOTEBOOK = "notebook"
_KEPT = 0.03
"""Of a notebook's budget, for what its timed steps did not show."""


@dataclass(frozen=True)
class Row:
    """One training: the budget, what was trained, what it reached and what it took.

    Attributes:
        minutes: The budget.
        way: `notebook`, or `run for <goal>`.
        recipe: The rung of a run; empty for the notebook.
        seed: Of weights, order and augmentation.
        epochs: That were trained, by all networks together.
        accuracy: On the held-out images, of the last epoch, or of the mean of the networks' last epochs.
        eer: Of the trials.
        auc: Of the trials.
        seconds: Of all of it, from pictures to figures or CSVs.
        otherwise: What a run did otherwise than planned.
        epoch_seconds: Of an epoch of the notebook.
        networks: How many were trained.
    """

    minutes: float
    way: str
    recipe: str
    seed: int
    epochs: float
    accuracy: float
    eer: float
    auc: float
    seconds: float
    otherwise: str = ""
    epoch_seconds: float = 0.0
    networks: int = 1

    @property
    def key(self) -> str:
        """The key that identifies a row."""
        return key_of(self.minutes, self.way, self.seed)


def key_of(minutes: float, way: str, seed: int) -> str:
    """The key of a row."""
    return f"{minutes:g} {way} {seed}"


def epochs_within(seconds: float, other_seconds: float, epoch_seconds: float) -> int:
    """The epochs that fit a budget beside all that is no training; one is the least.

    >>> epochs_within(600.0, other_seconds=82.0, epoch_seconds=100.0), epochs_within(60.0, 82.0, 100.0)
    (5, 1)
    """
    return max(1, int((seconds * (1.0 - _KEPT) - other_seconds) / epoch_seconds))


def equal_notebook(rows: Sequence[Row], minutes: float, seed: int) -> Row | None:
    """The row of a notebook that was trained for other minutes, where these would buy as many epochs."""
    for row in rows:
        if row.way != NOTEBOOK or row.seed != seed or not row.epoch_seconds:
            continue
        beside = row.seconds - row.epochs * row.epoch_seconds
        if epochs_within(60.0 * minutes, beside, row.epoch_seconds) == row.epochs:
            return replace(row, minutes=minutes, otherwise=f"the training of {row.minutes:g} minutes")
    return None


def tabulate(rows: Sequence[Row], about: Mapping[str, Cell]) -> Report:
    """The rows by minutes, the notebook first, each with the share of its budget that it took."""
    ordered = sorted(rows, key=lambda row: (row.minutes, row.way != NOTEBOOK, row.way, row.seed))
    cells: list[tuple[Cell, ...]] = [
        (
            f"{row.minutes:g}",
            row.way,
            row.recipe or "-",
            row.seed,
            row.networks,
            f"{row.epochs:.1f}",
            f"{row.accuracy:.4f}",
            f"{row.eer:.4f}",
            f"{row.auc:.4f}",
            f"{row.seconds:.0f}",
            f"{row.seconds / (60.0 * row.minutes):.2f}",
            row.otherwise or "-",
        )
        for row in ordered
    ]
    return Report("budgets", dict(about), COLUMNS, tuple(cells), sentence(ordered))


def sentence(rows: Sequence[Row]) -> str:
    """How many runs were ahead of the notebook of the same minutes and seed, and how many were late."""
    notebooks = {(row.minutes, row.seed): row for row in rows if row.way == NOTEBOOK}
    runs = [row for row in rows if row.way != NOTEBOOK]
    pairs = [(row, notebooks[row.minutes, row.seed]) for row in runs if (row.minutes, row.seed) in notebooks]
    if not pairs:
        return "No run and notebook of the same minutes and seed are there yet."
    better = sum(run.accuracy > other.accuracy for run, other in pairs)
    surer = sum(run.eer < other.eer for run, other in pairs)
    late = sum(row.seconds > 60.0 * row.minutes for row in runs)
    return (
        f"Of {counted(len(pairs), 'run')} beside a notebook {better} reached a higher accuracy, "
        f"{surer} a lower EER; {late} of {counted(len(runs), 'run')} took longer than "
        f"{'its' if late == 1 else 'their'} budget."
    )


def as_values(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The rows for a JSON file."""
    return [asdict(row) for row in rows]


def rows_of(values: object) -> list[Row]:
    """The rows of a JSON file that `as_values` made.

    Raises:
        InputError: It holds something else.
    """
    if not isinstance(values, list):
        raise InputError("budgets.json holds no list of rows; move it away")
    try:
        return [Row(**row) for row in values]
    except TypeError as error:
        raise InputError(
            f"budgets.json holds other rows than this script writes ({error}); move it away"
        ) from None

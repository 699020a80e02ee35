"""The benchmarks of a machine in one table: training at three sizes, packing, prediction, metrics."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kaggle_face.bench.report import Cell, Report
from kaggle_face.progress import Progress

SIZES_PX = (32, 64, 112)
MINUTES = 8.0
"""What is not begun by then is left out."""

COLUMNS = ("part", "way", "figure", "unit", "of the limit", "of the notebook way")
NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Part:
    """One benchmark: its name in the table, and how it is run."""

    name: str
    measure: Callable[[], Report]


def bench_all(
    parts: Sequence[Part],
    about: Mapping[str, Cell],
    progress: Progress,
    notebook: str,
    minutes: float = MINUTES,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[Report, list[Report]]:
    """Runs the benchmarks one after the other while there is time; one table, and the reports behind it.

    Args:
        parts: In the order in which they are run.
        about: The machine.
        progress: Gets a line for each part.
        notebook: The way that others are compared with where a part has it.
        minutes: After these no further part is begun; a part that has begun is finished.
        clock: Seconds.
    """
    began = clock()
    reports: list[Report] = []
    rows: list[tuple[Cell, ...]] = []
    left_out: list[str] = []
    for part in parts:
        if clock() - began >= 60.0 * minutes:
            left_out.append(part.name)
            rows.append((part.name, NOT_MEASURED, None, "", None, None))
            continue
        progress.log(f"measuring {part.name}")
        report = part.measure()
        reports.append(report)
        rows += _rows_of(part.name, report, notebook)
    taken = (clock() - began) / 60.0
    sentences = [report.sentence for report in reports]
    missing = f"; no time was left for {', '.join(left_out)}" if left_out else ""
    sentence = " ".join([*(f"{text}." for text in sentences), f"Measured in {taken:.1f} minutes{missing}"])
    return Report("all", about, COLUMNS, tuple(rows), sentence), reports


def _rows_of(part: str, report: Report, notebook: str) -> list[tuple[Cell, ...]]:
    """The rows of a report in the columns of the table."""
    unit = "images/s" if "images/s" in report.columns else "s"
    figure = report.columns.index("images/s" if unit == "images/s" else "seconds")
    share = report.columns.index("of the limit") if "of the limit" in report.columns else None
    usual = next((row[figure] for row in report.rows if row[0] == notebook), None)
    return [
        (
            part,
            row[0],
            row[figure],
            unit,
            None if share is None else row[share],
            _quotient(row[figure], usual),
        )
        for row in report.rows
    ]


def _quotient(value: Cell, usual: Cell) -> float | None:
    if not isinstance(value, float) or not isinstance(usual, float):
        return None
    return value / usual

"""`python -m benchmarks.budgets FACES`: `kaggle-face run` and the plain notebook, given the same minutes."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from benchmarks.budgets.figures import figures_of_mean
from benchmarks.budgets.table import NOTEBOOK, Row, as_values, equal_notebook, key_of, rows_of, tabulate
from benchmarks.face_folders import MARKER_FILE
from benchmarks.script import run_script, write_reports
from kaggle_face.artifacts.files.atomic import replacing_folder, write_text
from kaggle_face.artifacts.files.reading import read_json
from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.bench.machine import describe_machine
from kaggle_face.cli.main import run as run_program
from kaggle_face.cli.terminal import Terminal
from kaggle_face.config import load_config
from kaggle_face.errors import InputError

if TYPE_CHECKING:
    from kaggle_face.tasks import Purpose

_CONFIG = "recipes-table"
_VALUES = Path("budgets.json")
_ROOT = Path("data") / "budgets"
_PACKS = Path("packs") / "budgets"


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument(
        "faces", metavar="FACES", help="a folder that `python -m benchmarks.recipes` laid out"
    )
    parser.add_argument("--minutes", type=float, nargs="+", default=[4.0, 8.0, 16.0], metavar="M")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1], metavar="N")
    parser.add_argument(
        "--goals", nargs="+", default=["both"], choices=("both", "accuracy", "verification"), metavar="GOAL"
    )
    parser.add_argument("--table-only", action="store_true", help="train nothing, tabulate what is there")


def main(argv: Sequence[str]) -> int:
    """Runs the script and returns its exit code."""
    return run_script(
        "budgets",
        "kaggle-face run and the plain notebook, given the same minutes, as one table",
        _add_arguments,
        _compare,
        argv,
        "rows that were finished are kept",
    )


def _compare(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Runs what is missing, each budget's notebook and runs in turns, and writes `budgets.md` and `.json`."""
    wrong = [minutes for minutes in arguments.minutes if not minutes > 0]
    if wrong:
        raise InputError(f"--minutes must be > 0, got {wrong[0]:g}")
    rows = rows_of(read_json(_VALUES)["rows"]) if _VALUES.is_file() else []
    if not arguments.table_only:
        _lay_out(Path(arguments.faces))
        for minutes in arguments.minutes:
            for seed in arguments.seeds:
                for way in (NOTEBOOK, *(f"run for {goal}" for goal in arguments.goals)):
                    if key_of(minutes, way, seed) in {row.key for row in rows}:
                        continue
                    terminal.log(f"{minutes:g} minutes, seed {seed}: {way}")
                    same = equal_notebook(rows, minutes, seed) if way == NOTEBOOK else None
                    rows.append(same or _row(minutes, way, seed, terminal))
                    _write(rows)
    report = tabulate(rows, describe_machine())
    terminal.table(report.columns, report.as_text())
    terminal.log(report.sentence)
    terminal.log(f"{_write(rows)}")


def _row(minutes: float, way: str, seed: int, terminal: Terminal) -> Row:
    if way == NOTEBOOK:
        from benchmarks.budgets.notebook import run_notebook

        found = run_notebook(_ROOT, 60.0 * minutes, seed, terminal)
        measured = (found.accuracy, found.eer, found.auc)
        epoch_seconds = found.epoch_seconds
        return Row(
            minutes, way, "", seed, found.epochs, *measured, found.seconds, epoch_seconds=epoch_seconds
        )
    from kaggle_face.pipeline.budget.run import BudgetOptions, run_within

    goal = cast("Purpose", way.removeprefix("run for "))
    shutil.rmtree(_PACKS, ignore_errors=True)  # decoding counts, as the notebook's does
    loaded = load_config(_CONFIG, [f"data.root={_ROOT}", f"paths.cache={_PACKS}", f"seed={seed}"])
    # A plan for each goal, measured anew: a run takes the settings of a plan that is there as they stand.
    options = BudgetOptions(60.0 * minutes, f"{goal}-seed{seed}", goal, overwrite=True)
    result = run_within(loaded, options, terminal)
    epochs = sum(_epochs_of(run.fold(0)) for run in result.runs)
    figures, otherwise = figures_of_mean(result.runs), "; ".join(result.notes)
    networks = len(result.networks)
    return Row(
        minutes, way, result.plan.rung, seed, epochs, *figures, result.seconds, otherwise, networks=networks
    )


def _epochs_of(fold: FoldFolder) -> float:
    """The epochs that a network was trained for, of which the last may be a part of one."""
    points = fold.read_info().get("pace")
    return float(points[-1][0]) if points else float(fold.read_config().train.epochs)


def _lay_out(faces: Path) -> None:
    """Links the faces to a folder of their own, whose held-out images and trials are to be answered too.

    Raises:
        InputError: There are none, or something else is in the way.
    """
    if not (faces / MARKER_FILE).is_file():
        raise InputError(f"{faces} has no faces as `python -m benchmarks.recipes` lays them out")
    if (_ROOT / MARKER_FILE).is_file():
        if (_ROOT / MARKER_FILE).read_bytes() != (faces / MARKER_FILE).read_bytes():
            raise InputError(f"{_ROOT} holds other faces; move it away, and budgets.json with it")
        return
    if _ROOT.exists():
        raise InputError(f"{_ROOT} holds something else; move it away")
    with replacing_folder(_ROOT) as new:
        shutil.copytree(faces, new, copy_function=_link, dirs_exist_ok=True)
        labelled = (new / "val_pairs.txt").read_text(encoding="utf-8").splitlines()
        write_text(new / "test_pairs.txt", "".join(f"{line.rpartition(' ')[0]}\n" for line in labelled))
        (new / "cls_data" / "test").mkdir()
        for number, image in enumerate(sorted((new / "cls_data" / "dev").glob("*/*"))):
            _link(str(image), str(new / "cls_data" / "test" / f"{number:06d}{image.suffix}"))


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _write(rows: Sequence[Row]) -> Path:
    return write_reports("budgets", [tabulate(rows, describe_machine())], {"rows": as_values(rows)})


if __name__ == "__main__":
    run_program(sys.argv[1:], main)

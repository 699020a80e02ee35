"""`python -m benchmarks.intervals`: how often intervals of verification hold the truth, as one table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from benchmarks.intervals.coverage import QUICK_SETTINGS, SETTINGS, bench_intervals
from benchmarks.script import run_script
from kaggle_face.cli.bench import print_report
from kaggle_face.cli.main import run as run_program
from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import InputError

_SIMULATIONS, _QUICK_SIMULATIONS = 1000, 50


def main(argv: Sequence[str]) -> int:
    """Runs the script and returns its exit code."""
    description = "how often intervals of verification hold the truth, on generated scores"
    return run_script("intervals", description, _add_arguments, _simulate, argv)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("--quick", action="store_true", help="30 people alone, 50 simulations")
    parser.add_argument(
        "--without-old", action="store_true", help="the new intervals alone, in a small part of the time"
    )
    parser.add_argument(
        "--people", type=int, nargs="+", metavar="N", help="the lists of so many people alone"
    )
    parser.add_argument("--json", action="store_true", help="print the figures for machines")
    parser.add_argument(
        "--simulations",
        type=int,
        metavar="N",
        help=f"how often scores are drawn ({_SIMULATIONS}; quick: {_QUICK_SIMULATIONS})",
    )


def _simulate(arguments: argparse.Namespace, terminal: Terminal) -> None:
    usual = _QUICK_SIMULATIONS if arguments.quick else _SIMULATIONS
    simulations = usual if arguments.simulations is None else arguments.simulations
    settings = QUICK_SETTINGS if arguments.quick else SETTINGS
    with_old = not arguments.without_old
    if arguments.people:
        settings = tuple(setting for setting in settings if setting.pairs.num_people in arguments.people)
        if not settings:
            raise InputError(f"--people {arguments.people[0]}: there are lists of 30, 100 and 300 people")
    about = {"intervals": "95 %", "simulations": simulations}
    print_report(bench_intervals(simulations, about, terminal, settings, with_old), arguments.json, terminal)


if __name__ == "__main__":
    run_program(sys.argv[1:], main)

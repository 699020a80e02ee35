"""`python -m benchmarks.training`: this package's training beside the usual notebook and timm's loader."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from benchmarks.script import run_script
from kaggle_face.bench.parts import plan_of
from kaggle_face.cli.arguments import CommandParser, load_settings
from kaggle_face.cli.bench import add_plan_arguments, print_report
from kaggle_face.cli.main import run as run_program
from kaggle_face.cli.terminal import Terminal


def main(argv: Sequence[str]) -> int:
    """Runs the script and returns its exit code."""
    description = "training compared with the usual notebook and with timm's loader, in turns"
    return run_script("training", description, _add_arguments, _compare, argv)


def _add_arguments(parser: CommandParser) -> None:
    """Declares the options."""
    parser.add_argument("--json", action="store_true", help="print the figures for machines")
    add_plan_arguments(parser)
    parser.add_config_arguments()


def _compare(arguments: argparse.Namespace, terminal: Terminal) -> None:
    from benchmarks.training.baselines import baselines_of  # imports torch, which --help does not need
    from kaggle_face.bench.training import bench_training

    plan = plan_of(arguments.quick, arguments.rounds, arguments.seconds)
    report = bench_training(load_settings(arguments), plan, terminal, baselines_of)
    print_report(report, arguments.json, terminal)


if __name__ == "__main__":
    run_program(sys.argv[1:], main)

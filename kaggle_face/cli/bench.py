"""`kaggle-face bench`: where the time goes on this machine, and the setting that would change it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kaggle_face.bench.parts import PARTS, BenchOptions, measure, measure_all
from kaggle_face.cli.arguments import CommandParser, options_of
from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import InputError
from kaggle_face.summaries.benchmarks import BENCHMARK_LEGEND
from kaggle_face.summaries.legends import meanings

if TYPE_CHECKING:
    from kaggle_face.bench.report import Report

_ALL = "all"
_MOVED = "intervals"
_PRINTED = ""
"""What `--json` holds without a file: the figures are printed."""


def add_arguments_bench(parser: CommandParser) -> None:
    """Adds the part, `--quick`, `--json`, `--rounds`, `--seconds` and the settings."""
    parser.add_argument(
        "part",
        choices=(*PARTS, _ALL, _MOVED),
        metavar="PART",
        help="train: the network alone, the loader alone, both; pack: decoder and image cache; predict: "
        "images to embeddings; metrics: the largest sizes; start: --help; device: what the device does, what "
        "is slow and which setting changes it; roofline: what GPUs could do at most, calculated; all: "
        "training at 32, 64 and 112 pixels beside the notebook way, packing, prediction and metrics, in "
        "under 8 minutes",
    )
    parser.add_argument(
        "--json",
        nargs="?",
        const=_PRINTED,
        metavar="FILE",
        help="print the figures for machines, or write them to FILE beside the table",
    )
    parser.add_argument(
        "--classes",
        type=int,
        metavar="C",
        help="of the head, for roofline (default: those of the competition's data)",
    )
    parser.add_flag("--alone", argparse.SUPPRESS)
    add_plan_arguments(parser)
    parser.add_config_arguments()


def add_plan_arguments(parser: CommandParser) -> None:
    """Adds how long is measured."""
    parser.add_flag("--quick", "seconds instead of minutes, less exact")
    parser.add_argument("--rounds", type=int, metavar="N", help="turns that are timed (5; quick: 2)")
    parser.add_argument("--seconds", type=float, metavar="S", help="least length of a turn (4; quick: 0.5)")


def run_bench(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Measures one part and prints a table and a sentence, or JSON."""
    from kaggle_face.cli.main import COMMANDS  # which imports this module when it is called

    if arguments.part == _MOVED:
        raise InputError(
            "'bench intervals' is a script now; in a checkout run: python -m benchmarks.intervals --help"
        )
    if arguments.alone:
        terminal.warn(
            "--alone has no effect: the notebook way and timm's loader are measured by "
            "python -m benchmarks.training, in a checkout"
        )
    if arguments.json is not None and "=" in arguments.json:  # `--json key=value`: a setting, no file
        arguments.overrides = [arguments.json, *arguments.overrides]
        arguments.json = _PRINTED
    options = options_of(BenchOptions, arguments, commands=["", *COMMANDS])
    parts: list[Report] = []
    if arguments.part == _ALL:
        report, parts = measure_all(options, terminal)
    else:
        report = measure(arguments.part, options, terminal)
    print_report(report, arguments.json == _PRINTED, terminal, BENCHMARK_LEGEND)
    if arguments.json not in (None, _PRINTED):
        from kaggle_face.artifacts.files.atomic import write_json

        write_json(Path(arguments.json), report.as_values(parts))
        terminal.log(f"the figures are in {arguments.json}")


def print_report(
    report: Report, as_json: bool, terminal: Terminal, legend: Mapping[str, str] | None = None
) -> None:
    """Prints the machine, the table with its legend and the sentence, or all of it as JSON."""
    if as_json:
        terminal.json(report.as_values(), indent=1, allow_nan=True)
        return
    terminal.log(", ".join(f"{name} {value}" for name, value in report.about.items() if value is not None))
    explained = None if legend is None else meanings(report.columns, legend)
    terminal.table(report.columns, report.as_text(), explained)
    terminal.log(report.sentence)

"""`kaggle-face bench`: where the time goes on this machine, and the setting that would change it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, assert_never

from kaggle_face.cli.arguments import add_config_arguments, load_settings
from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import InputError
from kaggle_face.summaries.legends import meanings

if TYPE_CHECKING:
    from kaggle_face.bench.report import Report
    from kaggle_face.bench.throughput import Plan
    from kaggle_face.config import LoadedConfig

Part = Literal["train", "pack", "predict", "metrics", "start", "device", "roofline"]
PARTS: tuple[Part, ...] = ("train", "pack", "predict", "metrics", "start", "device", "roofline")
_ALL = "all"
_MOVED = "intervals"
_LEGEND = {
    "way": "what ran",
    "command": "what was started",
    "metric": "what was computed",
    "size": "of its input",
    "images/s": "median of the turns",
    "seconds": "median of the turns",
    "slowest": "turn",
    "fastest": "turn",
    "of the limit": "share of the rate of the slowest part alone",
    "of the decoder per core": "share of the decoder's own rate",
    "memory MB": "the most that was taken",
    "device MB": "the most of the device's memory",
    "must take at most s": "the aim",
    "part": "of the benchmark",
    "of the notebook way": "share of the rate of a plain notebook",
    "what": "was measured",
    "figure": "its value, in the unit",
    "unit": "of the figure",
    "setting": "that changes it",
    "GPU or part": "a GPU by its data sheet, or a part of the loader on so many cores like those here",
    "precision": "of train.amp=auto",
    "by arithmetic": "images/s, by the peak of its units",
    "by memory": "images/s, by the bandwidth of its memory",
    "at most images/s": "the smaller of both",
    "held by": "what is slower, and parts of the loader that would be",
    "MB/s": "of images as bytes, which a loader has to deliver",
    "memory GB": "that a step needs at least",
    "heavy imports": "libraries that --help must not import",
}
_OF_ALL: tuple[Part, ...] = ("pack", "predict", "metrics")
_PRINTED = ""
"""What `--json` holds without a file: the figures are printed."""


def add_arguments_bench(parser: argparse.ArgumentParser) -> None:
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
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    add_plan_arguments(parser)
    add_config_arguments(parser)


def add_plan_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds how long is measured."""
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes, less exact")
    parser.add_argument("--rounds", type=int, metavar="N", help="turns that are timed (5; quick: 2)")
    parser.add_argument("--seconds", type=float, metavar="S", help="least length of a turn (4; quick: 0.5)")


def run_bench(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Measures one part and prints a table and a sentence, or JSON."""
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
    parts: list[Report] = []
    if arguments.part == _ALL:
        report, parts = _measure_all(arguments, terminal)
    else:
        report = _measure(arguments, terminal)
    print_report(report, arguments.json == _PRINTED, terminal, _LEGEND)
    if arguments.json not in (None, _PRINTED):
        from kaggle_face.artifacts.files.atomic import write_json

        values = report.as_values()
        if parts:
            values["parts"] = [part.as_values() for part in parts]
        write_json(Path(arguments.json), values)
        terminal.log(f"the figures are in {arguments.json}")


def print_report(
    report: Report, as_json: bool, terminal: Terminal, legend: Mapping[str, str] | None = None
) -> None:
    """Prints what it was measured on, the table with its legend and the sentence, or all of it as JSON."""
    if as_json:
        terminal.json(report.as_values(), indent=1, allow_nan=True)
        return
    terminal.log(", ".join(f"{name} {value}" for name, value in report.about.items() if value is not None))
    explained = None if legend is None else meanings(report.columns, legend)
    terminal.table(report.columns, report.as_text(), explained)
    terminal.log(report.sentence)


def plan_of(arguments: argparse.Namespace, short: bool = False) -> Plan:
    """How long is measured; `short` is for several parts in a row.

    Raises:
        InputError: A number is too small.
    """
    from kaggle_face.bench.throughput import Plan

    usual = Plan(2, 0.5, 1, 1) if arguments.quick else Plan(2, 2.0, 1, 1) if short else Plan()
    rounds = usual.rounds if arguments.rounds is None else arguments.rounds
    seconds = usual.seconds if arguments.seconds is None else arguments.seconds
    if rounds < 1 or seconds <= 0:
        raise InputError(f"--rounds must be >= 1 and --seconds > 0, got {rounds} and {seconds:g}")
    return Plan(rounds, seconds, usual.least_steps, usual.warmup_steps)


def _measure(arguments: argparse.Namespace, terminal: Terminal) -> Report:
    part: Part = arguments.part
    plan = plan_of(arguments)
    match part:
        case "train":
            from kaggle_face.bench.training import bench_training

            return bench_training(load_settings(arguments), plan, terminal)
        case "pack":
            from kaggle_face.bench.machine import describe_machine
            from kaggle_face.bench.packing import bench_packing
            from kaggle_face.pipeline.inputs.preparing import open_competition

            loaded = load_settings(arguments)
            image_ids = open_competition(loaded.config).faces.image_ids
            root, size_px = Path(loaded.config.data.root), loaded.config.data.image_size
            about = {"config": loaded.name, **describe_machine()}
            return bench_packing(root, image_ids, size_px, plan, about, terminal)
        case "predict":
            from kaggle_face.bench.prediction import bench_prediction

            return bench_prediction(load_settings(arguments), plan, terminal)
        case "metrics":
            from kaggle_face.bench.machine import describe_machine
            from kaggle_face.bench.scoring import Sizes, bench_scoring

            sizes = Sizes.quick() if arguments.quick else Sizes()
            return bench_scoring(sizes, plan, describe_machine(), terminal)
        case "start":
            from kaggle_face.bench.machine import describe_machine
            from kaggle_face.bench.startup import bench_start
            from kaggle_face.cli.main import COMMANDS

            return bench_start(["", *COMMANDS], plan, describe_machine(), terminal)
        case "device":
            from kaggle_face.bench.device import bench_device

            return bench_device(load_settings(arguments), plan, terminal)
        case "roofline":
            from kaggle_face.bench.roofline import bench_roofline

            loaded = load_settings(arguments)
            return bench_roofline(loaded, _num_classes(arguments.classes, loaded), plan, terminal)
        case _:
            assert_never(part)


def _num_classes(given: int | None, loaded: LoadedConfig) -> int:
    """The classes that are given, or those of the competition's data.

    Raises:
        InputError: The number is too small, or there is no data to count them.
    """
    from kaggle_face.errors import DataError
    from kaggle_face.pipeline.inputs.preparing import open_competition

    if given is not None:
        if given < 1:
            raise InputError(f"--classes must be >= 1, got {given}")
        return given
    try:
        return len(open_competition(loaded.config).classes)
    except DataError as error:
        raise InputError(f"{error}; without data give the number of classes: --classes C") from error


def _measure_all(arguments: argparse.Namespace, terminal: Terminal) -> tuple[Report, list[Report]]:
    """Every part but `start`, `device` and `roofline`, short enough to take 8 minutes together."""
    from kaggle_face.bench.everything import SIZES_PX, bench_all
    from kaggle_face.bench.everything import Part as Measured
    from kaggle_face.bench.machine import describe_machine
    from kaggle_face.bench.notebook_way import NOTEBOOK, notebook_baseline
    from kaggle_face.bench.training import bench_training
    from kaggle_face.config import load_config
    from kaggle_face.model.amp import resolve_device

    loaded = load_settings(arguments)
    plan = plan_of(arguments, short=True)

    def training(size_px: int) -> Report:
        words = [*arguments.overrides, f"data.image_size={size_px}"]
        return bench_training(load_config(arguments.config, words), plan, terminal, notebook_baseline)

    def other(part: Part) -> Report:
        return _measure(argparse.Namespace(**{**vars(arguments), "part": part, "quick": True}), terminal)

    parts = [Measured(f"train, {size} px", partial(training, size)) for size in SIZES_PX]
    parts += [Measured(name, partial(other, name)) for name in _OF_ALL]
    device = resolve_device(loaded.config.device)
    about = {"config": loaded.name, **describe_machine(device)}
    return bench_all(parts, about, terminal, NOTEBOOK)

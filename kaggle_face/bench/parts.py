"""The benchmarks by name, each with its inputs, and most of them in one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, assert_never

from kaggle_face.bench.machine import describe_machine
from kaggle_face.errors import DataError, InputError
from kaggle_face.progress import Progress

if TYPE_CHECKING:
    from kaggle_face.bench.report import Report
    from kaggle_face.bench.throughput import Plan
    from kaggle_face.config import LoadedConfig

Part = Literal["train", "pack", "predict", "metrics", "start", "device", "roofline"]
PARTS: tuple[Part, ...] = ("train", "pack", "predict", "metrics", "start", "device", "roofline")
_OF_ALL: tuple[Part, ...] = ("pack", "predict", "metrics")


@dataclass(frozen=True)
class BenchOptions:
    """Options of a benchmark.

    Attributes:
        config: Name or path of the settings.
        overrides: Settings that differ.
        quick: Whether seconds are enough.
        rounds: Turns; None: the usual number.
        seconds: Least length of a turn; None: the usual one.
        classes: Of the head, for `roofline`; None: those of the competition's data.
        commands: Of the program, for `start`; the empty one is the overview.
    """

    config: str
    overrides: Sequence[str] = ()
    quick: bool = False
    rounds: int | None = None
    seconds: float | None = None
    classes: int | None = None
    commands: Sequence[str] = ()

    def load(self, *more: str) -> LoadedConfig:
        """The settings, with `more` that differ."""
        from kaggle_face.config import load_config

        return load_config(self.config, [*self.overrides, *more])


def plan_of(quick: bool, rounds: int | None, seconds: float | None, short: bool = False) -> Plan:
    """The length of a measurement; `short` is for several parts in a row.

    Raises:
        InputError: A number is too small.
    """
    from kaggle_face.bench.throughput import Plan

    usual = Plan(2, 0.5, 1, 1) if quick else Plan(2, 2.0, 1, 1) if short else Plan()
    rounds = usual.rounds if rounds is None else rounds
    seconds = usual.seconds if seconds is None else seconds
    if rounds < 1 or seconds <= 0:
        raise InputError(f"--rounds must be >= 1 and --seconds > 0, got {rounds} and {seconds:g}")
    return Plan(rounds, seconds, usual.least_steps, usual.warmup_steps)


def measure(part: Part, options: BenchOptions, progress: Progress) -> Report:
    """Measures one part.

    Raises:
        InputError: A number is too small, or there are neither data nor a number of classes.
    """
    plan = plan_of(options.quick, options.rounds, options.seconds)
    match part:
        case "train":
            from kaggle_face.bench.training import bench_training

            return bench_training(options.load(), plan, progress)
        case "pack":
            from kaggle_face.bench.packing import bench_packing
            from kaggle_face.pipeline.inputs.preparing import open_competition

            loaded = options.load()
            image_ids = open_competition(loaded.config).faces.image_ids
            root, size_px = Path(loaded.config.data.root), loaded.config.data.image_size
            about = {"config": loaded.name, **describe_machine()}
            return bench_packing(root, image_ids, size_px, plan, about, progress)
        case "predict":
            from kaggle_face.bench.prediction import bench_prediction

            return bench_prediction(options.load(), plan, progress)
        case "metrics":
            from kaggle_face.bench.scoring import Sizes, bench_scoring

            sizes = Sizes.quick() if options.quick else Sizes()
            return bench_scoring(sizes, plan, describe_machine(), progress)
        case "start":
            from kaggle_face.bench.startup import bench_start

            return bench_start(options.commands, plan, describe_machine(), progress)
        case "device":
            from kaggle_face.bench.device import bench_device

            return bench_device(options.load(), plan, progress)
        case "roofline":
            from kaggle_face.bench.roofline import bench_roofline

            loaded = options.load()
            return bench_roofline(loaded, _num_classes(options.classes, loaded), plan, progress)
        case _:
            assert_never(part)


def _num_classes(given: int | None, loaded: LoadedConfig) -> int:
    """The classes that are given, or those of the competition's data.

    Raises:
        InputError: The number is too small, or there is no data to count them.
    """
    from kaggle_face.pipeline.inputs.preparing import open_competition

    if given is not None:
        if given < 1:
            raise InputError(f"--classes must be >= 1, got {given}")
        return given
    try:
        return len(open_competition(loaded.config).classes)
    except DataError as error:
        raise InputError(f"{error}; without data give the number of classes: --classes C") from error


def measure_all(options: BenchOptions, progress: Progress) -> tuple[Report, list[Report]]:
    """Every part but `start`, `device` and `roofline`, short enough to take 8 minutes together.

    Raises:
        InputError: A number is too small.
    """
    from kaggle_face.bench.everything import SIZES_PX, bench_all
    from kaggle_face.bench.everything import Part as Measured
    from kaggle_face.bench.notebook_way import NOTEBOOK, notebook_baseline
    from kaggle_face.bench.training import bench_training
    from kaggle_face.model.device import resolve_device

    loaded = options.load()
    plan = plan_of(options.quick, options.rounds, options.seconds, short=True)

    def training(size_px: int) -> Report:
        return bench_training(options.load(f"data.image_size={size_px}"), plan, progress, notebook_baseline)

    parts = [Measured(f"train, {size} px", partial(training, size)) for size in SIZES_PX]
    quick = replace(options, quick=True)
    parts += [Measured(name, partial(measure, name, quick, progress)) for name in _OF_ALL]
    about = {"config": loaded.name, **describe_machine(resolve_device(loaded.config.device))}
    return bench_all(parts, about, progress, NOTEBOOK)

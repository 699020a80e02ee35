"""`kaggle-face bench`: where the time goes on this machine, and the setting that would change it."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal, assert_never

from kaggle_face.cli.arguments import add_config_arguments, load_settings
from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import InputError

if TYPE_CHECKING:
    from kaggle_face.bench.rates import Plan
    from kaggle_face.bench.report import Report
    from kaggle_face.config import LoadedConfig

Part = Literal["train", "pack", "predict", "metrics", "start", "intervals"]
PARTS: tuple[Part, ...] = ("train", "pack", "predict", "metrics", "start", "intervals")


def add_arguments_bench(parser: argparse.ArgumentParser) -> None:
    """Adds the part, `--quick`, `--json`, `--rounds`, `--seconds` and the settings."""
    parser.add_argument(
        "part",
        choices=PARTS,
        metavar="PART",
        help="train: the network alone, the loader alone, both, the notebook way, timm's loader; pack: the "
        "decoder and packing; predict: images to embeddings; metrics: the largest sizes; start: --help; "
        "intervals: how often those of verification hold the truth",
    )
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes, less exact")
    parser.add_argument("--json", action="store_true", help="print the figures for machines")
    parser.add_argument("--rounds", type=int, metavar="N", help="turns that are timed (5; quick: 2)")
    parser.add_argument("--seconds", type=float, metavar="S", help="least length of a turn (4; quick: 0.5)")
    parser.add_argument(
        "--alone", action="store_true", help="train: leave out the notebook way and timm's loader"
    )
    parser.add_argument(
        "--simulations",
        type=int,
        metavar="N",
        help="intervals: how often scores are drawn (1000; quick: 50, of 30 people)",
    )
    add_config_arguments(parser)


def run_bench(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Measures one part and prints a table and a sentence, or JSON."""
    report = _measure(arguments, terminal)
    if arguments.json:
        terminal.json(report.as_values(), indent=1, allow_nan=True)
        return
    terminal.say(", ".join(f"{name} {value}" for name, value in report.about.items() if value is not None))
    terminal.table(report.columns, report.as_text())
    terminal.say(report.sentence)


def _measure(arguments: argparse.Namespace, terminal: Terminal) -> Report:
    part: Part = arguments.part
    match part:
        case "train":
            return _bench_train(load_settings(arguments), arguments, terminal)
        case "pack":
            return _bench_pack(load_settings(arguments), arguments, terminal)
        case "predict":
            return _bench_predict(load_settings(arguments), arguments, terminal)
        case "metrics":
            return _bench_metrics(arguments, terminal)
        case "start":
            return _bench_start(arguments, terminal)
        case "intervals":
            return _bench_intervals(arguments, terminal)
        case _:
            assert_never(part)


def _plan(arguments: argparse.Namespace) -> Plan:
    from kaggle_face.bench.rates import Plan

    usual = Plan(2, 0.5, 1, 1) if arguments.quick else Plan()
    rounds = usual.rounds if arguments.rounds is None else arguments.rounds
    seconds = usual.seconds if arguments.seconds is None else arguments.seconds
    if rounds < 1 or seconds <= 0:
        raise InputError(f"--rounds must be >= 1 and --seconds > 0, got {rounds} and {seconds:g}")
    return Plan(rounds, seconds, usual.least_steps, usual.warmup_steps)


def _bench_train(loaded: LoadedConfig, arguments: argparse.Namespace, terminal: Terminal) -> Report:
    from kaggle_face.bench.machine import describe_machine
    from kaggle_face.bench.rates import measure_in_turns
    from kaggle_face.bench.training import report_training
    from kaggle_face.cli.benches.ways import TrainingWays, settle_amp
    from kaggle_face.model.amp import resolve_device
    from kaggle_face.model.cpu import prepare_cpu
    from kaggle_face.pipeline.preparing import open_competition, open_folds, open_images
    from kaggle_face.train.settings import fold_task

    device = resolve_device(loaded.config.device)
    prepare_cpu(device)
    data = open_competition(loaded.config)
    loaded = settle_amp(loaded, len(data.classes), device, terminal)
    cache = open_images(loaded.config, data, terminal)
    task = fold_task(data, open_folds(loaded, data, cache), cache, 0)
    with tempfile.TemporaryDirectory(prefix="kaggle-face-bench-") as folder:
        ways = TrainingWays(loaded.config, task, device, Path(folder), terminal)
        works = ways.works(with_others=not arguments.alone)
        rates = measure_in_turns(works, _plan(arguments), device, terminal)
    about = {**describe_machine(device), **_settings(loaded), "images": len(task.train_ids)}
    return report_training(rates, ways.supply(), about)


def _bench_pack(loaded: LoadedConfig, arguments: argparse.Namespace, terminal: Terminal) -> Report:
    from kaggle_face.bench.machine import describe_machine
    from kaggle_face.bench.packing import bench_packing
    from kaggle_face.pipeline.preparing import open_competition

    config = loaded.config
    image_ids = open_competition(config).faces.image_ids
    plan, root = _plan(arguments), Path(config.data.root)
    return bench_packing(
        root, image_ids, config.data.image_size, plan, {"config": loaded.name, **describe_machine()}, terminal
    )


def _bench_predict(loaded: LoadedConfig, arguments: argparse.Namespace, terminal: Terminal) -> Report:
    from kaggle_face.bench.machine import describe_machine
    from kaggle_face.bench.prediction import report_prediction
    from kaggle_face.bench.rates import measure_in_turns
    from kaggle_face.cli.benches.ways import prediction_works, settle_amp
    from kaggle_face.model.amp import resolve_device
    from kaggle_face.model.cpu import prepare_cpu
    from kaggle_face.pipeline.preparing import open_competition, open_images

    device = resolve_device(loaded.config.device)
    prepare_cpu(device)
    data = open_competition(loaded.config)
    loaded = settle_amp(loaded, len(data.classes), device, terminal)
    cache = open_images(loaded.config, data, terminal)
    works, batch_size = prediction_works(loaded.config, cache, len(data.classes), device)
    rates = measure_in_turns(works, _plan(arguments), device, terminal)
    about = {**describe_machine(device), **_settings(loaded), "batch": batch_size}
    return report_prediction(rates, about)


def _bench_metrics(arguments: argparse.Namespace, terminal: Terminal) -> Report:
    from kaggle_face.bench.machine import describe_machine
    from kaggle_face.bench.scoring import Sizes, bench_scoring

    sizes = Sizes.quick() if arguments.quick else Sizes()
    return bench_scoring(sizes, _plan(arguments), describe_machine(), terminal)


def _bench_start(arguments: argparse.Namespace, terminal: Terminal) -> Report:
    from kaggle_face.bench.machine import describe_machine
    from kaggle_face.bench.starting import bench_start
    from kaggle_face.cli.main import COMMANDS

    return bench_start(["", *COMMANDS], _plan(arguments), describe_machine(), terminal)


def _bench_intervals(arguments: argparse.Namespace, terminal: Terminal) -> Report:
    from kaggle_face.bench.intervals import QUICK_SETTINGS, SETTINGS, bench_intervals

    usual = 50 if arguments.quick else 1000
    simulations = usual if arguments.simulations is None else arguments.simulations
    settings = QUICK_SETTINGS if arguments.quick else SETTINGS
    return bench_intervals(simulations, {"intervals": "95 %", "simulations": simulations}, terminal, settings)


def _settings(loaded: LoadedConfig) -> dict[str, str | int | bool]:
    """The settings that decide how fast a network is."""
    config = loaded.config
    return {
        "config": loaded.name,
        "backbone": config.model.backbone,
        "size_px": config.data.image_size,
        "batch": config.train.batch_size,
        "amp": config.train.amp,
        "compile": config.train.compile,
    }

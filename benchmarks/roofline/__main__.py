"""`python -m benchmarks.roofline`: the most images a second on known GPUs, as one table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from benchmarks.script import run_script, write_reports
from kaggle_face.bench.report import Cell, Report
from kaggle_face.cli.main import run as run_program
from kaggle_face.cli.terminal import Terminal
from kaggle_face.config import load_config
from kaggle_face.train.speed.gpus import GPUS, Precision
from kaggle_face.train.speed.roofline import count_step, floor_on

NETWORKS = (
    "mobilefacenet",
    "mobilenetv2_100",
    "resnet18",
    "resnet50",
    "iresnet50",
    "iresnet100",
    "convnext_tiny",
)
SIZES_PX = (32, 64, 112)
COLUMNS = (
    "network",
    "pixels",
    "GFLOP an image",
    "MB moved, half",
    *(f"{gpu.name} {gpu.amp}" for gpu in GPUS),
    "GB, fp32",
    "GB, half",
)
_LETTER = {"arithmetic": "a", "memory": "m"}


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("--networks", nargs="+", default=NETWORKS, metavar="NAME")
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES_PX, metavar="PX")
    parser.add_argument("--classes", type=int, default=8631, metavar="C")
    parser.add_argument("--batch", type=int, default=256, metavar="B")
    parser.add_argument("overrides", nargs="*", metavar="key=value")


def main(argv: Sequence[str]) -> int:
    """Runs the script and returns its exit code."""
    return run_script(
        "roofline",
        "the most images a second on known GPUs, calculated from their data sheets",
        _add_arguments,
        _tabulate,
        argv,
    )


def _tabulate(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Calculates each row, and writes `roofline.md` and `roofline.json`."""
    rows = []
    for name in arguments.networks:
        for size_px in arguments.sizes:
            rows.append(_row(name, size_px, arguments))
            terminal.log(f"{name} at {size_px} pixels is calculated")
    about: dict[str, Cell] = {"batch": arguments.batch, "classes": arguments.classes}
    report = Report("roofline", about, COLUMNS, tuple(rows), "calculated, not measured")
    terminal.table(report.columns, report.as_text())
    terminal.log(f"{write_reports('roofline', [report], report.as_values())}")


def _row(name: str, size_px: int, arguments: argparse.Namespace) -> tuple[Cell, ...]:
    words = [f"model.backbone={name}", f"data.image_size={size_px}", f"train.batch_size={arguments.batch}"]
    config = load_config("base", [*words, *arguments.overrides]).config
    kinds: list[Precision] = ["fp32", "bf16"]
    full, half = (count_step(config, arguments.classes, kind) for kind in kinds)
    cells = []
    for gpu in GPUS:
        floor = floor_on(gpu, full if gpu.amp == "fp32" else half)
        cells.append(f"{floor.images_per_second:,.0f} {_LETTER[floor.bound_by]}")
    return (
        name,
        size_px,
        sum(half.operations.values()) / half.batch_size / 1e9,
        half.moved_bytes / half.batch_size / 1e6,
        *cells,
        full.memory_bytes / 1e9,
        half.memory_bytes / 1e9,
    )


if __name__ == "__main__":
    run_program(sys.argv[1:], main)

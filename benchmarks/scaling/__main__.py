"""`torchrun ... -m benchmarks.scaling`: messages and time of a step of distributed training.

Messages are counted where PyTorch hands them to the process group, also those of DistributedDataParallel.
The training is that of the checkout, with random images and the given number of classes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks.scaling.counting import MessageCounter, Messages
from benchmarks.script import run_script
from kaggle_face.artifacts.files.atomic import write_json
from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.bench.report import median
from kaggle_face.cli.main import run as run_program
from kaggle_face.cli.terminal import Terminal
from kaggle_face.config import Config, load_config
from kaggle_face.data.cache.image_cache import ImageCache
from kaggle_face.errors import InputError
from kaggle_face.hardware import peak_memory_bytes
from kaggle_face.model.device import resolve_device
from kaggle_face.progress import SilentProgress
from kaggle_face.records import ClassTable, no_pairs
from kaggle_face.train.creation import create_fold_network, create_trainer
from kaggle_face.train.distributed import DistributedContext, joined
from kaggle_face.train.run_context import RunContext
from kaggle_face.train.settings import FoldData
from kaggle_face.train.step.step import run_steps

_WARMUP_STEPS = 4
"""DistributedDataParallel arranges its buckets in the first ones."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("--classes", type=int, default=8631, metavar="C")
    parser.add_argument("--batch", type=int, default=64, metavar="B", help="of all processes together")
    parser.add_argument("--pixels", type=int, default=32, metavar="PX")
    parser.add_argument("--steps", type=int, default=8, metavar="N", help="that are counted and timed")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes the figures there")
    parser.add_argument("overrides", nargs="*", metavar="key=value")


def main(argv: Sequence[str]) -> int:
    """Runs the script and returns its exit code."""
    return run_script(
        "scaling", "what processes that train together send each other", _add_arguments, _measure, argv
    )


def _measure(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Trains for some steps; rank 0 prints the messages and the time of each."""
    if min(arguments.classes, arguments.batch, arguments.pixels, arguments.steps) < 1:
        raise InputError("--classes, --batch, --pixels and --steps must be >= 1")
    words = [f"data.image_size={arguments.pixels}", f"train.batch_size={arguments.batch}"]
    config = load_config("base", ["train.amp=off", *words, "device=cpu", *arguments.overrides]).config
    with joined() as distributed:
        messages, seconds = _train(config, arguments.classes, arguments.steps, distributed)
        if not distributed.is_rank_zero:
            return
        processes = distributed.share.count
    rows = [
        (kind, f"{count / arguments.steps:g}", f"{size / arguments.steps:,.0f}")
        for kind, (count, size) in messages.totals().items()
    ]
    terminal.table(("message", "a step", "bytes a step"), rows)
    rate = 1.0 / median(seconds)
    memory_mb = peak_memory_bytes() / 1e6
    spread = f"{1.0 / max(seconds):.3g} to {1.0 / min(seconds):.3g}"
    terminal.log(f"{processes} processes: {rate:.3g} steps/s ({spread}), {memory_mb:.0f} MB each at most")
    if arguments.json is not None:
        values = {
            "processes": processes,
            "classes": arguments.classes,
            "messages": {kind: list(total) for kind, total in messages.totals().items()},
            "steps": arguments.steps,
            "seconds": seconds,
            "memory_mb": memory_mb,
        }
        write_json(arguments.json, values)


def _train(
    config: Config, num_classes: int, steps: int, distributed: DistributedContext
) -> tuple[Messages, list[float]]:
    """The messages of some steps after the first ones, and the seconds of each step."""
    data = _random_fold(config, num_classes, (_WARMUP_STEPS + steps) * config.train.batch_size)
    with tempfile.TemporaryDirectory(prefix="kaggle-face-bench-") as folder:
        network = create_fold_network(config, data).to(resolve_device(config.device))
        shard_head = getattr(distributed, "shard_head", None)
        if shard_head is not None:  # engines of earlier commits hold every head whole
            shard_head(network, config)
        context = RunContext({}, SilentProgress(), distributed=distributed)
        place = FoldFolder(Path(folder) / "fold0")
        trainer = create_trainer(config, data, place, network, None, context)
        running = run_steps(trainer.state, trainer.settings, trainer.batches, trainer.step_context)
        for _ in range(_WARMUP_STEPS):
            next(running)
        seconds = []
        with MessageCounter() as counter:
            for _ in range(steps):
                began = time.perf_counter()
                next(running)
                seconds.append(time.perf_counter() - began)
    return counter.messages, seconds


def _random_fold(config: Config, num_classes: int, num_images: int) -> FoldData:
    """Images of noise, each of its own class as far as there are enough classes."""
    side, draw = config.data.image_size, np.random.default_rng(0)
    ids = np.array([f"{number:06d}" for number in range(num_images)])
    pixels = draw.integers(0, 256, (num_images, side, side, 3), np.uint8)
    cache = ImageCache(ids, pixels, np.ones(num_images, np.bool_), side)
    names = np.array([str(number) for number in range(num_classes)])
    labels = np.arange(num_images) % num_classes
    return FoldData(0, ClassTable(names, names), cache, ids, labels, ids[:2], labels[:2], no_pairs())


if __name__ == "__main__":
    torch.set_num_threads(1)
    run_program(sys.argv[1:], main)

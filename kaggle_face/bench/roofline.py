"""The least time of a training step on known GPUs, calculated, beside the loader's rate on this machine.

Nothing here needs a GPU. What GPUs can do at most comes from their data sheets; the parts of the loader that
run on the CPU are measured on one core of this machine, with generated faces.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from kaggle_face.bench.machine import describe_machine
from kaggle_face.bench.report import Cell, Report
from kaggle_face.bench.throughput import Plan
from kaggle_face.bench.training import speed_settings
from kaggle_face.config import Config, LoadedConfig
from kaggle_face.data.augmentation.per_image import Augmenter
from kaggle_face.data.cache.image_cache import open_image_cache
from kaggle_face.data.cache.search import CachePlan
from kaggle_face.data.loading.streaming import gather
from kaggle_face.errors import counted
from kaggle_face.pictures import decode_rgb_into, read_picture
from kaggle_face.progress import Progress, SilentProgress
from kaggle_face.synthetic.faces import draw_appearance, draw_identity, render_face
from kaggle_face.train.speed.gpus import GPUS, Gpu, Precision
from kaggle_face.train.speed.roofline import StepCost, count_step, floor_on

COLUMNS = (
    "GPU or part",
    "precision",
    "by arithmetic",
    "by memory",
    "at most images/s",
    "held by",
    "MB/s",
    "memory GB",
)
DECODE, GATHER, AUGMENT = "decode", "gather", "augment"
NOTEBOOK_CORES = 4
"""Of a Kaggle notebook with a GPU."""
CORES_OF = {DECODE: NOTEBOOK_CORES, GATHER: 1, AUGMENT: NOTEBOOK_CORES - 1}
"""What a part uses there: all, the one thread that reads ahead, and a process for each core but one."""
_FACES = 64
_JPEG_QUALITY = 90


def bench_roofline(loaded: LoadedConfig, num_classes: int, plan: Plan, progress: Progress) -> Report:
    """The most images a second that GPUs can train on, and that the cores of a notebook can prepare.

    Args:
        loaded: The settings; no image is needed.
        num_classes: Classes of the head.
        plan: How long the parts of the loader are measured: `rounds` turns, the best of which counts.
        progress: Counts the parts.

    Raises:
        ConfigError: The settings make no network.
    """
    config = loaded.config
    parts = {part: rate * CORES_OF[part] for part, rate in _core_rates(config, plan, progress).items()}
    kinds: list[Precision] = ["fp32", "bf16"]
    costs = {kind: count_step(config, num_classes, kind) for kind in kinds}
    image_bytes = 3 * config.data.image_size**2
    rows = [_row(gpu, costs, parts, image_bytes) for gpu in GPUS]
    named = {part: f"{part}, {counted(CORES_OF[part], 'core')}" for part in parts}
    rows += [
        (named[part], "", None, None, rate, "", rate * image_bytes / 1e6, None)
        for part, rate in parts.items()
    ]
    about = {**describe_machine(), **speed_settings(loaded), "classes": num_classes}
    return Report("roofline", about, COLUMNS, tuple(rows), explain(costs, config, parts))


def explain(costs: Mapping[Precision, StepCost], config: Config, parts: Mapping[str, float]) -> str:
    """One sentence: caveats, and the GPU from which on a notebook's cores are the bottleneck."""
    batch_gb = costs["bf16"].memory_bytes / 1e9
    rates = {gpu.name: floor_on(gpu, _cost_on(gpu, costs)).images_per_second for gpu in GPUS}
    behind = [
        f"{part} ({', '.join(names)})"
        for part, rate in parts.items()
        if (names := [name for name, most in rates.items() if rate < most])
    ]
    held = (
        f"{NOTEBOOK_CORES} cores like these would be slower in: {'; '.join(behind)}"
        if behind
        else f"{NOTEBOOK_CORES} cores like these would keep up with all of them"
    )
    return (
        "the rows of GPUs are calculated from data sheets, not measured: without torch.compile no training "
        f"is faster; {held}; "
        f"a step of {config.train.batch_size} images needs at least {batch_gb:.1f} GB in half precision"
    )


def _row(
    gpu: Gpu, costs: Mapping[Precision, StepCost], parts: Mapping[str, float], image_bytes: int
) -> tuple[Cell, ...]:
    cost = _cost_on(gpu, costs)
    floor = floor_on(gpu, cost)
    rate = floor.images_per_second
    slower = [floor.bound_by, *(part for part, most in parts.items() if most < rate)]
    if cost.memory_bytes > 1e9 * gpu.memory_gb:
        slower.append("too little memory")
    return (
        gpu.name,
        gpu.amp,
        floor.batch_size / floor.arithmetic_seconds,
        floor.batch_size / floor.memory_seconds,
        rate,
        ", ".join(slower),
        rate * image_bytes / 1e6,
        cost.memory_bytes / 1e9,
    )


def _cost_on(gpu: Gpu, costs: Mapping[Precision, StepCost]) -> StepCost:
    """The cost in the precision of `train.amp=auto`; fp16 and bf16 cost the same."""
    return costs["fp32" if gpu.amp == "fp32" else "bf16"]


def _core_rates(config: Config, plan: Plan, progress: Progress) -> dict[str, float]:
    """Images a second of the parts of the loader that run on the CPU, on one core."""
    side = config.data.image_size
    target, order = np.empty((side, side, 3), np.uint8), np.random.default_rng(0).permutation(_FACES)
    augmenter = Augmenter(config.augment.transforms, side, config.seed)
    with tempfile.TemporaryDirectory(prefix="kaggle-face-bench-") as folder:
        root = Path(folder)
        ids = np.array([_draw_face(root, number, side) for number in range(_FACES)])
        files = [read_picture(root / image_id) for image_id in ids.tolist()]
        where = CachePlan(root / "packs", root, ids, side)
        cache = open_image_cache(where, "bench", broken="error", progress=SilentProgress(), workers=1)
        faces = gather(cache.images, order, pinned=False).numpy()

        def decode() -> None:
            for data in files:
                decode_rgb_into(target, data)

        def augment() -> None:
            for index, face in enumerate(faces):
                augmenter(face, 0, index)

        parts: dict[str, Callable[[], object]] = {
            DECODE: decode,
            GATHER: lambda: gather(cache.images, order, pinned=False),
            AUGMENT: augment,
        }
        rates: dict[str, float] = {}
        with progress.track("measuring", len(parts), "parts") as counter:
            for name, work in parts.items():
                rates[name] = max(_rate(work, plan.seconds / 4) for _ in range(plan.rounds))
                counter.advance(1, name)
    return rates


def _draw_face(root: Path, number: int, side: int) -> str:
    """Writes a generated face as a JPEG file; returns its name."""
    face = render_face(draw_identity(0, number), draw_appearance(0, number, 0), side)
    Image.fromarray(face).save(root / f"{number}.jpg", quality=_JPEG_QUALITY)
    return f"{number}.jpg"


def _rate(work: Callable[[], object], seconds: float) -> float:
    """Images per second over a least number of seconds."""
    began, images = time.perf_counter(), 0
    while images == 0 or time.perf_counter() - began < seconds:
        work()
        images += _FACES
    return images / (time.perf_counter() - began)

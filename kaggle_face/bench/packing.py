"""Rate of building the image cache, beside the decoder's own."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kaggle_face.bench.machine import MemoryWatch
from kaggle_face.bench.report import Cell, Report
from kaggle_face.bench.throughput import Plan, Rate
from kaggle_face.data.cache.image_cache import open_image_cache, read_image_cache
from kaggle_face.data.cache.search import CachePlan
from kaggle_face.errors import DataError, counted
from kaggle_face.hardware import available_cpus
from kaggle_face.pictures import decode_rgb_into, read_picture
from kaggle_face.progress import Progress, SilentProgress
from kaggle_face.records import StrArray

DECODER, ONE, ALL, OPENING = "decoder alone, 1 core", "cache, 1 process", "cache, {} processes", "open again"
COLUMNS = ("way", "images/s", "slowest", "fastest", "of the decoder per core", "memory MB")

GOOD_SHARE = 0.9
_MOST_BYTES = 512 * 2**20


def bench_packing(
    root: Path,
    image_ids: StrArray,
    size_px: int,
    plan: Plan,
    about: Mapping[str, Cell],
    progress: Progress,
) -> Report:
    """Builds the cache repeatedly in a temporary folder, in turns with decoding from memory.

    Args:
        root: The data root.
        image_ids: The pictures; as many of them are taken as fit half a gigabyte of memory.
        size_px: The side of the cached images.
        plan: The number of turns; a turn is one pass over the pictures.
        about: The machine.
        progress: Counts the turns.

    Raises:
        DataError: None of the pictures can be read.
    """
    cores = available_cpus()
    chosen, contents = _read_pictures(root, image_ids)
    ways = [DECODER, ONE] + ([ALL.format(cores)] if cores > 1 else []) + [OPENING]
    found: dict[str, list[float]] = {name: [] for name in ways}
    memory: dict[str, float | None] = {}
    with progress.track("packing again", plan.rounds * len(ways), "turns") as counter:
        for _ in range(plan.rounds):
            for name in ways:
                with MemoryWatch() as watch:
                    seconds = _turn(name, root, chosen, contents, size_px)
                found[name].append(len(chosen) / seconds)
                memory.setdefault(name, watch.process_mb)
                counter.advance(1, name)
    rates = {name: Rate(tuple(values)) for name, values in found.items()}
    decoder = rates[DECODER].median
    shares: dict[str, float | None] = {
        name: rate.median / decoder / (cores if name == ALL.format(cores) else 1)
        for name, rate in rates.items()
    }
    shares[OPENING] = None
    rows = tuple(
        (name, rate.median, *rate.spread, shares[name], memory[name]) for name, rate in rates.items()
    )
    return Report("pack", {**about, "images": len(chosen), "size_px": size_px}, COLUMNS, rows, explain(rates))


def explain(rates: Mapping[str, Rate]) -> str:
    """One sentence: whether packing is as fast as its decoder."""
    share = rates[ONE].median / rates[DECODER].median
    if share >= GOOD_SHARE:
        return (
            f"packing runs at {100 * share:.1f} % of the decoder's rate: the decoder is the bottleneck; "
            "more cores make it faster"
        )
    return (
        f"packing runs at {100 * share:.1f} % of the decoder's rate: reading and writing files is the "
        "bottleneck; put data.root and paths.cache on a faster disk"
    )


def _turn(name: str, root: Path, image_ids: StrArray, contents: list[bytes], size_px: int) -> float:
    """Seconds of one pass."""
    if name == DECODER:
        target = np.empty((size_px, size_px, 3), np.uint8)
        began = time.perf_counter()
        for data in contents:
            decode_rgb_into(target, data)
        return time.perf_counter() - began
    with tempfile.TemporaryDirectory(prefix="kaggle-face-bench-") as folder:
        workers = 1 if name in (ONE, OPENING) else -1
        began = time.perf_counter()
        cache = open_image_cache(
            CachePlan(Path(folder), root, image_ids, size_px),
            "bench",
            broken="skip",
            progress=SilentProgress(),
            workers=workers,
        )
        if name != OPENING:
            return time.perf_counter() - began
        assert cache.folder is not None
        began = time.perf_counter()
        read_image_cache(cache.folder)
        return time.perf_counter() - began


def _read_pictures(root: Path, image_ids: StrArray) -> tuple[StrArray, list[bytes]]:
    """The pictures that can be decoded, and their bytes, up to half a gigabyte."""
    target = np.empty((8, 8, 3), np.uint8)
    chosen, contents, total = [], [], 0
    for image_id in image_ids.tolist():
        if total > _MOST_BYTES:
            break
        try:
            data = read_picture(root / image_id)
            decode_rgb_into(target, data)
        except DataError:
            continue
        chosen.append(image_id)
        contents.append(data)
        total += len(data)
    if not chosen:
        raise DataError(f"none of {counted(len(image_ids), 'picture')} under {root} can be read")
    return np.array(chosen), contents

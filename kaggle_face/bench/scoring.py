"""Time and memory of the metrics at the sizes of the largest competitions."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from kaggle_face.bench.machine import MemoryWatch
from kaggle_face.bench.report import Cell, Report, median
from kaggle_face.bench.throughput import Plan
from kaggle_face.metrics.classification import top_k_labels
from kaggle_face.metrics.galleries import search_gallery
from kaggle_face.metrics.intervals.verification import verification_difference
from kaggle_face.metrics.similarity import score_pairs
from kaggle_face.metrics.verification import equal_error_rate, roc_auc, tpr_at_fpr
from kaggle_face.progress import Progress
from kaggle_face.records import UNKNOWN, Embeddings, Gallery, Pairs

COLUMNS = ("metric", "size", "seconds", "fastest", "slowest", "memory MB", "must take at most s")

_EMBEDDING_SIZE = 512
_LONG_SECONDS = 30.0
"""What takes longer than this is timed once."""


@dataclass(frozen=True)
class Sizes:
    """The sizes that are scored; a quick run takes a hundredth."""

    scores: int = 10_000_000
    images: int = 20_000
    trials: int = 900_000
    logit_rows: int = 100_000
    classes: int = 8_631
    probes: int = 40_000
    people: int = 1_000_000

    @classmethod
    def quick(cls) -> Sizes:
        """Sizes that take seconds."""
        return cls(1_000_000, 2_000, 90_000, 2_000, 8_631, 1_000, 20_000)


@dataclass(frozen=True)
class _Task:
    name: str
    size: str
    work: Callable[[], object]
    most_seconds: float | None = None


def bench_scoring(sizes: Sizes, plan: Plan, about: Mapping[str, Cell], progress: Progress) -> Report:
    """Times each metric `plan.rounds` times on generated numbers, and once where it takes half a minute.

    Memory is what the metric takes beyond its input.
    """
    rows: list[tuple[Cell, ...]] = []
    with (
        tempfile.TemporaryDirectory(prefix="kaggle-face-bench-") as folder,
        progress.track("scoring", 7, "metrics") as counter,
    ):
        for task in _tasks(sizes, Path(folder)):
            with MemoryWatch() as watch:
                seconds = [_time(task.work)]
            while len(seconds) < plan.rounds and seconds[0] < _LONG_SECONDS:
                seconds.append(_time(task.work))
            figures = (median(seconds), min(seconds), max(seconds), watch.process_mb, task.most_seconds)
            rows.append((task.name, task.size, *figures))
            counter.advance(1, task.name)
    return Report("metrics", about, COLUMNS, tuple(rows), explain(rows))


def explain(rows: list[tuple[Cell, ...]]) -> str:
    """One sentence: which metric takes longer than it must."""
    late = [
        row for row in rows if isinstance(row[6], float) and isinstance(row[2], float) and row[2] > row[6]
    ]
    if not late:
        return "every metric keeps within its time; none of them is a bottleneck"
    names = ", ".join(f"{row[0]} ({row[2]:.2f} s, must be {row[6]:g} s)" for row in late)
    causes = "other processes on its cores, or a processor on which numpy.sort is slow, are the usual causes"
    return f"too slow on this machine now: {names}; {causes}"


def _time(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _tasks(sizes: Sizes, folder: Path) -> Iterator[_Task]:
    draw = np.random.default_rng(0)
    is_full = sizes == Sizes()
    yield from _verification_tasks(sizes, draw, is_full)
    yield _interval_task(draw)
    yield _trial_task(sizes, draw, is_full)
    yield _top_k_task(sizes, draw, folder)
    yield _gallery_task(sizes, draw)


def _verification_tasks(sizes: Sizes, draw: np.random.Generator, is_full: bool) -> Iterator[_Task]:
    labels = (draw.random(sizes.scores, np.float32) < 0.5).astype(np.int64)
    scores = draw.standard_normal(sizes.scores, np.float32) + 2 * labels.astype(np.float32)
    size, most = f"{sizes.scores} scores", 0.2 if is_full else None
    yield _Task("EER", size, partial(equal_error_rate, scores, labels), most)
    yield _Task("AUC", size, partial(roc_auc, scores, labels), most)
    yield _Task("TPR@FPR=1e-3", size, partial(tpr_at_fpr, scores, labels, 1e-3), most)


def _interval_task(draw: np.random.Generator) -> _Task:
    """As many pairs as LFW's: a table of post-processing has some dozens of such differences."""
    num_people, pairs_each = 600, 5
    first = np.repeat(np.arange(num_people), pairs_each)
    other = (first + draw.integers(1, num_people, size=len(first))) % num_people
    people = np.concatenate([np.stack([first, first], axis=1), np.stack([first, other], axis=1)])
    labels = (people[:, 0] == people[:, 1]).astype(np.int64)
    effects, noise = draw.standard_normal((2, num_people)), draw.standard_normal((2, len(people)))
    scores = 0.3 * effects[:, people].sum(axis=2) + noise + 2 * labels
    work = partial(verification_difference, scores[0], scores[1], labels, people)
    return _Task("interval of a difference", f"{len(people)} pairs", work, 0.2)


def _trial_task(sizes: Sizes, draw: np.random.Generator, is_full: bool) -> _Task:
    embeddings = _faces("verification_data", sizes.images, draw)
    first, second = (draw.integers(sizes.images, size=sizes.trials) for _ in range(2))
    pairs = Pairs(
        np.arange(sizes.trials).astype(str),
        embeddings.image_ids[first],
        embeddings.image_ids[second],
        np.full(sizes.trials, UNKNOWN, np.int64),
    )
    size = f"{sizes.trials} trials, {sizes.images} images"
    return _Task("trials scored", size, partial(score_pairs, embeddings, pairs), 1.0 if is_full else None)


def _top_k_task(sizes: Sizes, draw: np.random.Generator, folder: Path) -> _Task:
    shape = (sizes.logit_rows, sizes.classes)
    logits = np.lib.format.open_memmap(folder / "logits.npy", "w+", np.float16, shape)
    block = draw.standard_normal((1000, sizes.classes), np.float32).astype(np.float16)
    for start in range(0, len(logits), len(block)):
        logits[start : start + len(block)] = block[: len(logits) - start]
    return _Task("top-5 labels", f"{shape[0]} x {shape[1]} logits", partial(top_k_labels, logits, 5))


def _gallery_task(sizes: Sizes, draw: np.random.Generator) -> _Task:
    embeddings = _faces("gallery", sizes.people + sizes.probes, draw)
    known, probes = embeddings.image_ids[: sizes.people], embeddings.image_ids[sizes.people :]
    gallery = Gallery(known, known, probes, probes, np.full(len(probes), ""))
    size = f"{sizes.probes} probes, {sizes.people} people"
    return _Task("gallery searched", size, partial(search_gallery, embeddings, gallery))


def _faces(folder: str, count: int, draw: np.random.Generator) -> Embeddings:
    ids = np.char.add(f"{folder}/", np.char.zfill(np.arange(count).astype(str), 8))
    return Embeddings(np.char.add(ids, ".jpg"), draw.standard_normal((count, _EMBEDDING_SIZE), np.float32))

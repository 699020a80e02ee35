"""The generated data behind the pictures of docs/metrics.md, and what the metrics give on them.

Letters: N images, C classes, P pairs, Q probes, D embedding size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kaggle_face import metrics

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Labels:
    """Logits (N, C) of 400 images of 30 classes, and their true classes (N,)."""

    logits: Array
    labels: Array


@dataclass(frozen=True, eq=False)
class Pairs:
    """Scores (P,) of 2,000 genuine and 20,000 impostor pairs, which are genuine, and the tenth each is in."""

    scores: Array
    is_same: Array
    parts: Array


@dataclass(frozen=True, eq=False)
class Probes:
    """Best scores (Q,) of 1,200 enrolled and 800 unknown people, and whether each best match is right."""

    best_scores: Array
    is_correct: Array
    is_enrolled: Array


@dataclass(frozen=True, eq=False)
class People:
    """Embeddings (N, 2) of eight images of each of five people, and whom each shows (N,)."""

    embeddings: Array
    people: Array


def labelled_images() -> Labels:
    """Images whose true class has a logit about two deviations above the others, too sure of them."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 30, 400)
    logits = rng.normal(size=(400, 30))
    logits[np.arange(400), labels] += rng.normal(2.4, 1.0, 400)
    return Labels(3.5 * logits, labels)


def scored_pairs() -> Pairs:
    """Pairs whose scores are normal, genuine ones 0.35 higher at a deviation of 0.15."""
    rng = np.random.default_rng(1)
    is_same = np.repeat([1, 0], [2000, 20000])
    scores = rng.normal(np.where(is_same, 0.45, 0.1), 0.15)
    return Pairs(scores, is_same, rng.integers(0, 10, len(scores)))


def matched_probes() -> Probes:
    """Probes of whom 1,200 are enrolled, most of these matched with the right person."""
    rng = np.random.default_rng(2)
    is_enrolled = np.repeat([1, 0], [1200, 800])
    is_correct = is_enrolled & (rng.random(2000) < 0.9)
    return Probes(rng.normal(np.where(is_correct, 0.6, 0.38), 0.1), is_correct, is_enrolled)


def embedded_people() -> People:
    """Five people as directions in the plane, their images scattered around them."""
    rng = np.random.default_rng(3)
    people = np.repeat(np.arange(5), 8)
    angles = 2 * np.pi * people / 5 + rng.normal(0, 0.35, 40)
    return People(np.stack([np.cos(angles), np.sin(angles)], axis=1), people)


def _of_table(name: str, digits: int = 1) -> str:
    """A metric of the table on the data that it needs, as its picture shows it."""
    metric = metrics.METRICS[name]
    images, pairs, probes, people = labelled_images(), scored_pairs(), matched_probes(), embedded_people()
    arrays = {
        "labels": (images.logits, images.labels),
        "pairs": (pairs.scores, pairs.is_same),
        "gallery": (probes.best_scores, probes.is_correct, probes.is_enrolled),
        "people": (people.embeddings, people.people),
    }
    value = metric(*arrays[metric.needs])
    is_share = name not in ("log_loss", "auc", "map@5")
    return f"{metric.title} {100 * value:.{digits}f} %" if is_share else f"{metric.title} {value:.3f}"


def _tpr() -> str:
    return f"{_of_table('tpr@1e-2')}, {_of_table('tpr@1e-3')}"


def _calibration() -> str:
    images = labelled_images()
    value = metrics.expected_calibration_error(images.logits, images.labels, num_bins=10)
    return f"calibration error {value:.3f}"


def _open_set() -> str:
    probes = matched_probes()
    found = metrics.dir_at_fpir(probes.best_scores, probes.is_correct, probes.is_enrolled, 1e-2)
    return f"DIR {100 * found.rate:.1f} % at 1 % FPIR"


def _ten_fold() -> str:
    pairs = scored_pairs()
    rows = slice(4000)  # as many impostor pairs as genuine ones
    found = metrics.verification_accuracy(pairs.scores[rows], pairs.is_same[rows], pairs.parts[rows])
    return f"ten-fold accuracy {100 * found.mean:.1f} % ± {100 * found.standard_error:.1f}"


CAPTIONS: Mapping[str, Callable[[], str]] = {
    "accuracy": lambda: _of_table("accuracy"),
    "top5": lambda: _of_table("top5"),
    "map5": lambda: _of_table("map@5"),
    "log-loss": lambda: _of_table("log_loss"),
    "calibration": _calibration,
    "eer": lambda: _of_table("eer"),
    "auc": lambda: _of_table("auc"),
    "tpr": _tpr,
    "ten-fold": _ten_fold,
    "gallery-accuracy": lambda: _of_table("gallery accuracy"),
    "open-set": _open_set,
    "one-shot": lambda: _of_table("one-shot accuracy"),
}
"""The pictures by name, each with the figure that it shows."""

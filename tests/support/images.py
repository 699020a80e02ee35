"""Pictures on disk, and small competitions made of names alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from kaggle_face.records import (
    UNKNOWN,
    ClassTable,
    CompetitionData,
    FaceTable,
    Pairs,
    StrArray,
    no_pairs,
    no_rows,
)


def write_pictures(root: Path, count: int, size_px: int = 24, seed: int = 0) -> StrArray:
    """Writes JPEGs of random blocks and returns their ids, sorted."""
    draw = np.random.default_rng(seed)
    names = [f"train/{number % 3}/{number:04d}.jpg" for number in range(count)]
    for name in names:
        blocks = draw.integers(0, 256, (4, 4, 3), np.uint8)
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(blocks).resize((size_px, size_px)).save(path, quality=90)
    return np.sort(np.array(names))


def make_competition(
    class_sizes: Sequence[int],
    dev_sizes: Sequence[int] = (),
    dev_pairs: Pairs | None = None,
    others: Sequence[str] = (),
) -> CompetitionData:
    """A competition with the given number of images of each class, in the splits that are named."""
    ids, labels, splits = [], [], []
    for split, sizes in (("train", class_sizes), ("dev", dev_sizes)):
        for label, size in enumerate(sizes):
            ids += [f"{split}/{label:03d}/{number:03d}.jpg" for number in range(size)]
            labels += [label] * size
            splits += [split] * size
    ids += others
    labels += [UNKNOWN] * len(others)
    splits += ["verification"] * len(others)
    names = np.array([str(label) for label in range(max(len(class_sizes), len(dev_sizes)))])
    faces = FaceTable(np.array(ids), np.array(labels, np.int64), np.array(splits))
    return CompetitionData(faces, ClassTable(names, names), no_rows(), dev_pairs or no_pairs(), no_pairs())

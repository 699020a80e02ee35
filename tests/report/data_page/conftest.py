"""Facts of a made-up data set: two splits, three identities, copies, a broken file; names hold markup."""

from __future__ import annotations

import numpy as np
import pytest

from kaggle_face.competitions.data_check import CheckResult, ImageFiles, SplitCount
from kaggle_face.data.cache.image_cache import ImageCache
from kaggle_face.records import FaceTable
from kaggle_face.report.data_page.facts import DataFacts
from kaggle_face.report.document.shell import Origin
from kaggle_face.report.pictures import measure_pictures

MARKUP = "<img src=x onerror=alert(1)><b>Ann</b>&amp;%{x}"
TRAIN, TEST = 24, 8


@pytest.fixture(scope="session")
def made_up_data() -> DataFacts:
    """Training images 0 and 1 are one photo of one identity, 2 and 9 of two; test image 0 is image 3."""
    rng = np.random.default_rng(0)
    ids = np.array([f"train/{n:02d}.jpg" for n in range(TRAIN - 1)] + [f"train/{MARKUP}.jpg"])
    ids = np.concatenate([ids, np.array([f"test/{n:02d}.jpg" for n in range(TEST)])])
    labels = np.concatenate([np.arange(TRAIN) // 8, np.full(TEST, -1)])
    pixels = rng.integers(0, 200, (TRAIN + TEST, 24, 24, 3), dtype=np.uint8)
    for copy, original in ((1, 0), (9, 2), (TRAIN, 3)):
        pixels[copy] = np.clip(pixels[original].astype(int) + rng.integers(-3, 4, (24, 24, 3)), 0, 255)
    pixels[9] = pixels[2]
    pixels[5] = 2
    problems = np.where(np.arange(TRAIN + TEST) == TRAIN + 5, "not a picture", "")
    widths = np.where(problems == "", 24, 0)
    hashes = np.array(
        [pixels[n].tobytes().hex()[:40] + pixels[n].tobytes().hex()[-40:] for n in range(len(ids))]
    )
    order = np.argsort(ids)
    cache = ImageCache(ids[order], pixels[order], (problems == "")[order], 24)
    splits = np.repeat(["train", "test"], [TRAIN, TEST])
    return DataFacts(
        name=MARKUP,
        root="data/faces",
        faces=FaceTable(ids, labels, splits),
        class_names=np.array([MARKUP, "Bob", "Cy"]),
        files=ImageFiles(ids, hashes, widths, widths, np.where(widths > 0, "RGB", ""), problems),
        counts=(SplitCount("train", TRAIN, TRAIN, 3), SplitCount("test", TEST, 0, 0)),
        results=(CheckResult("good", "fine"), CheckResult("problem", MARKUP)),
        image_size=24,
        cache=cache,
        pictures={split: measure_pictures(cache, ids[splits == split]) for split in ("train", "test")},
        origin=Origin("2026-11-29 05:12 UTC", "1", "kaggle-face check --pictures"),
    )

"""File names that Linux allows and no table expects, from the check to the submission."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kaggle_face.artifacts.tables import as_text
from kaggle_face.cli.main import main
from kaggle_face.data.cache.image_cache import open_image_cache
from kaggle_face.data.cache.search import CachePlan
from kaggle_face.progress import SilentProgress

NAMES = [
    "a\rb", "c\nd", "e\r\nf", 'g"h', "i,j", " k", "l ", "\tm", "=n", "+1+1", "-p", "@q", "'r", "\u202es",
    "t\x1b[2J", "é", "王", "u\\v", "#w", "x;y", "%z", "\u2028", "\x85", "\x7f",
]  # fmt: skip

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")


def write_picture(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path, format="JPEG")


def test_an_image_cache_of_odd_names_is_found_whole_again(tmp_path: Path) -> None:
    ids = sorted(f"person{name}/{name}.jpg" for name in NAMES)
    for seed, image_id in enumerate(ids):
        write_picture(tmp_path / "faces" / image_id, seed)
    for _ in range(2):
        cache = open_image_cache(
            CachePlan(tmp_path / "packs", tmp_path / "faces", as_text(ids), 32),
            "odd",
            broken="error",
            progress=SilentProgress(),
            workers=0,
        )
        assert cache.image_ids.tolist() == ids
    assert len(list((tmp_path / "packs").iterdir())) == 1


@pytest.mark.slow
def test_odd_names_go_from_the_check_to_the_submission(workspace: Path, tmp_path: Path, capfd) -> None:
    root = tmp_path / "faces"
    for person in range(6):
        for number in range(8):
            write_picture(
                root / "train" / f"{person}{NAMES[person]}" / f"{number}{NAMES[number + 8]}.jpg", person
            )
    for number, name in enumerate(NAMES):
        write_picture(root / "test" / f"{name}.jpg", number)
    assert main(["init", "odd", "--data", str(root)]) == 0
    words = ["-c", "odd", "data.workers=0", "data.image_size=32", "train.tensorboard=false", "folds.count=2"]
    network = ["model.backbone=resnet10t", "model.pretrained=false", "train.epochs=1", "train.batch_size=8"]
    for command in (
        ["check"],
        ["train", "--fold", "all"],
        ["predict"],
        ["ensemble"],
        ["submit", "--dry-run"],
    ):
        assert main([*command, *words, *(network if command[0] == "train" else [])]) == 0, capfd.readouterr()
    output = capfd.readouterr()
    assert "\x1b" not in output.out + output.err and "\u202e" not in output.out + output.err
    (path,) = (tmp_path / "submissions").rglob("*ensemble*.csv")
    with path.open(newline="", encoding="utf-8") as stream:
        ids = [row[0] for row in list(csv.reader(stream))[1:]]
    assert sorted(Path(image_id).name for image_id in ids) == sorted(f"{name}.jpg" for name in NAMES)

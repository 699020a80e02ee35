"""Competition folders in miniature: one grey picture under many names."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from kaggle_face.competitions.layouts.layout import Example
from kaggle_face.competitions.reading import read_competition
from kaggle_face.config.competition import CompetitionConfig
from kaggle_face.records import CompetitionData


def _picture() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), (120, 110, 100)).save(stream, "JPEG")
    return stream.getvalue()


PICTURE = _picture()


def expand_braces(pattern: str) -> list[str]:
    """The names that a pattern with braces stands for in a shell: `{a,b}/1.jpg`."""
    found = re.search(r"\{([^{}]*)\}", pattern)
    if found is None:
        return [pattern]
    start, end = pattern[: found.start()], pattern[found.end() :]
    return [name for choice in found[1].split(",") for name in expand_braces(start + choice + end)]


@dataclass(frozen=True)
class Tree:
    """A data root that is planted file by file."""

    root: Path

    def images(self, *names: str) -> Tree:
        for name in names:
            self.content(name, PICTURE)
        return self

    def text(self, name: str, *lines: str) -> Tree:
        return self.content(name, "".join(f"{line}\n" for line in lines).encode())

    def content(self, name: str, content: bytes) -> Tree:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return self

    def example(self, example: Example) -> Tree:
        """Plants the tree of a layout's example: its pictures, and its text files with their lines."""
        path = ""
        lines_of: dict[str, list[str]] = {}
        for line in example.tree.strip("\n").splitlines():
            text = line.partition("  #")[0].rstrip()
            if text.startswith("    "):
                lines_of.setdefault(path, []).append(text.strip())
            else:
                path = text
                lines_of.update({name: [] for name in expand_braces(path)})
        for name, lines in lines_of.items():
            self.images(name) if name.endswith(".jpg") else self.text(name, *lines)
        return self

    def remove(self, name: str) -> Tree:
        (self.root / name).unlink()
        return self

    def read(self, exclude: Iterable[str] = (), **competition: str) -> CompetitionData:
        settings = CompetitionConfig.model_validate({"slug": "mine", **competition})
        return read_competition(self.root, settings, tuple(exclude))


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "data")


@pytest.fixture
def labelled_splits(tree: Tree) -> Tree:
    """pair_text since spring 2025: classes 9 and 10, whose order as text is 10, 9."""
    for split, files in (
        ("train", ("a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg")),
        ("dev", ("1.jpg", "2.jpg")),
    ):
        tree.images(*(f"cls_data/{split}/images/{file}" for file in files))
        labels = ("10", "10", "9", "9") if split == "train" else ("9", "10")
        lines = (f"{file} {label}" for file, label in zip(files, labels, strict=True))
        tree.text(f"cls_data/{split}/labels.txt", *lines)
    tree.images("cls_data/test/images/10.jpg", "cls_data/test/images/9.jpg")
    tree.images(*(f"ver_data/{name}.jpg" for name in "pqrs"))
    tree.text("val_pairs.txt", "p.jpg q.jpg 1", "r.jpg p.jpg 0")
    tree.text("test_pairs.txt", "s.jpg p.jpg", "q.jpg r.jpg", "p.jpg s.jpg")
    return tree


@pytest.fixture
def class_folders(tree: Tree) -> Tree:
    """pair_text of fall 2024: a folder per class."""
    for split in ("train", "dev"):
        tree.images(*(f"cls_data/{split}/n00{name}/{image}.jpg" for name in (9, 10) for image in (1, 2)))
    tree.images(*(f"ver_data/{name}.jpg" for name in "pqrs"))
    tree.text("val_pairs.txt", "p.jpg q.jpg 1", "r.jpg p.jpg 0")
    tree.text("test_pairs.txt", "s.jpg p.jpg", "q.jpg r.jpg")
    return tree


@pytest.fixture
def thumbnails(tree: Tree) -> Tree:
    """thumbnails: classes 2, 10 (medium) and 2300 (large); as text they are ordered 10, 2, 2300."""
    for size, classes in (("medium", (2, 10)), ("large", (2300,))):
        for name in classes:
            tree.images(f"train_data/{size}/{name}/a.jpg", f"train_data/{size}/{name}/b.jpg")
            tree.images(f"validation_classification/{size}/{name}/c.jpg")
    tree.images(*(f"test_classification/medium/{number}.jpg" for number in (5000, 5001, 900)))
    tree.text("test_order_classification.txt", "5001.jpg", "900.jpg", "5000.jpg")
    tree.images(*(f"validation_verification/{name}.jpg" for name in "pq"))
    tree.images(*(f"test_verification/{name}.jpg" for name in "rst"))
    tree.text("validation_trials_verification.txt", "p.jpg q.jpg 1", "q.jpg p.jpg 0")
    tree.text("test_trials_verification_student.txt", "t.jpg r.jpg", "r.jpg s.jpg")
    return tree


@pytest.fixture
def listed_pairs(tree: Tree) -> Tree:
    """listed_pairs of spring 2021: classes 9 and 10, test images 2 and 10."""
    for split in ("train_data", "val_data"):
        tree.images(*(f"{split}/{name}/{image}.jpg" for name in (9, 10) for image in "ab"))
    tree.images("test_data/10.jpg", "test_data/2.jpg")
    tree.images(*(f"verification_data/{name}.jpg" for name in "pqr"))
    names = [f"verification_data/{name}.jpg" for name in "pqr"]
    tree.text("verification_pairs_val.txt", f"{names[0]} {names[1]} 1", f"{names[1]} {names[2]} 0")
    tree.text("verification_pairs_test.txt", f"{names[2]} {names[0]}", f"{names[0]} {names[1]}")
    return tree


@pytest.fixture
def csv_pairs(tree: Tree) -> Tree:
    """csv_pairs: folders doubled by the archives."""
    classification, verification = "classification/classification", "verification/verification"
    for split in ("train", "dev"):
        tree.images(
            *(f"{classification}/{split}/n00000{name}/{image}.jpg" for name in "29" for image in "ab")
        )
    tree.images(*(f"train_subset/train_subset/n00000{name}/a.jpg" for name in "29"))
    tree.images(f"{classification}/test/000000.jpg", f"{classification}/test/000001.jpg")
    tree.images(*(f"{verification}/dev/{name}.jpg" for name in "pq"))
    tree.images(*(f"{verification}/test/{name}.jpg" for name in "rs"))
    tree.text(f"{verification}/verification_dev.csv", "image_A,image_B,match", "dev/p.jpg,dev/q.jpg,1")
    tree.text(
        f"{verification}/verification_test.csv",
        "image_A,image_B",
        "test/s.jpg,test/r.jpg",
        "test/r.jpg,test/s.jpg",
    )
    return tree


@pytest.fixture
def known_people(tree: Tree) -> Tree:
    """Gallery since spring 2023: two archives side by side, one image of dev shows an unknown identity."""
    classification, verification = "11-785-f23-hw2p2-classification", "11-785-f23-hw2p2-verification"
    for split in ("train", "dev"):
        tree.images(
            *(f"{classification}/{split}/n00000{name}/{image}.jpg" for name in "29" for image in "ab")
        )
    tree.images(f"{classification}/test/000001.jpg", f"{classification}/test/000000.jpg")
    tree.images(*(f"{verification}/known/n00010{name}/{name}.jpg" for name in "34"))
    tree.images(f"{verification}/known/n000103/more.jpg")
    tree.images(*(f"{verification}/unknown_dev/{name}.jpg" for name in "cab"))
    tree.images(*(f"{verification}/unknown_test/{name}.jpg" for name in "fde"))
    tree.text(f"{verification}/verification_dev.csv", "label", "n000104", "n000000", "n000103")
    return tree


@pytest.fixture
def families(tree: Tree) -> Tree:
    """kinship: eleven families of two, of which the last is held out, and a lone third person in each."""
    for number in range(11):
        tree.images(
            *(f"train/F{number:04d}/MID{person}/P{image}.jpg" for person in (1, 2) for image in (1, 2))
        )
    tree.images("train/F0008/MID3/P1.jpg")
    relations = [f"F{number:04d}/MID1,F{number:04d}/MID2" for number in range(11)]
    tree.text("train_relationships.csv", "p1,p2", *relations, "F0010/MID1,F0010/MID9")
    tree.images(*(f"test/face{number}.jpg" for number in (1, 2, 3)))
    tree.text(
        "sample_submission.csv", "img_pair,is_related", "face3.jpg-face1.jpg,0", "face1.jpg-face2.jpg,0"
    )
    return tree


@pytest.fixture
def whales(tree: Tree) -> Tree:
    """top_k: individuals w10, w2 and one image of a new one."""
    rows = ["a.jpg,whale,w2", "b.jpg,whale,w10", "c.jpg,whale,w2", "d.jpg,whale,new_individual"]
    tree.text("train.csv", "image,species,individual_id", *rows)
    tree.images(*(f"train_images/{row[:5]}" for row in rows))
    tree.images("test_images/y.jpg", "test_images/x.jpg")
    return tree

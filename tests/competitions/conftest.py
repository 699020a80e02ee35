"""Competition folders in miniature: one grey picture under many names."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from kaggle_face.competitions.reading import read_competition
from kaggle_face.config.schema import CompetitionConfig
from kaggle_face.records import CompetitionData


def _picture() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), (120, 110, 100)).save(stream, "JPEG")
    return stream.getvalue()


PICTURE = _picture()


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
    """Family E since spring 2025: classes 9 and 10, whose order as text is 10, 9."""
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
    """Family E of fall 2024: a folder per identity."""
    for split in ("train", "dev"):
        tree.images(*(f"cls_data/{split}/n00{name}/{image}.jpg" for name in (9, 10) for image in (1, 2)))
    tree.images(*(f"ver_data/{name}.jpg" for name in "pqrs"))
    tree.text("val_pairs.txt", "p.jpg q.jpg 1", "r.jpg p.jpg 0")
    tree.text("test_pairs.txt", "s.jpg p.jpg", "q.jpg r.jpg")
    return tree


Plant = Callable[[], Tree]

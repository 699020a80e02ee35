"""Galleries in temporary folders, a stand-in of a trained model, and the real detector."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from kaggle_face.recognition.detection.mtcnn import MtcnnDetector
from kaggle_face.recognition.gallery.people import Gallery
from kaggle_face.recognition.recognizer import Recognizer
from tests.support.gallery_stubs import PixelEmbedder, invented_face, jpeg_of


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    """A new gallery without people."""
    return Gallery(tmp_path / "gallery.sqlite", create=True)


@pytest.fixture
def recognizer(gallery: Gallery) -> Recognizer:
    """Compares coarse pixels."""
    return Recognizer(PixelEmbedder(), gallery)


@pytest.fixture(scope="session")
def detector() -> MtcnnDetector:
    """The real detector."""
    return MtcnnDetector()


@pytest.fixture(scope="session")
def seen_people(detector: MtcnnDetector) -> list[int]:
    """Numbers of invented people whose faces in pictures 1 and 3 the detector finds, one in each picture."""

    def is_found(person: int) -> bool:
        return all(len(detector.detect(invented_face(person, picture))) == 1 for picture in (1, 3))

    found: list[int] = []
    for person in range(60):
        if is_found(person):
            found.append(person)
        if len(found) == 4:
            return found
    raise AssertionError("the detector finds hardly any invented face")


@pytest.fixture
def write_people(tmp_path: Path, seen_people: list[int]) -> Callable[..., Path]:
    """Writes `<root>/<name>/<n>.jpg` of invented people whose faces are found."""

    def write(names: list[str], pictures: int = 1, folder: str = "people") -> Path:
        root = tmp_path / folder
        for name, person in zip(names, seen_people, strict=False):
            (root / name).mkdir(parents=True)
            for number, picture in enumerate((1, 3)[:pictures]):
                (root / name / f"{number}.jpg").write_bytes(jpeg_of(invented_face(person, picture)))
        return root

    return write

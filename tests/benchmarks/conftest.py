"""Folders of people, and scripts that must be refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kaggle_face.synthetic.dataset import write_embedded_dataset
from tests.cli.conftest import SIZE, write_settings

Script = Callable[[Sequence[str]], int]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory whose default settings are those of a small competition."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KAGGLE_FACE_CONFIG", "tiny")
    write_embedded_dataset(tmp_path / "competition", SIZE, seed=3)
    write_settings(tmp_path, tmp_path / "competition")
    return tmp_path


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a script that must fail with one line and exit code 2, and returns that line."""

    def run(script: Script, *words: str) -> str:
        capsys.readouterr()
        assert script(words) == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line.removeprefix("error: ")

    return run


def write_people(folder: Path, counts: dict[str, int]) -> Path:
    """Writes so many images of each person, by name; what is in them does not matter. Returns the folder."""
    for person, count in counts.items():
        (folder / person).mkdir(parents=True)
        for number in range(1, count + 1):
            (folder / person / f"{person}_{number:04d}.jpg").write_bytes(f"{person} {number}".encode())
    return folder


def write_faces(folder: Path, people: int, images: int) -> str:
    """Writes so many people with so many images each, noise around a colour; returns the folder."""
    draw = np.random.default_rng(people)
    for person in range(people):
        place = folder / f"{folder.name}{person}"
        place.mkdir(parents=True)
        colour = draw.integers(0, 256, 3)
        for number in range(1, images + 1):
            pixels = (colour + draw.integers(0, 80, (16, 16, 3))).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(place / f"{place.name}_{number:04d}.jpg")
    return str(folder)

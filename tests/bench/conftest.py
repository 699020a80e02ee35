"""Folders of people, one file an image; what is in the files does not matter here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

WritePeople = Callable[[Path, dict[str, int]], Path]


@pytest.fixture
def write_people() -> WritePeople:
    """Writes so many images of each person, by name; returns the folder."""
    return _write_people


def _write_people(folder: Path, counts: dict[str, int]) -> Path:
    for person, count in counts.items():
        (folder / person).mkdir(parents=True)
        for number in range(1, count + 1):
            (folder / person / f"{person}_{number:04d}.jpg").write_bytes(f"{person} {number}".encode())
    return folder

"""The files and folders that ARCHITECTURE.md names exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
NAMED = sorted(
    {
        name
        for name in re.findall(r"`([A-Za-z_./]+(?:\.py|\.md|\.yaml|/))`", TEXT)
        if not name.startswith(("runs/", "oof/", "test/", "tensorboard/", "checkpoints/", "packs/"))
    }
)


def test_names_are_found_in_the_text() -> None:
    assert len(NAMED) > 30 and "train/loggers/logger.py" in NAMED


@pytest.mark.parametrize("name", [name for name in NAMED if name not in ("config.yaml", "__main__.py")])
def test_a_file_that_is_named_exists(name: str) -> None:
    places = (ROOT / name, ROOT / "kaggle_face" / name, *(ROOT / "kaggle_face").rglob(name.rstrip("/")))
    assert any(place.exists() for place in places), name


ENTRIES = dict(re.findall(r"^- \*\*(.+?)\*\*(.*?)(?=^- |\Z)", TEXT.split("## To add ...")[1], re.M | re.S))


def test_the_parts_that_are_added_most_often_have_an_entry() -> None:
    assert len(ENTRIES) > 25
    for part in (
        "a layout",
        "a metric",
        "a logger",
        "a device transform",
        "a report section",
        "an export format",
    ):
        assert part in ENTRIES, part


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_names_files_and_every_name_that_it_gives_stands_in_one_of_them(entry: str) -> None:
    named = re.findall(r"`([A-Za-z_./]+(?:\.py|\.cfg|\.md|/))`", ENTRIES[entry])
    assert named, entry
    places = [
        place / name for name in named for place in (ROOT, ROOT / "kaggle_face") if (place / name).exists()
    ]
    files = [file for place in places for file in ([place] if place.is_file() else place.rglob("*.py"))]
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    for name in re.findall(r"`(?:[A-Z]\w+\.)?(_?[A-Z]\w{3,}|[a-z]+(?:_[a-z]+)+)`", ENTRIES[entry]):
        assert re.search(rf"\b{name}\b", text), f"{entry}: {name}"

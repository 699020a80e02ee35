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

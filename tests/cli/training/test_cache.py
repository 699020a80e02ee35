"""`kaggle-face pack` on a small competition."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kaggle_face.cli.main import main

# 6 people with 8 + 4 + 2 images and 8 with 4, as tests/cli/conftest.py says.
IMAGES = 6 * (8 + 4 + 2) + 8 * 4


def test_pack_tells_number_size_rate_and_folder(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pack"]) == 0
    (folder,) = (workspace / "packs").iterdir()
    line = capsys.readouterr().out
    assert line.startswith(f"packs/{folder.name}: {IMAGES} images of 32x32 px, 0 MB, packed in ")
    assert line.rstrip().endswith("images/s)")


def test_pack_says_what_was_packed_before(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["pack"])
    capsys.readouterr()
    assert main(["pack"]) == 0
    assert capsys.readouterr().out.rstrip().endswith(f"{IMAGES} images of 32x32 px, 0 MB, packed before")


def test_pack_refuses_a_root_that_is_missing(workspace: Path, refused: Callable[..., str]) -> None:
    assert "nowhere" in refused("pack", "data.root=nowhere", "competition.slug=other")

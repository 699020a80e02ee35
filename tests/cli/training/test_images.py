"""`kaggle-face cache` and `augment` on a small competition."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kaggle_face.cli.main import main

# 6 people with 8 + 4 + 2 images and 8 with 4, as tests/cli/conftest.py says.
IMAGES = 6 * (8 + 4 + 2) + 8 * 4


def test_number_size_rate_and_folder_are_printed(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache"]) == 0
    (folder,) = (workspace / "packs").iterdir()
    line = capsys.readouterr().out
    assert line.startswith(f"packs/{folder.name}: {IMAGES} images of 32x32 px, 0 MB, built in ")
    assert line.rstrip().endswith("images/s)")


def test_a_cache_that_was_built_before_is_named_as_such_and_pack_is_an_alias_with_one_warning(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["cache"])
    capsys.readouterr()
    assert main(["pack"]) == 0
    shown = capsys.readouterr()
    assert shown.out.rstrip().endswith(f"{IMAGES} images of 32x32 px, 0 MB, built before")
    warning = "warning: 'pack' is now called 'cache'; the old name goes with the next release"
    assert shown.err.splitlines()[0] == warning and shown.err.count("warning: ") == 1


def test_a_root_that_is_missing_is_refused(workspace: Path, refused: Callable[..., str]) -> None:
    assert "nowhere" in refused("cache", "data.root=nowhere", "competition.slug=other")


def test_augment_describes_and_draws(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["augment", "augment.cutmix.probability=0.25"]) == 0
    assert "CutMix: 25 % of the batches, alpha 1" in capsys.readouterr().out.splitlines()
    assert not (workspace / "runs/tiny/augmentation.png").exists()
    assert main(["augment", "--preview", "--images", "2", "--versions", "1"]) == 0
    assert (workspace / "runs/tiny/augmentation.png").stat().st_size > 1000


def test_a_transform_that_does_not_exist_is_one_line(workspace: Path, refused: Callable[..., str]) -> None:
    assert "HorizontalFlop" in refused("augment", "--preview", "augment.transforms=[{HorizontalFlop: {}}]")
    assert refused("augment", "--to", "x.png") == "--to names the file of --preview; add --preview"

"""`kaggle-face augment` prints the settings, and writes a sheet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kaggle_face.cli.main import main


def test_it_describes_and_draws(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["augment", "augment.cutmix.probability=0.25"]) == 0
    assert "CutMix: 25 % of the batches, alpha 1" in capsys.readouterr().out.splitlines()
    assert not (workspace / "runs/tiny/augmentation.png").exists()
    assert main(["augment", "--preview", "--images", "2", "--versions", "1"]) == 0
    assert (workspace / "runs/tiny/augmentation.png").stat().st_size > 1000


def test_a_transform_that_does_not_exist_is_one_line(workspace: Path, refused: Callable[..., str]) -> None:
    assert "HorizontalFlop" in refused("augment", "--preview", "augment.transforms=[{HorizontalFlop: {}}]")
    assert refused("augment", "--to", "x.png") == "--to names the file of --preview; add --preview"

"""The commands that make records anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kaggle_face.artifacts.provenance import command_of_training
from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.errors import RunError


@pytest.mark.parametrize(
    ("kept", "options"),
    [
        ({"of": ["a/fold0@last"]}, ""),  # before the options were kept
        ({"across_folds": False, "folds": [0], "checkpoints": None}, "--folds 0 "),
        (
            {"across_folds": True, "folds": [0, 2], "checkpoints": ["best_ver", "last"]},
            "--across-folds --folds 0,2 --checkpoints best_ver,last ",
        ),
    ],
)
def test_a_soup_is_made_anew_with_its_own_options(tmp_path: Path, kept: dict[str, Any], options: str) -> None:
    fold = FoldFolder(tmp_path / "faces/mixed/fold0")
    fold.path.mkdir(parents=True)
    fold.write_info({"soup": kept, "networks": {"faces/a/fold0@last": "ab", "faces/b/fold0@last": "cd"}})
    expected = f"kaggle-face soup --run a --run b {options}--name mixed --overwrite -c faces"
    assert command_of_training(fold) == expected


def test_options_of_a_soup_that_are_none_are_refused(tmp_path: Path) -> None:
    fold = FoldFolder(tmp_path / "faces/mixed/fold0")
    fold.path.mkdir(parents=True)
    fold.write_info({"soup": {"folds": "0,1"}})
    with pytest.raises(RunError, match=r"soup\.folds"):
        command_of_training(fold)

"""`kaggle-face launch`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import kaggle_face
from kaggle_face.cli.main import main


def test_a_job_script_is_printed_which_trains_with_these_settings(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["launch", "--slurm", "--gpus", "2", "--fold", "0,1", "train.epochs=3", "--partition", "gpu"]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("#!/bin/bash\n#SBATCH --job-name=tiny-train.epochs_3\n")
    assert "-m -- kaggle_face train -c tiny --run train.epochs=3 --fold 0,1 train.epochs=3 &" in printed
    project = kaggle_face.open_project("tiny", {"train.epochs": 3})

    assert project.slurm_script([0, 1], gpus=2, partition="gpu") == printed


def test_a_wrong_setting_is_found_before_the_queue(workspace: Path, refused: Callable[..., str]) -> None:
    assert "unknown key 'optim.lrr'" in refused("launch", "--slurm", "optim.lrr=1")
    assert "--slurm is required" in refused("launch")

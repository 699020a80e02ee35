"""Training under torchrun: two real processes on the CPU."""

from __future__ import annotations

import csv
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from kaggle_face.artifacts.record_io import read_predictions
from kaggle_face.cli.main import main

PROGRAM = Path(__file__).parents[1] / "support" / "killed_process.py"
SETTINGS = (
    "model.backbone=convnext_atto",  # norms over each image by itself
    "model.backbone_options={depths: [1, 1, 1, 1], dims: [8, 8, 16, 16]}",
    "model.neck=linear",
    "augment.cutmix.probability=0.5",
    "optim.name=sgd",
    "optim.lr=0.05",
    "train.ema_decay=0.9",
    "train.amp=off",
    "train.checkpoint_minutes=1e-6",
)
TRAIN = ("train", "--fold", "0", *SETTINGS)


def torchrun(*words: str, restarts: int = 0) -> subprocess.CompletedProcess[str]:
    """Starts two processes of a command, again where one fails."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    launcher += ["--max-restarts", str(restarts)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*launcher, *words], capture_output=True, text=True, env=environment, timeout=1800, check=False
    )


def errors(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What the processes complained about."""
    return [line for line in done.stderr.splitlines() if line.startswith("error: ")]


def history(fold: Path, column: str) -> list[float]:
    with (fold / "history.csv").open(encoding="utf-8") as stream:
        return [float(row[column]) for row in csv.DictReader(stream)]


@pytest.fixture
def whole(workspace: Path) -> Path:
    """What one process makes of fold 0 without a break."""
    assert main([*TRAIN, "--run", "whole"]) == 0
    return workspace / "runs/tiny/whole/fold0"


def assert_same(found: Path, expected: Path) -> None:
    """Compares two folds, up to the rounding of sums in another order (tests/train/test_distributed.py)."""
    tolerance = 4e-5  # of 12 steps
    weights, others = (load_file(fold / "checkpoints/last.safetensors") for fold in (found, expected))
    assert max(float(np.abs(weights[name] - others[name]).max()) for name in others) < tolerance
    for column in ("train_loss", "accuracy", "eer"):
        assert history(found, column) == pytest.approx(history(expected, column), abs=tolerance)
    answers, alone = (read_predictions(fold / "oof/last/predictions") for fold in (found, expected))
    np.testing.assert_allclose(answers.aligned_to(alone.image_ids).logits, alone.logits, atol=tolerance)


@pytest.mark.slow
@pytest.mark.ci
def test_two_processes_end_what_one_began_as_one_would(
    whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*TRAIN, "--run", "changed", "train.max_hours=1e-9"]) == 0  # stops after a step
    capsys.readouterr()
    divided = ("--resume", "margin.sharded=on")  # each holds a part of the classes
    assert main([*TRAIN, "--run", "changed", *divided, "--devices", "2"]) == 0  # by torchrun
    shown = capsys.readouterr().out.splitlines()
    assert sum("epoch 2/2" in line for line in shown) == 1  # the first alone speaks
    fold = whole.parent.parent / "changed/fold0"
    info = json.loads((fold / "run.json").read_text())
    assert (info["status"], info["processes"]) == ("finished", 2)
    assert_same(fold, whole)


@pytest.mark.slow
def test_processes_that_are_started_again_end_with_the_weights_of_undisturbed_ones(workspace: Path) -> None:
    undisturbed = torchrun("-m", "--", "kaggle_face", *TRAIN, "--run", "undisturbed")
    assert undisturbed.returncode == 0, undisturbed.stderr
    again = torchrun("--", str(PROGRAM), *TRAIN, "--run", "again", restarts=1)
    assert again.returncode == 0, again.stderr
    assert sum("goes on at epoch 1, step 4" in line for line in again.stdout.splitlines()) == 1
    folds = [workspace / f"runs/tiny/{run}/fold0" for run in ("again", "undisturbed")]
    weights, expected = (load_file(fold / "checkpoints/last.safetensors") for fold in folds)
    assert all(np.array_equal(weights[name], expected[name]) for name in expected)
    assert history(folds[0], "train_loss") == history(folds[1], "train_loss")


@pytest.mark.slow
def test_a_process_that_does_not_answer_ends_the_others_within_the_time_out(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENT_TO_ITSELF", "SIGSTOP")  # as a node that is lost without a word
    lost = torchrun("--", str(PROGRAM), *TRAIN, "--run", "lost", "--timeout", "0.1")
    assert lost.returncode != 0
    assert errors(lost) == [
        "error: another process of this training is gone; what was saved is kept; go on with --resume"
    ]


@pytest.mark.slow
def test_one_process_goes_on_where_one_of_two_was_killed(whole: Path) -> None:
    killed = torchrun("--", str(PROGRAM), *TRAIN, "--run", "changed")
    assert killed.returncode != 0 and len(errors(killed)) == 1, killed.stderr
    fold = whole.parent.parent / "changed/fold0"
    assert json.loads((fold / "run.json").read_text())["status"] == "running"
    assert main([*TRAIN, "--run", "changed", "--resume"]) == 0
    assert_same(fold, whole)


def test_devices_are_of_this_machine(workspace: Path, refused: Callable[..., str]) -> None:
    line = "--devices is of this machine, --on kaggle of another; leave one out"
    assert refused("train", "--on", "kaggle", "--devices", "2") == line


def test_what_one_process_does_is_refused_by_several(
    monkeypatch: pytest.MonkeyPatch, refused: Callable[..., str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert refused("predict") == "predict is the work of one process; start it without torchrun"


@pytest.mark.slow
def test_a_stopped_process_stops_all_which_save_and_go_on(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENT_TO_ITSELF", "SIGTERM")  # by the second process, after three steps
    stopped = torchrun("--", str(PROGRAM), *TRAIN, "--run", "changed", "train.checkpoint_minutes=60")
    lines = [line for line in stopped.stderr.splitlines() if line.startswith("stopped: ")]
    assert stopped.returncode != 0 and len(lines) == 1, stopped.stderr
    assert lines[0].startswith("stopped: fold 0 is saved; go on with: kaggle-face train --fold 0 --resume")
    fold = whole.parent.parent / "changed/fold0"
    assert json.loads((fold / "run.json").read_text())["status"] == "stopped"
    assert main(shlex.split(lines[0].rpartition(": kaggle-face ")[2])) == 0
    assert_same(fold, whole)

"""Trainings that are killed and stopped at random moments, again and again, end like one that was not."""

from __future__ import annotations

import csv
import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from kaggle_face.cli.main import main

SETTINGS = ("train.epochs=3", "train.checkpoint_minutes=1e-6", "train.ema_decay=0.9", "optim.name=sgd")
SETTINGS += ("model.neck=dropout_linear_bn", "model.dropout=0.2", "augment.cutmix.probability=0.5")
RUNS = Path("runs/tiny")
COLUMNS = ("epoch", "train_loss", "accuracy", "eer", "auc", "lr")
CODES = {"KILL": (-signal.SIGKILL,), "TERM": (143, -signal.SIGTERM), "INT": (130, -signal.SIGINT)}


def result(run: str) -> tuple[dict[str, bytes], list[list[str]]]:
    """The weights of a training, and its figures."""
    fold = RUNS / run / "fold0"
    with (fold / "history.csv").open(encoding="utf-8") as stream:
        rows = [[row[name] for name in COLUMNS] for row in csv.DictReader(stream)]
    return {path.name: path.read_bytes() for path in (fold / "checkpoints").iterdir()}, rows


def disturb(launch: Callable[..., int], times: int, *others: str, seed: int) -> None:
    """Ends trainings so many times, each at a random moment; every one that comes to its end is compared."""
    assert main(["cache"]) == 0
    draw = random.Random(seed)
    words = ("train", "--fold", "0", *SETTINGS, *others, "--run")
    assert launch(*words, "whole") == 0
    expected, longest = result("whole"), launch.seconds  # type: ignore[attr-defined]
    number = ended = 0
    while ended < times or (RUNS / f"cut{number}").exists():
        run = f"cut{number}"
        # one that was killed before it wrote `run.json` has nothing to go on from, and begins again
        resume = ["--resume"] if (RUNS / run / "fold0/run.json").exists() else []
        act = draw.choice(list(CODES))
        moment = f"seconds {draw.uniform(0.02, 1.0) * longest:.3f}" if ended < times else ""
        code = launch(*words, run, *resume, moment=moment, act=act)
        if code == 0:
            assert result(run) == expected, (run, ended)
            number += 1
        else:
            assert code in CODES[act], (code, act, Path("log.txt").read_text()[-2000:])
            ended += 1
    assert "Traceback" not in Path("log.txt").read_text()
    assert number > 0
    assert not list(RUNS.rglob(".new"))


def test_a_training_that_is_killed_ends_with_the_same_bits(
    workspace: Path, launch: Callable[..., int]
) -> None:
    disturb(launch, 1, "train.epochs=1", seed=8)


@pytest.mark.slow
@pytest.mark.ci
def test_a_training_that_is_ended_a_few_times_ends_with_the_same_bits(
    workspace: Path, launch: Callable[..., int]
) -> None:
    disturb(launch, 2, seed=2)


@pytest.mark.soak
def test_trainings_that_are_ended_a_hundred_times_end_with_the_same_bits(
    workspace: Path, launch: Callable[..., int]
) -> None:
    disturb(launch, 100, seed=100)

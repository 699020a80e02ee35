"""Rules are told before time is spent, and ignoring them is recorded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kaggle_face.cli.main import main

# Fall 2026 allows no margin head with label smoothing, see competitions/catalogue/known.py.
SLUG = "competition.slug=hw-2-p-2-fall-2026-student-competition"
BROKEN = [SLUG, "model.head=arcface", "loss.label_smoothing=0.1", "train.epochs=1"]


def test_a_broken_rule_stops_the_training_before_it_begins(
    workspace: Path, refused: Callable[..., str]
) -> None:
    line = refused("train", "--fold", "0", *BROKEN)
    assert "no imported architecture is allowed: model.backbone=resnet10t" in line
    assert "; 1 more: kaggle-face check -c tiny" in line and "--ignore-rules" in line
    assert not Path("runs").exists() and not Path("packs").exists()


def test_ignored_rules_are_told_and_kept_with_the_run(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--fold", "0", "--run", "bold", "--ignore-rules", *BROKEN]) == 0
    assert "ignored rule" in capsys.readouterr().err
    kept = json.loads(Path("runs/tiny/bold/fold0/run.json").read_text())["ignored_rules"]
    assert any("loss.label_smoothing" in rule for rule in kept)


def test_too_many_parameters_are_refused(workspace: Path, refused: Callable[..., str]) -> None:
    slug = "competition.slug=11785-hw-2-p-2-face-verification-fall-2024"
    wide = "model.backbone_options={channels: [256, 512, 1024, 1024], stem_width: 8}"
    line = refused("train", "--fold", "0", slug, wide)
    assert "at most 18,000,000 parameters are allowed: the model has" in line

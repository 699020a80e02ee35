"""Doubtful labels and pseudo-labels through the command line."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from kaggle_face.cli.main import main

from ..conftest import commands_in

RUNS = Path("runs/tiny")


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def info(run: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((RUNS / run / "fold0/run.json").read_text())
    return values


def train(run: str, *words: str, folds: str = "0") -> None:
    assert main(["train", "--fold", folds, "--run", run, "train.epochs=1", *words]) == 0


@pytest.fixture(scope="module")
def blended_runs(tiny_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `runs` with the run `first`, two folds of which are blended."""
    folder, run = tmp_path_factory.mktemp("blended"), ("--run", "first")
    commands_in(
        folder,
        tiny_root,
        ["train", "--fold", "0,1", *run, "train.epochs=1"],
        ["predict", *run],
        ["ensemble", *run, "--method", "mean"],
    )
    return folder / "runs"


@pytest.fixture
def blended(workspace: Path, blended_runs: Path) -> Path:
    """The workspace with that run."""
    shutil.copytree(blended_runs, workspace / "runs")
    return workspace


def test_doubtful_labels_are_listed_drawn_and_left_out_of_a_next_run(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Hardly trained networks doubt nothing for certain; a lower bar lists what they call another person.
    monkeypatch.setattr("kaggle_face.evaluation.label_noise.doubtful.__defaults__", (0.5,))
    train("first", folds="0,1,2")
    assert main(["check", "--labels", "first"]) == 0
    listed = (RUNS / "first/labels/doubtful.txt").read_text().split()
    rows = read_rows(RUNS / "first/labels/doubtful.csv")
    assert listed and [row["image_id"] for row in rows] == listed
    assert all(row["class"] != row["looks_like"] and float(row["logit_gap"]) < 0 for row in rows)
    with Image.open(RUNS / "first/labels/doubtful.jpg") as sheet:
        assert sheet.size[1] == min(len(listed), 60) * 118
    assert "strike out what is right" in capsys.readouterr().out

    train("second", "data.exclude_images=runs/tiny/first/labels/doubtful.txt")
    held_out = {row["image_id"] for row in read_rows(RUNS / "second/fold0/oof/labels.csv")}
    excluded = info("second")["excluded_images"]
    assert excluded == len(set(listed) - held_out)
    assert info("second")["train_images"] == info("first")["train_images"] - excluded
    assert info("second")["validation_images"] == info("first")["validation_images"]


def test_a_list_that_names_an_unknown_image_is_refused(workspace: Path, refused: Callable[..., str]) -> None:
    Path("list.txt").write_text("# a comment\n\nghost.jpg\n")
    line = refused("train", "--fold", "0", "data.exclude_images=list.txt")
    assert "1 of 1 image of the list does not exist, first: ghost.jpg" in line
    assert "there is no file nowhere.txt" in refused(
        "train", "--fold", "0", "data.exclude_images=nowhere.txt"
    )


@pytest.mark.slow
@pytest.mark.ci
def test_confident_test_images_become_training_images_and_the_run_says_so(
    blended: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pseudo-label", "--run", "first", "--confidence", "0.01", "--most", "1"]) == 0
    path = RUNS / "first/pseudo/labels.csv"
    rows = read_rows(path)
    assert 1 <= len(rows) <= 6 and len({row["class"] for row in rows}) == len(rows)
    about = json.loads((RUNS / "first/pseudo/pseudo.json").read_text())
    assert about["images"] == len(rows) and about["test_images"] == 12 and about["min_confidence"] == 0.01
    assert f"train with data.pseudo_labels={path}" in capsys.readouterr().out

    train("second", f"data.pseudo_labels={path}")
    assert info("second")["pseudo_labelled_images"] == len(rows)
    assert info("second")["train_images"] == info("first")["train_images"] + len(rows)


def test_pseudo_labels_of_labelled_images_are_refused(blended: Path, refused: Callable[..., str]) -> None:
    held_out = read_rows(RUNS / "first/fold0/oof/labels.csv")[0]["image_id"]
    name = read_rows(RUNS / "first/fold0/classes.csv")[0]["name"]
    Path("labels.csv").write_text(f"image_id,class\n{held_out},{name}\n")
    line = refused("train", "--fold", "0", "data.pseudo_labels=labels.csv", "--run", "second")
    assert "pseudo-labels are for test images alone" in line


def test_pseudo_labels_are_refused_where_the_rules_allow_no_other_data(
    blended: Path, refused: Callable[..., str]
) -> None:
    strict = ["competition.slug=hw-2-p-2-fall-2026-student-competition"]
    strict += ["model.backbone=mobilefacenet", "model.backbone_options={}"]
    Path("configs/tiny.yaml").write_text("extends: base\n")
    line = refused("pseudo-label", "--run", "first", *strict)
    assert "no data beyond the training set is allowed" in line
    assert not (RUNS / "first/pseudo").exists()
    sure = ["--confidence", "1e-9", "--ignore-rules"]
    assert main(["pseudo-label", "--run", "first", *sure, *strict]) == 0
    assert json.loads((RUNS / "first/pseudo/pseudo.json").read_text())["ignored_rules"]


def test_pseudo_labels_need_a_blend_and_a_probability(blended: Path, refused: Callable[..., str]) -> None:
    shutil.rmtree(RUNS / "first/ensemble")
    assert "kaggle-face ensemble --run first" in refused("pseudo-label", "--run", "first")
    assert "--confidence must be > 0 and <= 1" in refused("pseudo-label", "--confidence", "1.5")

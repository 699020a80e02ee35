"""Own data by the command line alone: what `init` prints and asks, and shapes from raw files to CSVs."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from kaggle_face.cli.main import main
from kaggle_face.metrics.verification import roc_auc
from tests.support.own_shapes import SHAPES, draw, landmarks, write

SMALL = (
    "model.backbone=resnet10t",
    "model.backbone_options={channels: [8, 8, 16, 16], stem_width: 8}",
    "model.embedding_size=16",
    "folds.count=4",
    "folds.heldout_identities=0",
    "data.workers=0",
    "train.epochs=12",
    "train.batch_size=8",
    "train.tensorboard=false",
    "loss.label_smoothing=0",
    "optim.name=adamw",
    "optim.lr=0.003",
    "device=cpu",
)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_init_prints_what_each_file_is_taken_for_and_what_was_read(workspace, capsys):
    landmarks(workspace / "raw")
    assert main(["init", "mine", "--data", "raw"]) == 0
    printed = capsys.readouterr().out
    for line in (
        "layout custom: own data, whose files are taken for",
        "train.csv: train images, for id (a0b0, a0b1, a0b2) names images in train/; landmark_id (Ann, Bob "
        "Lee, Zoe) names their identities",
        "sample_submission.csv: the sample submission, whose id (t5, t4, t3) gives the test images",
        "train.csv: column species (old) is not used",
        "train: 24 images, 24 of them of 3 known identities",
        "images per identity: 8 to 8, median 8, of 3 identities",
        "  train/0/0/a0b0.jpg: Ann",
        "rows of the classification CSV: 6",
        "  t5: test/5/t5.jpg",
    ):
        assert line in printed, printed
    assert main(["check", "-c", "mine"]) == 0


def test_two_readings_end_in_one_line_whose_option_is_the_answer(workspace, capsys):
    for image in range(4):
        draw(workspace / f"raw/pics/{image}.jpg", image % 2, image)
    write(workspace / "raw/list.csv", "image,label,class", *(f"{i}.jpg,l{i % 2},c{i // 2}" for i in range(4)))
    assert main(["init", "mine", "--data", "raw"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert (
        "list.csv: the identities may be label (l0, l1) or class (c0, c1); say which with --identity-"
        in error
    )
    assert not Path("configs/mine.yaml").exists()
    assert main(["init", "mine", "--data", "raw", "--identity-column", "class"]) == 0
    assert "class (c0, c1) names their identities" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_goes_from_init_to_a_checked_csv(shape, workspace):
    truth = shape(workspace / "raw")
    assert main(["init", "mine", "--data", "raw", *truth.options]) == 0
    chain: list[list[str]] = [
        ["check"],
        ["train", "--fold", "0", "--run", "main", *SMALL],
        ["predict"],
        ["ensemble", "--method", "mean"],
        ["submit", "--dry-run"],
    ]
    for words in chain:
        assert main([words[0], "-c", "mine", *words[1:]]) == 0, words
    if truth.test:
        header, *rows = _cells("classification")
        assert header == [*truth.columns]
        assert [row[0] for row in rows] == [*truth.test]
        answers = [row[1].split() if truth.per_row > 1 else [row[1]] for row in rows]
        assert {len(labels) for labels in answers} == {truth.per_row}
        right = [labels[0] == truth.test[row[0]][1] for labels, row in zip(answers, rows, strict=True)]
        assert np.mean(right) > 0.8  # chance: 1/3
    if truth.pairs:
        header, *rows = _cells("verification")
        assert header == ["pair_id", "similarity"]
        assert [row[0] for row in rows] == [*truth.pairs]
        scores = np.array([float(row[1]) for row in rows])
        assert roc_auc(scores, np.array([*truth.pairs.values()], np.int64)) == 1.0


def _cells(task: str) -> list[list[str]]:
    with Path(f"submissions/mine/main_ensemble_{task}.csv").open(encoding="utf-8", newline="") as stream:
        return [*csv.reader(stream)]

"""From a raw folder to checked CSVs, through the command line alone."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kaggle_face.artifacts.record_io import read_pair_scores, read_predictions
from kaggle_face.cli.main import main
from kaggle_face.metrics.verification import equal_error_rate
from kaggle_face.synthetic.dataset import EmbeddedSize, write_embedded_dataset

from .conftest import commands_in, write_settings

CSVS = Path("submissions/tiny")


def read_csv(path: Path) -> tuple[list[str], list[list[str]]]:
    with path.open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream)
    return header, rows


def relabel_pairs(root: Path, label: str) -> None:
    path = next(root.rglob("val_pairs.txt"))
    lines = [line.rsplit(" ", 1)[0] for line in path.read_text().splitlines()]
    path.write_text("".join(f"{line} {label}\n" for line in lines))


def append_pair(root: Path, line: str) -> None:
    path = root / "val_pairs.txt"
    path.write_text(path.read_text() + line + "\n")


@pytest.fixture(scope="module")
def chained_workspace(tiny_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace where every command of the chain has run, on two folds."""
    folder = tmp_path_factory.mktemp("chained")
    commands = (["train", "--fold", "0,1"], ["predict"], ["ensemble"], ["submit", "--dry-run"])
    commands_in(folder, tiny_root, *([*words, "train.epochs=1"] for words in commands))
    return folder


@pytest.fixture
def chained(chained_workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory is that workspace, which a test only reads."""
    monkeypatch.chdir(chained_workspace)
    return chained_workspace


def test_every_checkpoint_and_the_ensemble_give_a_csv_in_the_format_of_the_competition(
    chained: Path,
) -> None:
    names = {path.name for path in CSVS.iterdir()}
    sources = ["ensemble", *(f"fold{k}_{name}" for k in (0, 1) for name in ("last", "best_cls", "best_ver"))]
    tasks = ("classification", "verification")
    assert names == {f"train.epochs=1_{source}_{task}.csv" for source in sources for task in tasks}

    header, rows = read_csv(CSVS / "train.epochs=1_ensemble_classification.csv")
    assert header == ["id", "label"]
    assert [row[0] for row in rows] == [f"{number:06d}.jpg" for number in range(12)]
    assert {row[1] for row in rows} <= {str(label) for label in range(6)}
    header, rows = read_csv(CSVS / "train.epochs=1_ensemble_verification.csv")
    assert header == ["ID", "Label"]
    assert [row[0] for row in rows] == [str(number) for number in range(24)]
    assert all(-1 <= float(row[1]) <= 1 for row in rows)


def test_the_ensemble_is_the_mean_of_its_members(chained: Path) -> None:
    run = Path("runs/tiny/train.epochs=1")
    scores = [read_pair_scores(run / f"fold{k}/test/best_ver/pairs").scores for k in (0, 1)]
    blend = read_pair_scores(run / "ensemble/pairs").scores
    assert np.allclose(blend, np.mean(scores, axis=0), atol=1e-6)
    logits = [read_predictions(run / f"fold{k}/test/best_cls/predictions").logits for k in (0, 1)]
    shares = [np.exp(x.astype(float)) / np.exp(x.astype(float)).sum(1, keepdims=True) for x in logits]
    found = np.exp(read_predictions(run / "ensemble/predictions").logits.astype(float))
    assert np.allclose(found / found.sum(1, keepdims=True), np.mean(shares, axis=0), atol=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize("layout", [pytest.param("folders", marks=pytest.mark.ci), "labels_txt"])
def test_the_chain_learns_faces_and_numbers_classes_rightly(
    workspace: Path, tmp_path: Path, layout: str
) -> None:
    size = EmbeddedSize(8, 20, 4, 6, 12, 8, 120, 200, 32)
    root = tmp_path / "faces"
    write_embedded_dataset(root, size, seed=1, layout=layout)
    write_settings(tmp_path, root)
    overrides = [
        "train.epochs=14",
        "train.measure_every_epochs=7",
        "train.batch_size=16",
        "augment.cutmix.probability=0",
    ]
    overrides += ["model.backbone_options={channels: [16, 16, 32, 32], stem_width: 8}"]
    assert main(["train", "--fold", "0", "--run", "main", *overrides]) == 0
    for command in ("predict", "ensemble", "submit"):
        assert main([command]) == 0
    truth = dict(read_csv(root / "truth/test_labels.csv")[1])
    rows = read_csv(CSVS / "main_ensemble_classification.csv")[1]
    accuracy = np.mean([truth[name] == label for name, label in rows])
    assert accuracy > 0.3  # chance is 1/8, with a standard error of 0.05; a wrong numbering stays near it
    same = dict(read_csv(root / "truth/test_pairs.csv")[1])
    rows = read_csv(CSVS / "main_ensemble_verification.csv")[1]
    eer = equal_error_rate(np.array([float(r[1]) for r in rows]), np.array([int(same[r[0]]) for r in rows]))
    assert eer.eer < 0.42  # chance is 0.5


def test_predicting_before_training_says_what_to_run(workspace: Path, refused: Callable[..., str]) -> None:
    assert refused("predict").endswith("train one first: kaggle-face train -c tiny")
    assert refused("ensemble").endswith("train one first: kaggle-face train -c tiny")
    assert refused("submit").endswith("train one first: kaggle-face train -c tiny")


def test_each_stage_names_the_one_that_is_missing(workspace: Path, refused: Callable[..., str]) -> None:
    assert main(["train", "--fold", "0", "train.epochs=1"]) == 0
    assert "kaggle-face predict" in refused("ensemble")
    assert "kaggle-face predict" in refused("submit")
    assert main(["predict"]) == 0
    assert "kaggle-face ensemble" in refused("submit")
    assert "kaggle-face train --fold 2" in refused("predict", "--folds", "2")
    assert not CSVS.exists()


def test_settings_that_changed_since_training_are_named(
    workspace: Path, tiny_root: Path, refused: Callable[..., str]
) -> None:
    assert main(["train", "--fold", "0", "train.epochs=1"]) == 0
    write_settings(workspace, tiny_root, "seed: 0\n")
    assert main(["predict"]) == 0
    text = Path("configs/tiny.yaml").read_text().replace("embedding_size: 16", "embedding_size: 32")
    Path("configs/tiny.yaml").write_text(text)
    line = refused("predict")
    assert "changed since fold 0 of tiny/train.epochs=1 was trained: model.embedding_size: 16 -> 32" in line


def test_a_run_copied_to_another_place_is_enough(workspace: Path, tiny_root: Path) -> None:
    assert main(["train", "--fold", "0", "--run", "main", "train.epochs=1"]) == 0
    moved = workspace / "elsewhere"
    shutil.copytree("runs/tiny/main", moved / "runs/tiny/main")
    shutil.copytree(tiny_root, moved / "data")
    assert main(["predict", f"paths.runs={moved}/runs", f"data.root={moved}/data"]) == 0
    assert (moved / "runs/tiny/main/fold0/test/last/pairs/scores.npy").is_file()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda root: append_pair(root, "ghost.jpg ghoul.jpg 1"), "ghost.jpg"),
        (lambda root: append_pair(root, "../../etc/passwd x.jpg 1"), "../../etc/passwd"),
        (lambda root: append_pair(root, "a.jpg b.jpg 7"), "7"),
        (
            lambda root: relabel_pairs(root, "1"),
            "labelled pairs show one person (label 1), first: ",
        ),
        (lambda root: (root / "cls_data/train/n999999").mkdir(), "n999999"),
        (lambda root: next((root / "cls_data/train").rglob("*.jpg")).write_bytes(b""), "cannot be read"),
        (
            lambda root: (path := next((root / "ver_data").glob("*.jpg"))).write_bytes(
                path.read_bytes()[:300]
            ),
            "data.broken_images=skip",
        ),
    ],
    ids=["missing image", "outside", "label", "one kind", "empty class", "zero bytes", "truncated"],
)
def test_a_damaged_raw_folder_is_one_line_and_leaves_no_run(
    workspace: Path,
    tiny_root: Path,
    refused: Callable[..., str],
    damage: Callable[[Path], object],
    message: str,
) -> None:
    root = workspace / "broken"
    shutil.copytree(tiny_root, root)
    damage(root)
    assert message in refused("train", "--fold", "0", f"data.root={root}")
    assert not list(workspace.glob("runs/tiny/*/fold*"))


def test_broken_images_can_be_left_out(workspace: Path, tiny_root: Path) -> None:
    root = workspace / "broken"
    shutil.copytree(tiny_root, root)
    for folder in ("cls_data/train", "cls_data/test"):
        next((root / folder).rglob("*.jpg")).write_bytes(b"no picture")
    words = ["--run", "main", "train.epochs=1", "data.broken_images=skip", f"data.root={root}"]
    assert main(["train", "--fold", "0", *words]) == 0
    for command in ("predict", "ensemble", "submit"):
        assert main([command]) == 0
    assert len(read_csv(CSVS / "main_ensemble_classification.csv")[1]) == 12
    trained = json.loads(Path("runs/tiny/main/fold0/run.json").read_text())["train_images"]
    held_out = json.loads(Path("runs/tiny/main/fold0/run.json").read_text())["validation_images"]
    assert trained + held_out == 6 * 12 - 1

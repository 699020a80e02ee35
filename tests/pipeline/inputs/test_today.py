"""What changed between two stages is noticed, named, and never written to a CSV."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.cli.main import main
from kaggle_face.inference import prediction
from kaggle_face.model.weights.checkpoints import read_weights, save_weights

After = Callable[[str], Any]
Refused = Callable[..., str]
SUBMIT = ("submit", "--dry-run", "--only-ensemble")


def swap(first: Path, second: Path) -> None:
    """Exchanges the contents of two files."""
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)


def retrained(fold: Path, checkpoint: Any) -> None:
    """Puts other weights in the place of a checkpoint, as a training that goes on does."""
    path = FoldFolder(fold).weights_file(checkpoint)
    tensors = {
        name: value + 1 if value.is_floating_point() else value for name, value in read_weights(path).items()
    }
    save_weights(tensors, path, {"epoch": "2"})


# ---- the labels (A) ---------------------------------------------------------------------------------------
def test_a_folder_that_appears_among_the_classes_is_named(after: After, refused: Refused) -> None:
    work = after("submit")
    before = work.csvs()
    classes = sorted(path for path in (work.root / "cls_data/train").iterdir())
    shutil.copytree(classes[0], classes[0].with_name("a_backup"))
    for command in (SUBMIT, ("ensemble",), ("predict",)):
        line = refused(*command)
        assert "1 of 6 classes of the data is not in the run, first: a_backup" in line
    assert work.csvs() == before


def test_a_class_under_another_name_is_named(after: After, refused: Refused) -> None:
    work = after("ensemble")
    first = sorted((work.root / "cls_data/train").iterdir())[0].name
    for split in ("train", "dev"):
        (work.root / "cls_data" / split / first).rename(work.root / "cls_data" / split / "n999999")
    assert "n999999" in refused(*SUBMIT)


def test_a_table_of_classes_that_was_edited_to_fit_new_data_is_told(after: After, refused: Refused) -> None:
    work = after("ensemble")
    first = sorted((work.root / "cls_data/train").iterdir())[0].name
    for split in ("train", "dev"):
        (work.root / "cls_data" / split / first).rename(work.root / "cls_data" / split / f"{first}x")
    path = work.fold / "classes.csv"
    path.write_text(path.read_text().replace(f"{first},", f"{first}x,"))
    assert "classes.csv of the run is not the one that it was trained with" in refused("predict")


def test_labels_are_those_of_the_run_where_the_raw_folder_is_gone(after: After) -> None:
    work = after("submit")
    before = work.csvs()
    shutil.rmtree(work.path / "data")
    shutil.rmtree(work.path / "packs")
    shutil.rmtree(work.path / "submissions")
    assert main(list(SUBMIT)) == 0
    assert work.csvs() == before


# ---- the rows (B, J) --------------------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["reordered", "cut", "missing", "renamed"])
def test_another_list_of_pairs_is_refused_by_every_stage_after_predict(
    after: After, refused: Refused, how: str
) -> None:
    work = after("submit")
    before, path = work.csvs(), work.root / "test_pairs.txt"
    lines = path.read_text().splitlines()
    expected = "the test pairs changed: "
    match how:
        case "reordered":
            path.write_text("\n".join([lines[1], lines[0], *lines[2:]]) + "\n")
            expected += "row 0 was '0: "
        case "cut":
            path.write_text("\n".join(lines[:6]) + "\n")
            expected += "it had 12 rows and has 6"
        case "missing":
            path.unlink()
            expected += "it had 12 rows and has 0"
        case "renamed":
            name = lines[0].split()[0]
            (work.root / "ver_data" / name).rename(work.root / "ver_data" / "zz.jpg")
            path.write_text(path.read_text().replace(name, "zz.jpg"))
            val = work.root / "val_pairs.txt"
            val.write_text(val.read_text().replace(name, "zz.jpg"))
    for command in (("ensemble",), SUBMIT):
        line = refused(*command)
        if how != "renamed":
            assert expected in line
        assert "predict again: kaggle-face predict --run main -c tiny" in line or "make it again" in line
    assert work.csvs() == before


def test_runs_that_predicted_other_pairs_are_not_blended(after: After, refused: Refused) -> None:
    work = after("predict")
    shutil.copytree(work.run, work.run.with_name("old"))
    path = work.root / "test_pairs.txt"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(reversed(lines)) + "\n")
    assert main(["predict", "--run", "main"]) == 0
    shutil.rmtree(work.root)  # nothing but the records themselves can tell
    line = refused("ensemble", "--run", "main", "--run", "old")
    assert "were predicted on different test data: the test pairs changed: row 0 was" in line
    assert "kaggle-face predict --run main -c tiny and kaggle-face predict --run old -c tiny" in line


def test_a_task_that_was_not_predicted_is_told_and_not_submitted(
    after: After, refused: Refused, capsys: pytest.CaptureFixture[str]
) -> None:
    work = after("train")
    assert main(["predict", "--checkpoints", "best_ver"]) == 0
    assert main(["ensemble"]) == 0
    warning = capsys.readouterr().err
    assert "classification is left out" in warning and "--checkpoints best_cls" in warning
    assert "has no test predictions for classification; make them: kaggle-face predict" in refused(*SUBMIT)
    assert not (work.path / "submissions/tiny").exists()
    assert main([*SUBMIT, "--task", "verification"]) == 0


def test_a_task_whose_list_never_came_is_an_error_of_submit(after: After, refused: Refused) -> None:
    work = after("train")
    (work.root / "test_pairs.txt").unlink()
    assert main(["predict"]) == 0 and main(["ensemble"]) == 0
    assert "or add: --task classification" in refused(*SUBMIT)
    assert main([*SUBMIT, "--task", "classification"]) == 0


# ---- weights and pictures (C) -----------------------------------------------------------------------------
def test_predictions_of_weights_that_were_trained_on_are_out_of_date(after: After, refused: Refused) -> None:
    work = after("submit")
    before = work.csvs()
    retrained(work.fold, "best_cls")
    line = refused("ensemble")
    assert "tiny/main/fold0@best_cls are out of date: the weights of the checkpoint changed since 20" in line
    assert "of tiny/main is out of date" in refused(*SUBMIT)
    assert work.csvs() == before


def test_a_fold_that_was_trained_anew_leaves_no_old_blend_to_submit(after: After, refused: Refused) -> None:
    work = after("submit")
    before = work.csvs()
    assert main(["train", "--fold", "0", "--overwrite"]) == 0
    assert "has no test predictions" in refused(*SUBMIT)
    assert main(["predict"]) == 0 and main(["ensemble"]) == 0 and main(list(SUBMIT)) == 0
    assert work.csvs() == before  # the same seed, the same bits


@pytest.mark.parametrize("split", ["cls_data/test", "ver_data"])
def test_test_pictures_that_were_replaced_under_their_names_are_noticed(
    after: After, refused: Refused, split: str
) -> None:
    work = after("submit")
    before, images = work.csvs(), work.images(split)
    swap(images[0], images[-1])
    for command in (("ensemble",), SUBMIT):
        assert "pictures" in refused(*command)
    assert work.csvs() == before


def test_training_pictures_that_were_replaced_are_noticed_and_can_be_ignored(
    after: After, refused: Refused
) -> None:
    work = after("submit")
    before, images = work.csvs(), work.images("cls_data/train")
    swap(images[0], images[-1])
    for command in (("predict",), ("ensemble",), SUBMIT):
        line = refused(*command)
        assert "training pictures were replaced, since fold 0 of tiny/main was trained (20" in line
        assert "kaggle-face train --fold 0 --overwrite --run main -c tiny" in line
        assert main([*command, "--ignore-changes"]) == 0
    assert work.csvs() == before


def test_files_that_were_merely_touched_or_copied_are_no_change(after: After) -> None:
    work = after("ensemble")
    for path in work.root.rglob("*.jpg"):
        path.touch()
    assert main(list(SUBMIT)) == 0


def test_a_training_goes_on_with_its_own_data_alone(after: After, refused: Refused) -> None:
    work = after("train")
    info = FoldFolder(work.fold)
    info.write_info({**info.read_info(), "status": "running"})
    (work.fold / "resume.pt").write_bytes(b"")
    images = work.images("cls_data/train")
    images[0].unlink()
    line = refused("train", "--fold", "0", "--resume")
    assert "training images were added, removed, or have another class" in line


# ---- a folder that changes while a stage works (N) ---------------------------------------------------------
def test_a_raw_folder_that_changes_while_predicting_is_noticed(
    after: After, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = after("train")
    images, real = work.images("cls_data/test"), prediction.Predictor.predict_fold

    def meanwhile(*arguments: Any, **named: Any) -> None:
        real(*arguments, **named)
        swap(images[0], images[1])

    monkeypatch.setattr(prediction.Predictor, "predict_fold", meanwhile)
    line = refused("predict")
    assert "data/tiny changed while this command worked: 2 of " in line
    assert "test pictures were replaced" in line
    monkeypatch.setattr(prediction.Predictor, "predict_fold", real)
    assert "pictures" in refused("ensemble")


# ---- damaged and older records -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name",
    [
        "fold0/checkpoints/best_cls.safetensors",
        "fold0/test/best_cls/predictions/logits.npy",
        "fold0/oof/best_ver/pairs/scores.npy",
        "fold0/test/rows.csv",
        "fold0/classes.csv",
        "fold0/oof/labels.csv",
        "ensemble/pairs/scores.npy",
        "ensemble/rows.csv",
        "ensemble/classes.csv",
        "ensemble/ensemble.json",
    ],
)
def test_a_changed_bit_in_a_run_folder_never_reaches_a_csv(after: After, refused: Refused, name: str) -> None:
    work = after("submit")
    path = work.run / name
    changed = bytearray(path.read_bytes())
    changed[-2] ^= 1
    path.write_bytes(changed)
    commands = {"ensemble": SUBMIT, "fold0": ("ensemble",)}
    command = ("predict",) if name.endswith("safetensors") else commands[name.split("/")[0]]
    refused(*command)


def test_records_that_do_not_say_what_they_were_made_of_are_refused(after: After, refused: Refused) -> None:
    work = after("predict")
    (work.fold / "test/best_cls/predictions/record.json").unlink()
    assert "does not say what it was made of" in refused("ensemble")


def test_weights_without_a_checksum_are_refused(after: After, refused: Refused) -> None:
    from safetensors.torch import save_file

    work = after("train")
    save_file({"a": torch.ones(1)}, work.fold / "checkpoints/last.safetensors")
    assert "no checksum" in refused("predict", "--checkpoints", "last")

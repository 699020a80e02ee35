"""Training from the command line: what is kept, how it resumes, what it refuses."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from kaggle_face.artifacts.checkpoint_file import read_header_metadata
from kaggle_face.artifacts.record_io import read_embeddings, read_pair_scores, read_predictions
from kaggle_face.artifacts.run_locks import writing_folds
from kaggle_face.artifacts.runs import FoldFolder, RunFolder
from kaggle_face.cli.main import main
from kaggle_face.model.trained import trained_amp
from kaggle_face.model.weights.checkpoints import read_weights, save_weights
from kaggle_face.train import trainer
from kaggle_face.train.distributed import DistributedContext
from kaggle_face.train.parallel.engine import Engine
from kaggle_face.train.speed import precision
from kaggle_face.train.state import TrainingState, save_resume_state
from kaggle_face.train.trainer import Trainer

FOLD = Path("runs/tiny/main/fold0")


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_a_fold_leaves_checkpoints_history_and_out_of_fold_records(trained_fold: Path) -> None:
    names = sorted(path.name for path in (FOLD / "checkpoints").iterdir())
    assert names == ["best_cls.safetensors", "best_ver.safetensors", "last.safetensors"]
    assert [row["epoch"] for row in read_rows(FOLD / "history.csv")] == ["1", "2"]
    info = json.loads((FOLD / "run.json").read_text())
    assert info["status"] == "finished" and info["seed"] == 0 and info["versions"]["torch"]
    assert not (FOLD / "resume.pt").exists()


def test_best_checkpoints_are_those_of_the_best_accuracy_and_the_lowest_eer(workspace: Path) -> None:
    assert main(["train", "--fold", "0", "train.epochs=4"]) == 0
    run = Path("runs/tiny/train.epochs=4/fold0")
    history = read_rows(run / "history.csv")
    results = json.loads((run / "run.json").read_text())["results"]
    accuracies = [float(row["accuracy"]) for row in history]
    rates = [float(row["eer"]) for row in history]
    assert results["best_cls"]["epoch"] == 1 + int(np.argmax(accuracies))
    assert results["best_ver"]["epoch"] == 1 + int(np.argmin(rates))
    assert results["last"]["epoch"] == 4


def test_out_of_fold_records_hold_each_held_out_image_and_each_trial_once(trained_fold: Path) -> None:
    predictions = read_predictions(FOLD / "oof/best_cls/predictions")
    labels = read_rows(FOLD / "oof/labels.csv")
    assert predictions.image_ids.tolist() == [row["image_id"] for row in labels]
    assert len(predictions.image_ids) == 6 * 12 / 3  # people x labelled images / folds
    assert predictions.class_names.tolist() == sorted(predictions.class_names.tolist())
    embeddings = read_embeddings(FOLD / "oof/best_ver/embeddings")
    assert set(predictions.image_ids) < set(embeddings.image_ids)
    assert len(read_pair_scores(FOLD / "oof/best_ver/pairs").scores) == 20


def test_accuracy_in_the_records_is_that_of_the_run(trained_fold: Path) -> None:
    predictions = read_predictions(FOLD / "oof/last/predictions")
    labels = [int(row["label"]) for row in read_rows(FOLD / "oof/labels.csv")]
    accuracy = float((np.asarray(predictions.logits).argmax(axis=1) == labels).mean())
    assert json.loads((FOLD / "run.json").read_text())["results"]["last"]["accuracy"] == accuracy


@pytest.mark.slow
@pytest.mark.ci
def test_what_a_trial_says_of_bf16_holds_for_the_whole_run(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "computes_bf16", lambda: True)
    monkeypatch.setattr(precision, "_LEAST_STEPS", 0)
    monkeypatch.setattr(precision, "time_formats", lambda network, workload: (0.2, 0.1))
    words = ["--run", "main", "train.amp=auto", "train.epochs=1"]
    assert main(["train", "--fold", "0", *words]) == 0
    monkeypatch.setattr(precision, "time_formats", lambda network, workload: (0.1, 0.2))
    assert main(["train", "--fold", "1", *words]) == 0
    for fold in (FOLD, FOLD.with_name("fold1")):
        assert json.loads((fold / "run.json").read_text())["cpu_amp"] == "bf16"
        assert trained_amp(FoldFolder(fold), torch.device("cpu")) == torch.bfloat16


def test_a_resumed_training_keeps_the_threads_that_it_was_begun_with(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("kaggle_face.model.cpu.available_cpus", lambda: 2)
    seen: list[int] = []
    step = Trainer._go_on

    def go_on(trainer: Trainer) -> bool:
        seen.append(torch.get_num_threads())
        return step(trainer)

    monkeypatch.setattr(Trainer, "_go_on", go_on)
    before = torch.get_num_threads()
    for words, granted in ((["train.max_hours=1e-9"], 1), (["--resume"], 2)):
        torch.set_num_threads(granted)
        assert main(["train", "--fold", "0", "--run", "main", "train.threads=auto", *words]) == 0
        assert torch.get_num_threads() == granted
        assert json.loads((FOLD / "run.json").read_text())["threads"] == 1
    torch.set_num_threads(before)
    assert set(seen) == {1}


@pytest.mark.slow  # tests/cli/test_soak.py ends trainings at random moments
def test_a_killed_and_resumed_training_ends_with_the_same_bits(
    workspace: Path, launch: Callable[..., int]
) -> None:
    train = ("train", "--fold", "0")
    settings = ["train.checkpoint_minutes=1e-6", "train.epochs=3", "train.ema_decay=0.9"]
    settings += ["model.neck=dropout_linear_bn", "model.dropout=0.2", "model.drop_path=0.1"]
    settings += ["augment.cutmix.probability=0.5", "optim.name=sgd", "optim.lr=0.05"]
    assert launch(*train, "--run", "whole", *settings) == 0

    runs = workspace / "runs/tiny"
    again: list[str] = []
    for save in (5, 3):
        words = ("--run", "killed", *again, *settings)
        assert launch(*train, *words, moment=f"save {save}", act="KILL") == -signal.SIGKILL
        assert (runs / "killed/fold0/resume.pt").exists()
        assert json.loads((runs / "killed/fold0/run.json").read_text())["status"] == "running", save
        again = ["--resume"]
    assert launch(*train, "--run", "killed", *again, *settings) == 0

    for name in ("last", "best_cls", "best_ver"):
        file = f"fold0/checkpoints/{name}.safetensors"
        assert (runs / "whole" / file).read_bytes() == (runs / "killed" / file).read_bytes(), name
    columns = ("train_loss", "accuracy", "eer", "auc", "lr")
    first, second = (read_rows(runs / run / "fold0/history.csv") for run in ("whole", "killed"))
    assert [[row[c] for c in columns] for row in first] == [[row[c] for c in columns] for row in second]


def test_the_time_limit_stops_with_a_checkpoint_and_resume_goes_on(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--fold", "0", "--run", "short", "train.max_hours=1e-9"]) == 0
    how = "go on with: kaggle-face train --fold 0 --resume --run short -c tiny"
    assert how in capsys.readouterr().out.splitlines()[-2]
    fold = workspace / "runs/tiny/short/fold0"
    assert json.loads((fold / "run.json").read_text())["status"] == "stopped"
    assert (fold / "resume.pt").is_file()
    assert main(["train", "--fold", "0", "--run", "short", "--resume"]) == 0
    assert json.loads((fold / "run.json").read_text())["status"] == "finished"


def test_without_a_fold_all_are_trained_that_are_not_finished(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train.epochs=1", "--run", "r"]
    assert main(["train", "--fold", "1", *words]) == 0
    assert main(["train", "--fold", "0", *words, "train.max_hours=1e-9"]) == 0
    capsys.readouterr()
    assert main(["train", *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "1 of 3 folds of tiny/r is trained; the others follow" in lines
    assert any(line.startswith("fold 0: goes on at epoch 1") for line in lines)
    assert sum("epoch 1/1" in line for line in lines) == 2
    assert main(["train", "--fold", "all", *words]) == 0
    assert capsys.readouterr().out == "all 3 folds of tiny/r are trained: there is nothing to do\n"


@pytest.mark.slow
@pytest.mark.ci
def test_the_time_of_all_folds_is_estimated_before_the_first_and_refined_after_it(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    short = "train.epochs=1"
    assert main(["train", "--fold", "0", "--run", "short", short]) == 0
    assert "to train: about" not in capsys.readouterr().out  # over in a moment
    monkeypatch.setattr("kaggle_face.pipeline.train._LEAST_IMAGES_ESTIMATED", 0)
    weights = "checkpoints/last.safetensors"
    assert main(["train", "--run", "short", short]) == 0
    assert main(["train", "--fold", "0", "--run", "tried", short]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^2 folds to train: about \d+ s on .* images/s\) each, \d+ s in all$", out, re.M)
    assert re.search(r"^1 fold left: about \d+ s$", out, re.M)
    assert re.search(r"^1 fold to train: about \d+ s on .* images/s\)$", out, re.M)
    runs = workspace / "runs/tiny"
    assert (runs / "tried/fold0" / weights).read_bytes() == (runs / "short/fold0" / weights).read_bytes()


def test_images_that_fill_no_batch_are_named_or_used(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "--fold", "0", "train.epochs=1", "train.batch_size=28"]
    assert main([*words, "--run", "dropped"]) == 0
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "left out" in line]
    assert (
        line.startswith("warning: fold 0: 20 images are left out of each epoch") and "last_batch=fill" in line
    )
    assert main([*words, "--run", "filled", "train.last_batch=fill"]) == 0
    assert "left out" not in "".join(capsys.readouterr())
    settings = ["train.last_batch=fill", "train.batch_size=28", "train.epochs=1"]
    assert main(["predict", "--run", "filled", *settings]) == 0


def test_a_trained_fold_is_not_trained_over(workspace: Path, refused: Callable[..., str]) -> None:
    assert main(["train", "--fold", "0", "train.epochs=1", "--run", "r"]) == 0
    before = (workspace / "runs/tiny/r/fold0/checkpoints/last.safetensors").read_bytes()
    assert "or train it anew with --overwrite" in refused(
        "train", "--fold", "0", "train.epochs=1", "--run", "r"
    )
    line = refused("train", "--fold", "0", "train.epochs=1", "optim.lr=0.5", "--run", "r", "--resume")
    assert "was trained with other settings: optim.lr: 0.003 -> 0.5" in line
    assert (workspace / "runs/tiny/r/fold0/checkpoints/last.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--fold", "3"], "fold 3 does not exist; there are folds 0 to 2 (folds.count)"),
        (["--fold", "first"], "folds are numbers from 0, separated by commas, got 'first'"),
        (["--fold", "0", "--resume"], "there is nothing to resume"),
        (["--fold", "0", "--resume", "--overwrite"], "--overwrite trains it anew; leave one out"),
        (["--fold", "0", "model.backbone=resnet81"], "unknown backbone 'resnet81'; did you mean 'resnet18'"),
        (["--fold", "0", "competition.slug=mine", "data.root=nowhere"], "nowhere"),
        (["--fold", "0", "optim.name=adamv"], "unknown optimiser 'adamv'"),
        (["--fold", "0", "--run", "../up"], "a run's name is made of letters, digits"),
        (["--fold", "0", "data.exclude=[n1]"], "n1"),
    ],
)
def test_wrong_input_is_one_line_and_leaves_no_run(
    workspace: Path, refused: Callable[..., str], words: list[str], message: str
) -> None:
    assert message in refused("train", *words)
    assert not list(workspace.glob("runs/tiny/*/fold*/checkpoints"))


def test_losses_that_stay_non_finite_stop_the_training_and_say_what_to_lower(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ["optim.name=sgd", "optim.lr=1e30", "schedule.warmup_epochs=0", "train.max_nonfinite_steps=2"]
    assert main(["train", "--fold", "0", *settings]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert "were not finite in 3 steps in a row" in error and "lower optim.lr (now 1e+30)" in error


def test_a_training_that_diverges_between_measurements_says_so_and_blames_no_picture(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Twenty steps in a row are allowed, and an epoch has six: it shows when the epoch is measured.
    settings = ["optim.name=sgd", "optim.lr=1e12", "schedule.warmup_epochs=0", "model.neck=linear"]
    assert main(["train", "--fold", "0", *settings]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert re.match(
        r"error: training diverged: .* not finite.* after step 6 of epoch 1; there is no checkpoint yet; "
        r"train anew: lower optim\.lr \(now 1e\+12\) or margin\.scale, or set train\.clip_grad_norm=1",
        error,
    )
    assert not list(workspace.glob("runs/tiny/*/fold0/checkpoints/*"))


def test_a_checkpoint_that_holds_nan_is_named(workspace: Path, refused: Callable[..., str]) -> None:
    assert main(["train", "--fold", "0", "train.epochs=1", "--run", "main"]) == 0
    file = FOLD / "checkpoints/best_cls.safetensors"
    weights = read_weights(file)
    weights["neck.0.weight"][0, 0] = torch.nan
    save_weights(weights, file, read_header_metadata(file))
    message = f"{file} holds weights that are not finite, first: neck.0.weight; its training diverged"
    for words in (
        ["predict", "--run", "main", "train.epochs=1"],
        ["train", "--fold", "0", "--run", "next", "train.epochs=1", "init_from=main@best_cls"],
    ):
        assert message in refused(*words)


def test_epochs_between_measurements_have_no_figures_and_the_last_is_measured(workspace: Path) -> None:
    settings = ["train.epochs=3", "train.measure_every_epochs=2"]
    assert main(["train", "--fold", "0", "--run", "seldom", *settings]) == 0
    run = Path("runs/tiny/seldom/fold0")
    assert [bool(row["accuracy"]) for row in read_rows(run / "history.csv")] == [False, True, True]
    assert json.loads((run / "run.json").read_text())["results"]["last"]["epoch"] == 3


def test_a_fold_that_another_process_trains_is_left_to_it(
    workspace: Path, refused: Callable[..., str]
) -> None:
    with writing_folds(RunFolder(Path("runs/tiny/main")), [0]):
        line = refused("train", "--fold", "0", "--overwrite")
        assert line.startswith(f"{FOLD} is being written by another process ({os.getpid()} on ")
        assert line.endswith("; wait until it ends")
        assert main(["train", "--fold", "1"]) == 0  # another fold of the run is free
    assert main(["train", "--fold", "0"]) == 0
    assert not list(Path("runs/tiny").glob("*.lock"))


def test_a_place_for_runs_that_cannot_be_written_is_told_before_images_are_packed(
    workspace: Path, refused: Callable[..., str]
) -> None:
    Path("taken").write_text("a file")
    assert "taken" in refused("train", "--fold", "0", "paths.runs=taken/runs", "paths.cache=new")
    assert not Path("new").exists()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


WRONG = (
    "model.backbone=resnet81",
    "optim.name=adamv",
    "model.init_from=nobody",
    "model.weights=nowhere.pth",
    "data.exclude=[n1]",
    "train.image_size_start=64",
)


def test_what_cannot_be_trained_costs_no_trained_fold(trained: Path, refused: Callable[..., str]) -> None:
    before = contents(trained)
    for wrong in WRONG:
        refused("train", "--fold", "0", "--run", "main", "--overwrite", "train.epochs=1", wrong)
        assert contents(trained) == before, wrong
        assert [path.name for path in trained.parent.iterdir()] == ["fold0"], wrong


@pytest.fixture
def trained(workspace: Path, trained_for_an_epoch: Path) -> Path:
    """A fold that is trained."""
    shutil.copytree(trained_for_an_epoch, workspace / FOLD)
    return workspace / FOLD


def test_a_trained_fold_stays_until_the_new_training_has_saved_a_state(
    workspace: Path, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(trained)
    states: list[bool] = []

    def look(state: TrainingState, folder: FoldFolder, group: DistributedContext, engine: Engine) -> None:
        states.append(contents(trained) == before)
        save_resume_state(state, folder, group, engine)

    monkeypatch.setattr(trainer, "save_resume_state", look)
    words = ["train", "--fold", "0", "--run", "main", "--overwrite", "train.checkpoint_minutes=1e-6"]
    assert main([*words, "train.epochs=1", "optim.lr=0.01"]) == 0
    assert states[:2] == [True, False] and not any(states[1:])
    assert contents(trained)["checkpoints/last.safetensors"] != before["checkpoints/last.safetensors"]
    assert sorted(path.name for path in trained.parent.iterdir()) == ["fold0"]


def test_a_training_that_fails_before_its_first_state_leaves_the_fold_that_was_there(
    workspace: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(trained)
    wild = ["optim.name=sgd", "optim.lr=1e30", "schedule.warmup_epochs=0", "train.max_nonfinite_steps=2"]
    assert main(["train", "--fold", "0", "--run", "main", "--overwrite", *wild]) == 1
    assert contents(trained) == before
    assert sorted(path.name for path in trained.parent.iterdir()) == ["fold0"]


@pytest.mark.slow
def test_a_training_killed_before_its_first_state_leaves_the_fold_that_was_there(
    workspace: Path, trained: Path, launch: Callable[..., int]
) -> None:
    before = contents(trained)
    words = ("train", "--fold", "0", "--run", "main", "--overwrite", "train.epochs=1", "optim.lr=0.01")
    assert launch(*words, moment="save 1", act="KILL") == -signal.SIGKILL
    assert contents(trained) == before
    assert main(["train", "--fold", "0", "--run", "main", "--resume", "train.epochs=1"]) == 0  # it is trained
    assert contents(trained) == before
    assert launch(*words) == 0
    assert contents(trained) != before
    assert sorted(path.name for path in trained.parent.iterdir()) == ["fold0"]

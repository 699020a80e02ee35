"""Training recipes through the command line: each setting works, and goes on to the same bits."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from kaggle_face.cli.main import main
from kaggle_face.errors import RunError
from kaggle_face.model.weights.checkpoints import read_weights
from kaggle_face.train import fold as train_fold

RUNS = Path("runs/tiny")


def history(run: str, fold: int = 0) -> list[dict[str, str]]:
    with (RUNS / run / f"fold{fold}/history.csv").open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def info(run: str, fold: int = 0) -> dict[str, object]:
    values: dict[str, object] = json.loads((RUNS / run / f"fold{fold}/run.json").read_text())
    return values


def train(run: str, *words: str, fold: int = 0) -> None:
    assert main(["train", "--fold", str(fold), "--run", run, *words]) == 0


@pytest.fixture
def first(workspace: Path, trained_for_an_epoch: Path) -> Path:
    """The workspace, where fold 0 of the run `first` was trained for an epoch."""
    shutil.copytree(trained_for_an_epoch, workspace / RUNS / "first/fold0")
    return workspace


def require_the_same_bits_when_stopped(*settings: str) -> None:
    """Trains once in one go, and once stopped after each of the first steps; the weights must agree."""
    train("whole", *settings)
    train("parts", "train.max_hours=1e-9", *settings)
    for _ in range(2):
        assert info("parts")["status"] == "stopped"
        train("parts", "--resume", "train.max_hours=1e-9", *settings)
    train("parts", "--resume", *settings)
    for file in (RUNS / "whole/fold0/checkpoints").iterdir():
        other = RUNS / "parts/fold0/checkpoints" / file.name
        assert file.read_bytes() == other.read_bytes(), file.name


@pytest.mark.slow
@pytest.mark.ci
def test_metric_losses_samplers_and_swa_resume_to_the_same_bits(workspace: Path) -> None:
    settings = ["loss.metric=center", "sampler.name=identities", "train.swa_epochs=2"]
    require_the_same_bits_when_stopped(*settings, "augment.cutmix.probability=0.5")


def test_a_batch_of_more_people_than_there_are_is_refused(
    workspace: Path, refused: Callable[..., str]
) -> None:
    line = refused("train", "--fold", "0", "sampler.name=identities", "train.batch_size=28")
    assert "takes 7 people per batch, and there are 6; lower train.batch_size" in line


def test_a_score_is_recorded_and_chooses_the_checkpoint_best(workspace: Path) -> None:
    train("scored", "train.score=accuracy - 2*eer", "train.epochs=4")
    rows = history("scored")
    scores = [float(row["accuracy"]) - 2 * float(row["eer"]) for row in rows]
    assert [float(row["score"]) for row in rows] == pytest.approx(scores)
    results = info("scored")["results"]
    assert isinstance(results, dict)
    assert results["best"]["epoch"] == 1 + scores.index(max(scores))
    assert (RUNS / "scored/fold0/oof/best/predictions/logits.npy").is_file()


def test_the_early_stop_may_follow_the_score(workspace: Path) -> None:
    # With a rate of 1e-30 nothing is learnt: the first epoch stays the best, and patience is one epoch.
    settings = ["optim.lr=1e-30", "train.epochs=9", "train.early_stop_epochs=1", "model.neck=none"]
    settings += ["train.score=0*accuracy", "train.early_stop_metric=score", "--run", "patient"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_fold, "_write_results", played_end)
        assert main(["train", "--fold", "0", *settings]) == 2
    train("patient", "--resume", *settings)  # a training that ended after its early stop stays stopped
    assert len(history("patient")) == 2


def played_end(*_: object) -> None:
    raise RunError("played")


def test_a_score_without_its_metric_is_refused(workspace: Path, refused: Callable[..., str]) -> None:
    assert "unknown metric 'err'" in refused("train", "--fold", "0", "train.score=1-err")
    line = refused("train", "--fold", "0", "train.early_stop_metric=score")
    assert line == "train.early_stop_metric=score needs train.score, a formula of the figures"


@pytest.mark.slow
@pytest.mark.ci
def test_swa_is_the_mean_of_the_last_epochs_and_measured_like_every_checkpoint(workspace: Path) -> None:
    # Under a constant rate the second epoch of three is the last of a run of two.
    train("two", "train.epochs=2", "schedule.name=constant")
    train("three", "train.epochs=3", "schedule.name=constant", "train.swa_epochs=2")
    second, third = (
        read_weights(RUNS / f"{run}/fold0/checkpoints/last.safetensors") for run in ("two", "three")
    )
    mean = read_weights(RUNS / "three/fold0/checkpoints/swa.safetensors")
    learnt = [name for name in mean if name.endswith(("weight", "bias", "weight_CD"))]
    assert len(learnt) > 20
    for name in learnt:
        torch.testing.assert_close(mean[name], (second[name] + third[name]) / 2, rtol=1e-5, atol=1e-7)
    norm = "backbone.body.bn1.running_mean"
    assert not torch.allclose(mean[norm], (second[norm] + third[norm]) / 2, rtol=1e-3)
    results = info("three")["results"]
    assert isinstance(results, dict) and "epoch" not in results["swa"] and "accuracy" in results["swa"]
    assert (RUNS / "three/fold0/oof/swa/pairs/scores.npy").is_file()


def test_a_frozen_backbone_stays_as_it_was_until_its_epoch(workspace: Path) -> None:
    frozen = ["train.freeze_backbone_epochs=1", "train.epochs=2", "schedule.name=constant"]
    train("frozen", *frozen, "train.score=-log_loss")
    train("one", "train.epochs=1", "schedule.name=constant", "train.freeze_backbone_epochs=1")
    first, second = (
        read_weights(RUNS / f"{run}/fold0/checkpoints/last.safetensors") for run in ("one", "frozen")
    )
    norm = "backbone.body.layer1.0.bn1."
    assert (first[norm + "running_mean"] == 0).all() and (first[norm + "weight"] == 1).all()
    assert (second[norm + "running_mean"] != 0).all() and (second[norm + "weight"] != 1).any()


@pytest.mark.slow
@pytest.mark.ci
def test_a_frozen_start_with_growing_images_and_layer_rates_resumes_to_the_same_bits(workspace: Path) -> None:
    require_the_same_bits_when_stopped(
        "train.freeze_backbone_epochs=1",
        "train.start_image_size=16",
        "train.grow_epochs=1",
        "optim.layer_decay=0.7",
        "optim.head_lr_factor=3",
        "augment.cutmix.probability=0.5",
    )


def test_a_margin_head_with_cutmix_is_warned_once(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train.epochs=1", "model.head=arcface", "augment.cutmix.probability=0.5"]
    assert main(["train", "--fold", "0,1", "--run", "mixed", *words]) == 0
    assert capsys.readouterr().err.count(".9757 -> .9736") == 1


def test_a_training_starts_from_another_runs_weights(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train("first")
    train(
        "second", "model.init_from=first@last", "train.epochs=1", "optim.lr=1e-30", "train.ema_decay=0.999999"
    )
    assert "starts from tiny/first/fold0@last: backbone, neck and head" in capsys.readouterr().out
    assert info("second")["initial"] == "tiny/first/fold0@last"
    before, after = (
        read_weights(RUNS / f"{run}/fold0/checkpoints/last.safetensors") for run in ("first", "second")
    )
    for name in ("backbone.body.conv1.0.weight", "neck.0.weight", "head.weight_CD"):
        assert torch.equal(before[name], after[name])


def test_another_head_begins_anew_on_the_old_backbone(
    first: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train("second", "train.epochs=1", "model.init_from=tiny/first", "model.head=arcface", "margin.margin=0.2")
    out = capsys.readouterr().out
    assert "fold0@best_ver: backbone, neck (the head is new)" in out and "it was trained with" not in out


def test_a_start_names_the_settings_that_its_weights_were_trained_with(
    first: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = ("data.image_size=40", "model.small_stem=off", "model.center_crop=0.5")
    train("second", "train.epochs=1", "model.init_from=first@last", *changed)
    trained = "data.image_size=32, here it is 40, and with model.small_stem=auto, here it is off, and with "
    line = f"first/fold0@last: backbone, neck and head; it was trained with {trained}"
    assert f"{line}model.center_crop=1.0, here it is 0.5\n" in capsys.readouterr().out


@pytest.mark.slow
def test_a_start_from_another_run_resumes_to_the_same_bits_without_it(workspace: Path) -> None:
    train("first", "train.epochs=1")
    require_the_same_bits_when_stopped("model.init_from=first")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model.init_from=furst"], "there is no run 'furst' under runs/tiny"),
        (["model.init_from=first@best"], "has no checkpoint 'best'; there are last, best_cls, best_ver"),
        (["model.init_from=first", "model.embedding_size=8"], "has another backbone or neck"),
        (["model.init_from=first", "folds.seed=7"], "was trained on other folds"),
    ],
)
def test_a_start_that_does_not_fit_is_refused(
    first: Path, refused: Callable[..., str], words: list[str], message: str
) -> None:
    assert message in refused("train", "--fold", "0", "--run", "second", *words)
    assert not (RUNS / "second/fold0/checkpoints").exists()


def test_a_fold_starts_from_its_own_fold_alone(first: Path, refused: Callable[..., str]) -> None:
    line = refused("train", "--fold", "1", "--run", "second", "model.init_from=first")
    assert "another fold was trained on what this one holds out" in line


@pytest.mark.slow
@pytest.mark.ci
def test_a_student_learns_from_the_other_folds_of_other_runs_and_resumes_to_the_same_bits(
    workspace: Path,
) -> None:
    for fold in (1, 2):
        train("big", "train.epochs=1", fold=fold)
    train("other", "train.epochs=1", "model.embedding_size=24", fold=1)
    distill = ["loss.distill.runs=[big@last, tiny/other]", "loss.distill.cosines_weight=1", "train.epochs=1"]
    require_the_same_bits_when_stopped(*distill, "augment.cutmix.probability=0.5")
    assert info("whole")["teachers"] == [
        "tiny/big/fold1@last tiny/big/fold2@last",
        "tiny/other/fold1@best_ver",
    ]
    train("alone", "train.epochs=1")
    assert history("alone")[0]["train_loss"] != history("whole")[0]["train_loss"]


def test_a_teacher_that_held_nothing_of_the_training_out_is_refused(
    workspace: Path, refused: Callable[..., str]
) -> None:
    train("big", "train.epochs=1")
    line = refused("train", "--fold", "0", "--run", "small", "loss.distill.runs=[big]")
    assert "no training image of fold 0 was held out by a finished fold of big" in line
    line = refused("train", "--fold", "1", "--run", "small", "loss.distill.runs=[big]", "folds.seed=3")
    assert "was trained on other folds" in line

"""Soups of checkpoints through the command line."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kaggle_face.artifacts.provenance import command_of_training
from kaggle_face.artifacts.record_io import read_pair_scores
from kaggle_face.artifacts.runs import FoldFolder, RunFolder
from kaggle_face.cli.main import main
from kaggle_face.errors import RunError
from kaggle_face.model.trained import load_trained_network
from kaggle_face.model.weights.checkpoints import read_weights

from ..conftest import commands_in

RUNS = Path("runs/tiny")
SETTINGS = ("train.epochs=3", "train.swa_epochs=2", "train.score=accuracy - eer")


def train(run: str, *words: str, folds: str = "0") -> None:
    assert main(["train", "--fold", folds, "--run", run, *SETTINGS, *words]) == 0


@pytest.fixture(scope="module")
def two_folds(tiny_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace where folds 0 and 1 of the run `main` were trained, to be copied."""
    folder = tmp_path_factory.mktemp("soups")
    commands_in(folder, tiny_root, ["train", "--fold", "0,1", "--run", "main", *SETTINGS])
    return folder


@pytest.fixture
def with_main(workspace: Path, two_folds: Path) -> Path:
    """The workspace, with folds 0 and 1 of the run `main`."""
    shutil.copytree(two_folds / "runs", workspace / "runs")
    return workspace


@pytest.fixture
def with_one_fold(with_main: Path) -> Path:
    """The workspace, with fold 0 of the run `main` alone."""
    shutil.rmtree(RUNS / "main/fold1")
    return with_main


def info(run: str, fold: int = 0) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((RUNS / run / f"fold{fold}/run.json").read_text())
    return values


@pytest.mark.slow
@pytest.mark.ci
def test_a_soup_is_no_worse_than_its_best_checkpoint_and_a_run_like_any_other(
    with_main: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["soup", "--run", "main"]) == 0
    for fold in (0, 1):
        soup, alone = info("soup", fold)["soup"], info("main", fold)["results"]
        best = max(figures["accuracy"] - figures["eer"] for figures in alone.values())
        assert soup["score"] >= soup["best_alone"] == pytest.approx(best)
        assert soup["formula"] == "accuracy - eer"
        assert soup["measured_on"] == f"24 images and 20 trials held out of fold {fold}"
        figures = info("soup", fold)["results"]["best"]
        assert figures["accuracy"] - figures["eer"] == pytest.approx(soup["score"])
    lines = capsys.readouterr().out.splitlines()
    (named,) = (line for line in lines if line.startswith("score: "))
    assert named.startswith(
        "score: accuracy - eer, higher is better, out-of-fold, on 24 images and 20 trials"
    )
    (gain,) = (line for line in lines if line.startswith("gain over the best alone, on the half"))
    assert "not known: " in gain and "people are too few" in gain
    for command in ("predict", "ensemble", "submit"):
        assert main([command, "--run", "soup"]) == 0
    assert len(read_pair_scores(RUNS / "soup/ensemble/pairs").scores) == 24


def test_weights_of_a_soup_are_the_mean_of_its_checkpoints(workspace: Path) -> None:
    # A score that cannot get worse takes every distinct checkpoint in.
    train("main", "train.score=0*accuracy")
    assert main(["soup", "--run", "main", "--checkpoints", "last,swa"]) == 0
    assert info("soup")["soup"]["of"] == ["main/fold0@last", "main/fold0@swa"]
    kept = RUNS / "main/fold0/checkpoints"
    last, swa = read_weights(kept / "last.safetensors"), read_weights(kept / "swa.safetensors")
    soup = read_weights(RUNS / "soup/fold0/checkpoints/best_ver.safetensors")
    mean = (last["head.weight_CD"] + swa["head.weight_CD"]) / 2
    assert np.allclose(soup["head.weight_CD"], mean, atol=1e-7)
    assert info("soup")["center_crop"] == info("main")["center_crop"] == 1.0
    require_the_same_again("soup", "--folds 0 --checkpoints last,swa")


def require_the_same_again(run: str, options: str) -> None:
    """Makes a soup with the command of its hint, which has these options."""
    command = command_of_training(RunFolder(RUNS / run).fold(0))
    assert command == f"kaggle-face soup --run main {options} --name {run} --overwrite -c tiny"
    before = info(run)
    assert main(shlex.split(command)[1:]) == 0
    assert info(run)["soup"] == before["soup"] and info(run)["networks"] == before["networks"]


@pytest.mark.slow
@pytest.mark.ci
def test_a_soup_across_folds_is_judged_by_the_pairs_that_they_share_and_by_nothing_else(
    workspace: Path, refused: Callable[..., str]
) -> None:
    train("main", "train.score=1-eer", folds="0,1")
    assert main(["soup", "--run", "main", "--across-folds", "--name", "both"]) == 0
    require_the_same_again("both", "--across-folds --folds 0,1")
    written = info("both")
    assert written["validation_images"] == 0 and "accuracy" not in written["results"]["best"]
    assert written["soup"]["score"] == pytest.approx(1 - written["results"]["best"]["eer"])
    assert main(["predict", "--run", "both", "--try-tta"]) == 0  # measured by the trials alone
    assert not (RUNS / "both/fold0/oof/best/predictions").exists()
    assert "accuracy" not in json.loads((RUNS / "both/tta.json").read_text())["measured"][0]["gains"]
    # Fold 0 of it knows what fold 0 holds out: fold 1 was trained on that.
    knows = "both@best is a soup of several folds, so it knows the images that this fold holds out"
    assert knows in refused("train", "--fold", "0", "--run", "next", "model.init_from=both@best")
    line = refused("soup", "--run", "both", "--run", "main", "--folds", "0", "--name", "more")
    assert "both/fold0@last is a soup of several folds, so it knows the images held out of fold 0" in line
    assert "--across-folds" in line and not (RUNS / "more").exists()


def test_folds_with_trials_of_their_own_share_nothing_to_be_judged_by(
    workspace: Path, refused: Callable[..., str]
) -> None:
    short = ("train.epochs=1", "train.swa_epochs=null")
    train("main", "folds.verification=identities", "folds.heldout_identities=0.5", *short, folds="0,1")
    line = refused("soup", "--run", "main", "--across-folds")
    assert "nothing is held out of all these folds" in line
    assert not (RUNS / "soup").exists()


@pytest.mark.slow
@pytest.mark.ci
def test_a_soup_takes_no_other_runs_place(with_one_fold: Path, refused: Callable[..., str]) -> None:
    assert "choose another --name" in refused("soup", "--run", "main", "--name", "main", "--overwrite")
    assert main(["soup", "--run", "main"]) == 0
    assert "choose another --name, or replace it with --overwrite" in refused("soup", "--run", "main")
    assert main(["soup", "--run", "main", "--overwrite"]) == 0


def test_other_networks_make_no_soup(with_one_fold: Path, refused: Callable[..., str]) -> None:
    train("wide", "model.embedding_size=8")
    assert "another network" in refused("soup", "--run", "main", "--run", "wide")
    assert "another network" in refused("soup", "--run", "wide", "--run", "main")


def test_weights_of_equal_shapes_that_are_used_otherwise_make_no_soup(
    with_one_fold: Path, refused: Callable[..., str]
) -> None:
    train("tight", "model.center_crop=0.5")
    text = refused("soup", "--run", "main", "--run", "tight")
    assert "another network than main/fold0@last (model.center_crop=0.5, not 1.0); mix checkpoints" in text


def test_weights_behind_another_stem_make_no_soup(with_one_fold: Path, refused: Callable[..., str]) -> None:
    train("deep", "model.small_stem=off", "train.epochs=1", "train.swa_epochs=null")
    main_weights, deep_weights = (
        read_weights(RUNS / run / "fold0/checkpoints/last.safetensors") for run in ("main", "deep")
    )
    shapes = {name: tensor.shape for name, tensor in main_weights.items()}
    assert shapes == {name: tensor.shape for name, tensor in deep_weights.items()}
    text = refused("soup", "--run", "main", "--run", "deep")
    assert "another network than main/fold0@last (model.small_stem=off, not auto); mix checkpoints" in text


def test_runs_that_differ_in_stochastic_depth_alone_make_a_soup(with_one_fold: Path) -> None:
    train("deep", "model.drop_path=0.2", "train.epochs=1", "train.swa_epochs=null")
    assert main(["soup", "--run", "main", "--run", "deep", "--checkpoints", "last"]) == 0
    assert list(info("soup")["networks"]) == [f"tiny/{run}/fold0@last" for run in ("main", "deep")]


def test_a_run_without_the_chosen_checkpoint_is_named(
    with_one_fold: Path, refused: Callable[..., str]
) -> None:
    train("short", "train.epochs=1", "train.swa_epochs=null")
    text = refused("soup", "--run", "main", "--run", "short", "--checkpoints", "swa")
    assert text.startswith("runs/tiny/short/fold0 has no checkpoint swa (it has last")
    assert text.endswith("leave it out, or choose others with --checkpoints")
    assert not (RUNS / "soup").exists()


def test_a_fold_under_another_number_is_refused(with_main: Path, refused: Callable[..., str]) -> None:
    shutil.copytree(RUNS / "main/fold1", RUNS / "moved/fold0")
    for words in (
        ("soup", "--run", "moved"),
        ("soup", "--run", "main", "--run", "moved", "--folds", "0"),
        ("predict", "--run", "moved", "--try-tta"),
    ):
        text = refused(*words)
        assert text.startswith("runs/tiny/moved/fold0 was trained as fold 1: ")
        assert text.endswith("name its folder fold1")
    assert not (RUNS / "soup").exists() and not (RUNS / "moved/tta.json").exists()
    text = refused("train", "--fold", "0", "--run", "next", "model.init_from=moved")
    assert "moved/fold0 was trained as fold 1, so on what fold 0 holds out" in text


def test_folds_that_see_other_parts_of_the_pictures_make_a_soup_each_and_none_together(
    workspace: Path, refused: Callable[..., str]
) -> None:
    train("parts", "model.further_center_crops=[0.5]", folds="0,1")
    folds = [RunFolder(RUNS / "parts").fold(number) for number in (0, 1)]
    networks = [load_trained_network(fold, "last", torch.device("cpu")) for fold in folds]
    assert [network.center_crop for network in networks] == [1.0, 0.5]
    for name in ("copied/mine", "copied/fold0"):  # the number in its record counts
        shutil.copytree(folds[1].path, name)
        assert load_trained_network(FoldFolder(Path(name)), "last", torch.device("cpu")).center_crop == 0.5
    assert main(["soup", "--run", "parts"]) == 0
    soups = [RunFolder(RUNS / "soup").fold(number) for number in (0, 1)]
    shares = [load_trained_network(fold, "best", torch.device("cpu")).center_crop for fold in soups]
    assert shares == [1.0, 0.5]
    record = Path("copied/mine/run.json")
    record.write_text(json.dumps({**json.loads(record.read_text()), "fold": None}))
    with pytest.raises(RunError, match=r"run\.json does not say which fold it is of"):
        load_trained_network(FoldFolder(record.parent), "last", torch.device("cpu"))
    text = refused("soup", "--run", "parts", "--across-folds", "--name", "together")
    assert "(model.center_crop=0.5, not 1.0); mix checkpoints of one model" in text


def test_the_gain_of_a_soup_is_measured_on_people_who_did_not_choose_it(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train("main", "train.score=accuracy")
    capsys.readouterr()
    assert main(["soup", "--run", "main", "--checkpoints", "last,swa"]) == 0
    gain = info("soup")["soup"]["gain"]
    assert gain["low"] <= gain["value"] <= gain["high"] and -1 <= gain["value"] <= 1
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("gain over"))
    assert f"{gain['value']:+.4f} (95 %: {gain['low']:+.4f} to {gain['high']:+.4f})" in line
    assert line.endswith(", so none") == (gain["low"] <= 0 <= gain["high"])

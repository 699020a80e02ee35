"""Prediction as a program calls it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.config import load_config
from kaggle_face.errors import InputError, RunError
from kaggle_face.pipeline.predict import PredictOptions, predict_run
from kaggle_face.progress import SilentProgress

After = Callable[[str], Any]


def test_chosen_checkpoints_are_predicted_and_nothing_is_printed(
    after: After, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunFolder(after("train").run)
    capsys.readouterr()
    options = PredictOptions(folds=[0], checkpoints=["best_cls"])
    result = predict_run(load_config("tiny"), run, options, SilentProgress())
    assert result.tta is None
    (fold,) = result.folds
    listed = (run.fold(0).path / "test" / "images.csv").read_text().splitlines()
    assert (fold.fold, fold.checkpoints, fold.num_images) == (0, ("best_cls",), len(listed) - 1)
    records = {path.name for path in (run.fold(0).path / "test").iterdir() if path.is_dir()}
    assert records == {"best_cls"}
    printed = capsys.readouterr()
    assert printed.out == printed.err == ""


def test_the_gains_of_test_time_augmentation_are_those_of_its_file(after: After) -> None:
    run = RunFolder(after("train").run)
    result = predict_run(load_config("tiny"), run, PredictOptions(try_tta=True), SilentProgress())
    kept = json.loads((run.path / "tta.json").read_text())
    assert result.tta is not None
    assert (result.tta.flip, result.tta.crops) == (kept["flip"], kept["crops"])
    rows = [(row.augmentation, row.metric, row.gain, row.low, row.high) for row in result.tta.gains]
    assert rows == [
        (view["view"], metric, gain["value"], gain["low"], gain["high"])
        for view in kept["measured"]
        for metric, gain in view["gains"].items()
    ]


def test_nothing_is_measured_anew_on_pictures_that_are_not_those_of_the_training(after: After) -> None:
    work = after("train")
    picture = next((work.root / "cls_data" / "train").rglob("*.*"))
    Image.new("RGB", (16, 16), (255, 0, 0)).save(picture)
    before = {path: path.read_bytes() for path in work.run.rglob("oof/**/*") if path.is_file()}
    with pytest.raises(RunError, match="train"):
        predict_run(load_config("tiny"), RunFolder(work.run), PredictOptions(try_tta=True), SilentProgress())
    assert before and {path: path.read_bytes() for path in before} == before
    assert not (work.run / "tta.json").exists()


def test_wrong_folds_and_checkpoints_are_one_line(after: After) -> None:
    run = RunFolder(after("train").run)
    with pytest.raises(RunError, match=r"no fold of tiny/main is chosen; trained are: 0"):
        predict_run(load_config("tiny"), run, PredictOptions(folds=[]), SilentProgress())
    with pytest.raises(InputError, match="no checkpoint is chosen; there are last, best_cls"):
        PredictOptions(checkpoints=[])
    with pytest.raises(RunError, match=r"has no checkpoint 'swa'; there are last"):
        predict_run(load_config("tiny"), run, PredictOptions(checkpoints=["swa"]), SilentProgress())
    with pytest.raises(RunError, match=r"fold 7 of tiny/main was not trained \(trained: 0\)"):
        predict_run(load_config("tiny"), run, PredictOptions(folds=[7]), SilentProgress())
    none = RunFolder(run.path.parent / "none")
    with pytest.raises(RunError, match=r"tiny/none has no trained fold; train one first: kaggle-face train"):
        predict_run(load_config("tiny"), none, PredictOptions(), SilentProgress())
    with pytest.raises(InputError, match=r"a checkpoint is one of last, .*, got 'first'"):
        PredictOptions(checkpoints=["first"])  # type: ignore[list-item]
    shutil.rmtree(run.fold(0).path / "checkpoints")
    with pytest.raises(RunError):
        predict_run(load_config("tiny"), run, PredictOptions(checkpoints=["last"]), SilentProgress())

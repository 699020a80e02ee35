"""The table of blends, on noise instead of faces."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.blends.__main__ import main
from tests.benchmarks.conftest import write_faces

TINY = [
    "data.image_size=16",
    "data.workers=0",
    "folds.count=2",
    "model.embedding_size=8",
    "train.epochs=1",
    "train.batch_size=8",
    "train.eval_batch_size=16",
    "predict.batch_size=16",
    "train.swa_epochs=1",
    "train.tensorboard=false",
    "device=cpu",
]


@pytest.fixture
def faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    same = [f"v{person} 1 2\n" for person in range(6)]
    different = [f"v{person} 1 v{(person + 1) % 6} 2\n" for person in range(6)]
    sets = [line for part in range(2) for line in same[part * 3 :][:3] + different[part * 3 :][:3]]
    (tmp_path / "pairs.txt").write_text("2 3\n" + "".join(sets))
    where = ["--measured", write_faces(tmp_path / "m", 4, 10), "--judges", write_faces(tmp_path / "j", 6, 3)]
    return [*where, "--verified", write_faces(tmp_path / "v", 6, 2), "--pairs", "pairs.txt"]


@pytest.mark.slow
def test_one_command_trains_mixes_and_tabulates_and_goes_on_where_it_was(
    faces: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    which = ["--backbones", "resnet10t,resnet14t"]
    assert main([*faces, *which, *TINY]) == 0
    out = capsys.readouterr().out
    assert "4 people with 32 images to train on and 8 test images; 36 trials of 6 people" in out
    assert out.count("epoch 1/1") == 4
    values = json.loads(Path("blends.json").read_text())
    names = [row["classification"] for row in values["classification"]["rows"]]
    assert names[:3] == ["resnet10t", "resnet14t", "equal mean of the models"]
    assert "resnet10t-soup" in names and "equal mean of the soups" in names
    assert any(name.startswith("chosen by `ensemble`") for name in names)
    assert any(name.startswith("hill climbing of models and soups (") for name in names)
    verification = values["verification"]["rows"]
    assert [row["verification"] for row in verification][:2] == ["resnet10t", "resnet14t"]
    assert "±" in verification[0]["one network"] and "±" in verification[0]["ten-fold accuracy"]
    assert "| equal mean of the models |" in Path("blends.md").read_text()
    assert main([*which, *TINY]) == 0
    assert "epoch" not in capsys.readouterr().out
    assert json.loads(Path("blends.json").read_text()) == values


def test_what_is_missing_is_said_before_any_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Callable[..., str]
) -> None:
    monkeypatch.chdir(tmp_path)
    line = refused(main)
    assert "data/blends has no faces yet; give --measured, --judges, --verified, --pairs" in line

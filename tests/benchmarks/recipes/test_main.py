"""The table of recipes, on noise instead of faces."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.recipes.__main__ import main
from tests.benchmarks.conftest import write_faces

TINY = [
    "data.image_size=16",
    "data.workers=0",
    "model.backbone_options={channels: [8, 8, 8, 8], stem_width: 8}",
    "model.embedding_size=8",
    "train.epochs=2",
    "train.batch_size=8",
    "train.tensorboard=false",
    "device=cpu",
]


@pytest.fixture
def faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pairs.txt").write_text("1 1\nv0 1 2\nv1 1 2\nv0 1 v1 2\nv1 1 v2 1\n")
    where = ["--measured", write_faces(tmp_path / "m", 3, 10), "--more", write_faces(tmp_path / "o", 2, 4)]
    return [*where, "--verified", write_faces(tmp_path / "v", 3, 2), "--pairs", "pairs.txt"]


def test_one_command_lays_out_trains_and_tabulates_and_goes_on_where_it_was(
    faces: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = ["--recipes", "softmax,triplet", "--mixings", "plain", "--starts", "scratch"]
    assert main([*faces, *rows, "--seeds", "1", *TINY]) == 0
    out = capsys.readouterr().out
    assert "data/recipes: 32 images to train on, 6 held out, 4 trials" in out
    assert out.count("epoch 2/2") == 1 and out.count("epoch 1/1") == 2
    values = json.loads(Path("recipes.json").read_text())
    assert [row["recipe"] for row in values["rows"]] == ["softmax", "triplet after softmax"]
    assert "| scratch | triplet after softmax | plain | 16 | 2 | 1 |" in Path("recipes.md").read_text()
    assert main([*rows, "--seeds", "1", *TINY]) == 0
    assert "epoch 1/" not in capsys.readouterr().out


def test_what_is_missing_is_said_before_any_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Callable[..., str]
) -> None:
    monkeypatch.chdir(tmp_path)
    line = refused(main, "--starts", "scratch")
    assert "data/recipes has no faces yet; give --measured, --verified, --pairs" in line
    assert "--weights: there is no file w.pth" in refused(main, "--weights", "w.pth")

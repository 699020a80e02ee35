"""The config that the best trial of a search becomes."""

from __future__ import annotations

from pathlib import Path

import pytest

from kaggle_face.config import load_config
from kaggle_face.train.search.found import FoundConfig
from kaggle_face.train.search.study import BestTrial

BASE = """\
extends: base
model: {backbone: resnet10t, backbone_options: {channels: [32, 64, 128, 256], stem_width: 8}}
augment: {cutmix: {probability: 0.25, alpha: 0.5}}
"""


@pytest.mark.parametrize(
    "overrides",
    [
        ("model.backbone_options.stem_width=16", "optim.lr=0.05"),
        ("model.backbone_options.stem_type=deep", "model.backbone_options.stem_width=16"),
        ("augment.cutmix.probability=0.5",),
        ("model.backbone_options={stem_width: 4}", "optim.options.nesterov=true"),
    ],
)
def test_the_file_means_the_settings_of_the_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overrides: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("configs").mkdir()
    Path("configs/mine.yaml").write_text(BASE, encoding="utf-8")
    found = FoundConfig(
        BestTrial(3, 0.5, overrides), "eer", 0, 9, 7, 7, "mine", ["data.image_size=64"], "kaggle-face train"
    )
    found.write(Path("configs/mine-tune.yaml"))
    expected = load_config("mine", ["data.image_size=64", "train.epochs=7", *overrides]).config
    assert load_config("mine-tune").config == expected

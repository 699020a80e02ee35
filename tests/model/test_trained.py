"""Whose weights of equal shapes are used in the same way."""

from __future__ import annotations

from pathlib import Path

import pytest

from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.config import dump_config, load_config
from kaggle_face.model.trained import differing_use, use_of_trained

BASE = (
    "model.head=arcface",
    "model.backbone=resnet18.a1_in1k",
    "model.backbone_options={}",
    "model.pretrained=true",
)


def use_in(folder: Path, *overrides: str, fold: int = 0) -> dict[str, object]:
    """The use of the weights of a fold with these settings, of which there are none."""
    trained = FoldFolder(folder / f"fold{fold}")
    trained.path.mkdir(parents=True)
    trained.config_file.write_text(dump_config(load_config("demo", (*BASE, *overrides)).config))
    trained.write_info({"status": "finished", "fold": fold})
    return use_of_trained(trained)


@pytest.mark.parametrize(
    "override",
    [
        "model.dropout=0.3",
        "model.drop_path=0.1",
        "model.backbone_options={drop_block_rate: 0.1}",
        "model.head=cosface",
        "model.backbone=resnet18.fb_swsl_ig1b_ft_in1k",
        "model.pretrained=false",
        "model.init_from=other",
        "model.further_center_crops=[0.5]",
        "margin.margin=0.3",
        "seed=7",
    ],
)
def test_what_only_a_training_heeds_changes_no_use(tmp_path: Path, override: str) -> None:
    assert differing_use(use_in(tmp_path / "one"), use_in(tmp_path / "other", override)) == {}


@pytest.mark.parametrize(
    ("key", "own", "other", "text"),
    [
        ("data.image_size", 48, 64, "64"),
        ("model.small_stem", "auto", "off", "off"),
        ("model.center_crop", 1.0, 0.5, "0.5"),
        ("model.pooling", "avg", "max", "max"),
        ("model.normalize_features", False, True, "true"),
        ("model.backbone", "resnet18", "resnet18d", "resnet18d.ra2_in1k"),
        ("model.backbone_options", {}, {"output_stride": 16}, "{output_stride: 16}"),
        ("margin.scale", 30.0, 64.0, "64.0"),
    ],
)
def test_what_changes_the_output_of_the_same_weights_is_named(
    tmp_path: Path, key: str, own: object, other: object, text: str
) -> None:
    found = differing_use(use_in(tmp_path / "one"), use_in(tmp_path / "other", f"{key}={text}"))
    assert found == {key: (own, other)}


def test_the_use_is_that_of_the_own_fold(tmp_path: Path) -> None:
    crops = "model.further_center_crops=[0.5]"
    first, second = (use_in(tmp_path, crops, fold=fold) for fold in (0, 1))
    assert differing_use(first, second) == {"model.center_crop": (1.0, 0.5)}

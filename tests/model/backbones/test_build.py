"""Backbones by name: what is accepted, what is refused, and the form of their maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from kaggle_face.config import ModelConfig
from kaggle_face.errors import ConfigError
from kaggle_face.model.backbones.build import OWN_BACKBONES, create_backbone, known_backbones


def config(name: str, **settings: Any) -> ModelConfig:
    return ModelConfig(backbone=name, **settings)


def test_an_unknown_backbone_is_answered_with_the_nearest_names() -> None:
    with pytest.raises(ConfigError, match=r"^unknown backbone 'resnet81'; did you mean 'resnet18' or"):
        create_backbone(config("resnet81"), 64)


def test_an_unknown_own_backbone_is_answered_with_our_name() -> None:
    with pytest.raises(ConfigError, match="did you mean 'mobilefacenet'"):
        create_backbone(config("mobilefacnet"), 64)


def test_the_known_names_are_ours_and_those_of_timm() -> None:
    names = known_backbones()
    assert {"iresnet50", "mobilefacenet", "shufflenetv2_x2_0", "resnet18", "convnext_tiny"} <= set(names)
    assert len(names) == len(set(names)) > 1000


@pytest.mark.parametrize("name", sorted(set(OWN_BACKBONES) - {"iresnet50", "iresnet100"}))
def test_our_backbones_give_the_map_that_they_announce(name: str) -> None:
    backbone = create_backbone(config(name), 32)
    features = backbone.eval()(torch.zeros(2, 3, 32, 32))
    assert features.shape == (2, backbone.num_features, *backbone.map_size)


def test_patch_tokens_are_put_back_onto_their_grid() -> None:
    backbone = create_backbone(config("test_vit", small_stem="off"), 64).eval()
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        tokens_BNC = backbone.body(image)  # one class token, then 4x4 patches row by row
        features = backbone(image)
    assert features.shape == (1, tokens_BNC.shape[2], 4, 4)
    torch.testing.assert_close(features[0, :, 2, 1], tokens_BNC[0, 1 + 2 * 4 + 1])


def test_a_channels_last_network_gives_a_channels_first_map() -> None:
    backbone = create_backbone(
        config("swin_tiny_patch4_window7_224", backbone_options={"depths": [1, 1, 1, 1]}), 64
    )
    assert backbone(torch.zeros(1, 3, 64, 64)).shape == (1, backbone.num_features, 2, 2)


def test_options_reach_the_network() -> None:
    narrow = create_backbone(config("resnet10t", backbone_options={"channels": [8, 16, 24, 40]}), 32)
    assert narrow.num_features == 40


@pytest.mark.parametrize("name", ["resnet18", "mobilefacenet", "shufflenetv2_x0_5"])
def test_an_unknown_option_is_one_line(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"^backbone '{name}' does not take the option 'colour'"):
        create_backbone(config(name, backbone_options={"colour": "red"}), 32)


def test_an_option_without_sense_is_one_line() -> None:
    with pytest.raises(ConfigError, match="backbone 'resnet18' cannot be built with these"):
        create_backbone(config("resnet18", backbone_options={"layers": 3}), 32)


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"backbone 'local-dir:.*' cannot be built: "):
        create_backbone(config(f"local-dir:{tmp_path}/gone"), 32)


def test_unknown_weights_are_answered_with_the_nearest_names() -> None:
    with pytest.raises(
        ConfigError, match="backbone 'resnet18' has no weights called 'a1_in2k'; did you mean 'a1_in1k'"
    ):
        create_backbone(config("resnet18.a1_in2k"), 32)


def test_an_option_that_is_ours_to_set_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot set 'num_classes'"):
        create_backbone(config("resnet18", backbone_options={"num_classes": 5}), 32)


def test_drop_path_reaches_the_network() -> None:
    backbone = create_backbone(config("resnet18", drop_path=0.3), 32)
    rates = [float(module.drop_prob) for module in backbone.modules() if hasattr(module, "drop_prob")]
    assert max(rates) == pytest.approx(0.3)  # the last block; timm lets the rate grow linearly


@pytest.mark.parametrize("name", ["vgg11", "iresnet18", "shufflenetv2_x0_5"])
def test_drop_path_is_refused_where_there_is_none(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"backbone '{name}' has no stochastic depth"):
        create_backbone(config(name, drop_path=0.1), 64)


def test_foreign_weights_bring_their_input_constants() -> None:
    plain = create_backbone(config("resnet18"), 32)
    foreign = create_backbone(config("resnet18", weights="later.pth"), 32)
    assert plain.input_mean.tolist() == [0.5, 0.5, 0.5]
    # The means of ImageNet that torchvision and timm document.
    assert foreign.input_mean.tolist() == pytest.approx([0.485, 0.456, 0.406])


def test_a_backbone_without_published_weights_says_so() -> None:
    with pytest.raises(
        ConfigError, match=r"backbone 'iresnet18' has no published weights.*model\.weights=FILE"
    ):
        create_backbone(config("iresnet18", pretrained=True), 32)


def test_building_keeps_the_network_in_training_mode() -> None:
    assert all(module.training for module in create_backbone(config("test_resnet"), 32).modules())

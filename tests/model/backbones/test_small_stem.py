"""Small stems over the families of backbones: larger maps, same weights elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from kaggle_face.config import MarginConfig, ModelConfig
from kaggle_face.errors import ConfigError, RunError
from kaggle_face.model.backbones.build import Backbone, create_backbone
from kaggle_face.model.network import create_network
from kaggle_face.model.weights.checkpoints import load_weights, save_weights

# Family, options that keep it light, and the height of its map at 32 and at 64 pixels with a small stem:
# 1/8 of the image where a convolution and a pooling were taken out, 1/16 where a convolution alone was.
FAMILIES: list[tuple[str, dict[str, Any], int, int]] = [
    ("resnet10t", {}, 4, 8),
    ("resnet18", {}, 4, 8),
    ("resnetv2_18", {}, 4, 8),
    ("seresnet18", {}, 4, 8),
    ("ecaresnet26t", {}, 4, 8),
    ("resnext26ts", {}, 4, 8),
    ("mobilenetv2_050", {}, 2, 4),
    ("mobilenetv3_small_050", {}, 2, 4),
    ("mobilenetv4_conv_small_050", {}, 2, 4),
    ("tf_efficientnet_lite0", {}, 2, 4),
    ("convnext_atto", {}, 2, 4),
    ("regnetx_002", {}, 2, 4),
    ("densenet121", {"growth_rate": 8, "block_config": (2, 2, 2, 2)}, 4, 8),
    ("inception_v3", {}, 2, 6),
    ("inception_next_atto", {}, 2, 4),
    ("repvgg_a0", {}, 2, 4),
    ("ghostnet_050", {}, 2, 4),
    ("hgnetv2_b0", {}, 2, 4),
    ("vgg11", {"mlp_ratio": 0.001}, 4, 8),
    ("shufflenetv2_x0_5", {}, 4, 8),
]


def backbone(name: str, size: int, **settings: Any) -> Backbone:
    return create_backbone(ModelConfig(backbone=name, **settings), size)


def height_without(name: str, options: dict[str, Any], size: int) -> int:
    try:
        return backbone(name, size, small_stem="off", backbone_options=options).map_size[0]
    except ConfigError:
        return 0  # nothing is left of the image


STEMS_LIKE_ANOTHERS = {"seresnet18", "ecaresnet26t", "resnext26ts", "mobilenetv4_conv_small_050"}


@pytest.mark.parametrize(
    ("name", "options", "at_32", "at_64"),
    [
        pytest.param(*row, id=row[0], marks=[pytest.mark.slow] * (row[0] in STEMS_LIKE_ANOTHERS))
        for row in FAMILIES
    ],
)
def test_the_map_is_larger_than_without(name: str, options: dict[str, Any], at_32: int, at_64: int) -> None:
    small = backbone(name, 32, backbone_options=options)
    assert small.map_size == (at_32, at_32)
    assert small.map_size[0] > height_without(name, options, 32)
    # The network itself does not depend on the size, so a larger image needs no second one.
    with torch.no_grad():
        assert small.eval()(torch.zeros(1, 3, 64, 64)).shape[2:] == (at_64, at_64)
    assert at_64 > height_without(name, options, 64)


def test_a_fresh_7x7_kernel_becomes_3x3() -> None:
    conv = backbone("resnet18", 32).body.get_submodule("conv1")
    assert isinstance(conv, nn.Conv2d)
    assert (conv.kernel_size, conv.stride, conv.padding) == ((3, 3), (1, 1), (1, 1))


def test_foreign_weights_see_the_image_as_before_at_every_second_pixel() -> None:
    config = ModelConfig(backbone="resnet18", weights="later.safetensors")
    small = create_backbone(config, 32)
    plain = create_backbone(config.model_copy(update={"small_stem": "off"}), 32)
    plain.load_state_dict(small.state_dict())
    image = torch.rand(1, 3, 32, 32)
    dense = small.body.get_submodule("conv1")(image)
    torch.testing.assert_close(dense[:, :, ::2, ::2], plain.body.get_submodule("conv1")(image))


@pytest.mark.parametrize("weights", [None, "later.safetensors"])
@pytest.mark.parametrize(
    ("name", "options", "stem"),
    [
        ("convnext_atto", {}, "stem.0"),  # 4x4, not padded
        ("inception_next_atto", {}, "stem.0"),
        ("edgenext_small", {"stem_type": "overlap"}, "stem.0"),  # 9x9, padded by 4
        ("poolformer_s12", {}, "stem.conv"),  # 7x7, padded by 2
    ],
)
def test_a_patch_stem_computes_what_the_published_one_does_at_every_second_place(
    name: str, options: dict[str, Any], stem: str, weights: str | None
) -> None:
    small = backbone(name, 64, backbone_options=options, weights=weights, small_stem="on")
    plain = backbone(name, 64, backbone_options=options, weights=weights, small_stem="off")
    plain.body.load_state_dict(small.body.state_dict())
    image = torch.rand(1, 3, 64, 64)
    dense = small.body.get_submodule(stem)(image)
    published = plain.body.get_submodule(stem)(image)
    assert dense.shape[2:] == (32, 32)
    torch.testing.assert_close(dense[:, :, ::2, ::2], published)


def test_weights_that_learnt_with_another_padding_of_a_patch_stem_are_refused(tmp_path: Path) -> None:
    model = ModelConfig(backbone="convnext_atto", embedding_size=8)
    network = create_network(model, MarginConfig(), num_classes=3, image_size=32)
    older = {name: each for name, each in network.state_dict().items() if "stem_margins" not in name}
    save_weights(older, tmp_path / "w.safetensors")
    with pytest.raises(RunError, match=r"first that does not: backbone\.stem_margins \(file absent"):
        load_weights(network, tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    ("size", "side"),
    [(112, 14), (113, 4)],  # 113 / 32 rounded up; 113 pixels are more than half of 224
)
def test_auto_means_up_to_112_pixels(size: int, side: int) -> None:
    assert backbone("resnet10t", size).map_size == (side, side)


def test_auto_leaves_a_network_made_for_112_pixels_alone_at_64() -> None:
    assert backbone("mobilefacenet", 64).map_size == (4, 4)
    assert backbone("mobilefacenet", 48).map_size == (6, 6)  # 48 / 16 would be 3


def test_auto_leaves_a_transformer_alone() -> None:
    assert backbone("test_vit", 32).map_size == (2, 2)


@pytest.mark.parametrize("name", ["test_vit", "tresnet_m"])
def test_a_stem_that_cannot_be_changed_is_one_line(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"backbone '{name}' has no stem .* set model\.small_stem=off"):
        backbone(name, 64, small_stem="on")


def test_an_image_too_small_for_the_network_is_one_line() -> None:
    with pytest.raises(
        ConfigError, match=r"backbone 'inception_v3' cannot take images of 32 pixels"
    ) as caught:
        backbone("inception_v3", 32, small_stem="off")
    assert "\n" not in str(caught.value)

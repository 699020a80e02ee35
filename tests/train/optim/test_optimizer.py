"""Learning rates and weight decay of each parameter."""

from __future__ import annotations

from typing import Any

import pytest
import timm
import torch
from timm.optim import param_groups_layer_decay

from kaggle_face.config import MarginConfig, ModelConfig, OptimConfig
from kaggle_face.model.network import FaceNetwork, create_network
from kaggle_face.train.optim.optimizer import create_fold_optimizer, parameter_groups, set_backbone_trainable


def network(backbone: str = "resnet10t") -> FaceNetwork:
    options = {"channels": [8, 8, 16, 16], "stem_width": 8} if backbone == "resnet10t" else {}
    model = ModelConfig(backbone=backbone, backbone_options=options, embedding_size=8)
    return create_network(model, MarginConfig(), num_classes=3, image_size=32)


def scales(faces: FaceNetwork, config: OptimConfig) -> dict[str, float]:
    names = {id(parameter): name for name, parameter in faces.named_parameters()}
    return {
        names[id(parameter)]: group.get("lr_scale", 1.0)
        for group in parameter_groups(faces, config)
        for parameter in group["params"]
    }


def test_every_parameter_is_in_one_group_and_vectors_are_not_decayed() -> None:
    faces = network()
    groups = parameter_groups(faces, OptimConfig(weight_decay=0.1))
    counted = [parameter for group in groups for parameter in group["params"]]
    assert len(counted) == len({id(p) for p in counted}) == len(list(faces.parameters()))
    for group in groups:
        assert all((p.ndim < 2) == (group["weight_decay"] == 0.0) for p in group["params"])


def test_layer_decay_lowers_the_rate_towards_the_image() -> None:
    found = scales(network(), OptimConfig(layer_decay=0.5))
    # timm divides this network into stem and four blocks; neck and head are above them.
    assert found["backbone.body.conv1.0.weight"] == 0.5**5
    assert found["backbone.body.layer1.0.conv1.weight"] == 0.5**4
    assert found["backbone.body.layer4.0.conv1.weight"] == 0.5
    assert found["head.weight_CD"] == found["neck.0.weight"] == 1.0


def timms_groups(backbone: str, decay: float) -> dict[str, tuple[float, float]]:
    """The factor and the weight decay of each parameter of timm's whole network, by timm's own function."""
    with torch.device("meta"):
        whole = timm.create_model(backbone, num_classes=3)
    group_of = {
        id(parameter): (group["lr_scale"], group["weight_decay"])
        for group in param_groups_layer_decay(whole, weight_decay=0.05, layer_decay=decay)
        for parameter in group["params"]
    }
    return {name: group_of[id(parameter)] for name, parameter in whole.named_parameters()}


FAMILIES = ("convnext_atto", "efficientnet_lite0", "mobilenetv3_small_050", "regnetx_002", "repvgg_a0")
FAMILIES += ("resnet18d", "swin_tiny_patch4_window7_224", "vit_tiny_patch16_224")
RELATIVES = ("convnextv2_atto", "edgenext_xx_small", "fastvit_t8", "mobilenetv2_050")
RELATIVES += ("mobilenetv4_conv_small_035", "mobileone_s0", "resnet10t", "tf_mobilenetv3_small_minimal_100")


@pytest.mark.parametrize(
    "backbone", [*FAMILIES, *(pytest.param(name, marks=pytest.mark.slow) for name in RELATIVES)]
)
def test_layer_decay_gives_the_groups_of_timm(backbone: str) -> None:
    config = OptimConfig(layer_decay=0.8, weight_decay=0.05)
    expected = timms_groups(backbone, 0.8)
    with torch.device("meta"):
        body = timm.create_model(backbone, num_classes=0, global_pool="")
    faces = network("resnet10t")
    faces.backbone.body = body
    names = {id(parameter): name for name, parameter in body.named_parameters()}
    found = {
        names[id(parameter)]: (group.get("lr_scale", 1.0), group["weight_decay"])
        for group in parameter_groups(faces, config)
        for parameter in group["params"]
        if id(parameter) in names
    }
    assert len(found) > 20
    assert found == {name: pytest.approx(expected[name]) for name in found}


def test_what_follows_the_last_block_learns_as_fast_as_the_classifier() -> None:
    rates = scales(network("convnext_atto"), OptimConfig(layer_decay=0.8))
    assert rates["backbone.body.head.norm.weight"] == rates["head.weight_CD"] == 1.0
    assert rates["backbone.body.stages.3.blocks.1.norm.weight"] == pytest.approx(0.8)
    rates = scales(network("mobilenetv3_small_050"), OptimConfig(layer_decay=0.8))
    assert rates["backbone.body.conv_head.weight"] == 1.0
    last = [rate for name, rate in rates.items() if name.startswith("backbone.body.blocks.5.")]
    assert last == pytest.approx([0.8] * 3)


@pytest.mark.parametrize(
    ("backbone", "first", "middle", "last", "depths"),
    [
        ("mobilefacenet", "stem.conv.weight", "blocks.3.expand.conv.weight", "head.conv.weight", 18),
        ("iresnet18", "stem.conv.weight", "stages.1.0.conv1.weight", "bn.weight", 10),
        ("shufflenetv2_x0_5", "conv1.0.weight", "stage3.0.branch1.0.weight", "conv5.0.weight", 18),
    ],
)
def test_own_networks_are_divided_by_blocks(
    backbone: str, first: str, middle: str, last: str, depths: int
) -> None:
    found = scales(network(backbone), OptimConfig(layer_decay=0.9))
    rates = [found[f"backbone.body.{name}"] for name in (first, middle, last)]
    assert rates[0] < rates[1] < rates[2] == pytest.approx(0.9)
    assert rates[0] == pytest.approx(0.9**depths)


def test_neck_and_head_may_have_a_rate_of_their_own() -> None:
    found = scales(network(), OptimConfig(head_lr_factor=10.0))
    outside = {name: scale for name, scale in found.items() if not name.startswith("backbone.")}
    assert set(outside.values()) == {10.0}
    assert {scale for name, scale in found.items() if name not in outside} == {1.0}


def test_the_optimiser_keeps_the_factors() -> None:
    optimizer = create_fold_optimizer(network(), OptimConfig(layer_decay=0.5, name="adamw", lr=1e-3))
    groups: list[dict[str, Any]] = optimizer.param_groups
    assert {group.get("lr_scale", 1.0) for group in groups} == {1.0, *(0.5**power for power in range(1, 6))}


def test_a_frozen_backbone_learns_nothing_and_keeps_its_statistics() -> None:
    faces = network().train()
    set_backbone_trainable(faces, False)
    before = {name: tensor.clone() for name, tensor in faces.state_dict().items()}
    optimizer = create_fold_optimizer(faces, OptimConfig())
    faces(torch.randn(4, 3, 32, 32)).square().sum().backward()
    optimizer.step()
    moved = {name for name, tensor in faces.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved and not any(name.startswith("backbone.") for name in moved)
    set_backbone_trainable(faces, True)
    assert all(parameter.requires_grad for parameter in faces.parameters())

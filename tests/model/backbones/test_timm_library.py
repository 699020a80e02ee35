"""Pretrained weights through timm, and its optimisers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from kaggle_face.config import ModelConfig, OptimConfig
from kaggle_face.errors import ConfigError
from kaggle_face.model.backbones import timm_library
from kaggle_face.model.backbones.build import create_backbone
from kaggle_face.model.backbones.timm_library import create_optimizer


def test_pretrained_weights_come_from_the_file_that_the_options_name(tmp_path: Path) -> None:
    published = timm.create_model("test_resnet", num_classes=1000).state_dict()
    save_file(published, tmp_path / "weights.safetensors")
    options = {"pretrained_cfg_overlay": {"file": str(tmp_path / "weights.safetensors")}}
    config = ModelConfig(backbone="test_resnet", pretrained=True, backbone_options=options)
    ours = create_backbone(config, 32).body.state_dict()
    assert all(torch.equal(ours[name], published[name]) for name in ours)
    assert set(published) - set(ours) == {"fc.weight", "fc.bias"}


def test_an_unreachable_hub_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    build = timm.create_model

    def without_network(name: str, pretrained: bool, **arguments: Any) -> nn.Module:
        if pretrained:
            raise ConnectionError("cannot reach the hub\nTraceback of many lines")
        module: nn.Module = build(name, **arguments)
        return module

    monkeypatch.setattr(timm_library.timm, "create_model", without_network)
    with pytest.raises(ConfigError, match=r"\(cannot reach the hub\).*set model\.weights=FILE") as caught:
        create_backbone(ModelConfig(backbone="test_resnet", pretrained=True), 32)
    assert "\n" not in str(caught.value)


def test_a_network_for_the_weights_of_a_run_asks_no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(timm_library, "_build_pretrained", forbidden)
    create_backbone(ModelConfig(backbone="test_resnet", pretrained=True), 32, load_weights=False)


def weights() -> list[nn.Parameter]:
    return [nn.Parameter(torch.zeros(3))]


def test_plain_sgd_has_no_nesterov_momentum_unless_asked() -> None:
    group = create_optimizer(weights(), OptimConfig(name="sgd", lr=0.1, momentum=0.8)).param_groups[0]
    assert (group["nesterov"], group["momentum"], group["lr"]) == (False, 0.8, 0.1)
    asked = create_optimizer(weights(), OptimConfig(name="sgd", nesterov=True)).param_groups[0]
    assert asked["nesterov"]


def test_groups_keep_their_own_weight_decay() -> None:
    groups = [{"params": weights()}, {"params": weights(), "weight_decay": 0.0}]
    optimizer = create_optimizer(groups, OptimConfig(name="adamw", weight_decay=0.05, betas=(0.9, 0.95)))
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.05, 0.0]
    assert optimizer.param_groups[0]["betas"] == (0.9, 0.95)


def test_options_reach_the_optimizer() -> None:
    optimizer = create_optimizer(weights(), OptimConfig(name="adamw", options={"amsgrad": True}))
    assert optimizer.param_groups[0]["amsgrad"]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (OptimConfig(name="adamm"), r"unknown optimiser 'adamm' \(optim\.name\); did you mean 'adam'"),
        (OptimConfig(name="sgd", betas=(0.9, 0.99)), r"optim\.betas has no meaning for optimiser 'sgd'"),
        (OptimConfig(name="adamw", options={"speed": 9}), "optimiser 'adamw' cannot be built: .*speed"),
    ],
)
def test_a_wrong_optimizer_is_one_line(config: OptimConfig, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        create_optimizer(weights(), config)

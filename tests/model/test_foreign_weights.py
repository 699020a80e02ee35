"""Weights of other programs, in their many wrappings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

from kaggle_face.config import ModelConfig
from kaggle_face.errors import ConfigError
from kaggle_face.model.backbones import Backbone, create_backbone
from kaggle_face.model.foreign_weights import load_backbone_weights
from kaggle_face.model.network import FaceNetwork
from kaggle_face.model.weights import save_weights

Build = Callable[..., FaceNetwork]


def backbone(name: str = "test_resnet", size: int = 32, **settings: Any) -> Backbone:
    return create_backbone(ModelConfig(backbone=name, **settings), size)


def published(name: str = "test_resnet") -> dict[str, Tensor]:
    """What a foreign file holds: the backbone and its classifier."""
    state: dict[str, Tensor] = timm.create_model(name, num_classes=10).state_dict()
    return state


def assert_holds(ours: Backbone, theirs: dict[str, Tensor]) -> None:
    state = ours.body.state_dict()
    assert all(torch.equal(state[name], theirs[name]) for name in state)


@pytest.mark.parametrize("suffix", ["safetensors", "pth", "pt", "bin"])
@pytest.mark.parametrize("prefix", ["", "module.", "backbone."])
def test_a_foreign_file_is_loaded_without_its_classifier(tmp_path: Path, suffix: str, prefix: str) -> None:
    theirs, file = published(), tmp_path / f"w.{suffix}"
    named = {prefix + name: tensor for name, tensor in theirs.items()}
    if suffix == "safetensors":
        save_file(named, file)
    else:
        torch.save(named, file)
    ours = backbone()
    report = load_backbone_weights(ours, file)
    assert_holds(ours, theirs)
    assert sorted(report.ignored) == [prefix + "fc.bias", prefix + "fc.weight"]
    assert not report.by_order


@pytest.mark.parametrize("wrapping", ["state_dict", "model", "network"])
def test_a_checkpoint_is_unwrapped(tmp_path: Path, wrapping: str) -> None:
    theirs = published()
    torch.save({"epoch": 3, wrapping: theirs, "optimizer": {"lr": 0.1}}, tmp_path / "w.pth")
    ours = backbone()
    load_backbone_weights(ours, tmp_path / "w.pth")
    assert_holds(ours, theirs)


def test_a_run_of_ours_brings_backbone_and_input_constants(tiny_network: Build, tmp_path: Path) -> None:
    trained = tiny_network()
    trained.backbone.input_mean.copy_(torch.tensor([0.1, 0.2, 0.3]))
    save_weights(trained, tmp_path / "w.safetensors")
    ours = backbone(weights="set")
    load_backbone_weights(ours, tmp_path / "w.safetensors")
    assert torch.equal(ours.input_mean, trained.backbone.input_mean)
    assert_holds(ours, dict(trained.backbone.body.state_dict()))


def test_a_first_kernel_of_7x7_keeps_its_centre_in_3x3(tmp_path: Path) -> None:
    theirs = published("resnet18")
    torch.save(theirs, tmp_path / "w.pth")
    ours = backbone("resnet18")
    load_backbone_weights(ours, tmp_path / "w.pth")
    assert torch.equal(ours.body.state_dict()["conv1.weight"], theirs["conv1.weight"][:, :, 2:5, 2:5])


def test_a_first_kernel_of_3x3_computes_the_same_in_7x7(tmp_path: Path) -> None:
    small = backbone("resnet18")
    save_weights(small.body, tmp_path / "w.safetensors")
    large = backbone("resnet18", weights="set")  # keeps 7x7 for the published weights
    load_backbone_weights(large, tmp_path / "w.safetensors")
    image = torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(large.eval()(image), small.eval()(image))


def renamed(theirs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Other names, in the same order and of the same kind."""
    return {f"_layer{i}.{name.rpartition('.')[2]}": tensor for i, (name, tensor) in enumerate(theirs.items())}


@pytest.mark.parametrize("name", ["test_resnet", "tf_efficientnet_lite0"])
def test_unknown_names_are_matched_by_order(tmp_path: Path, name: str) -> None:
    theirs = published(name)
    torch.save(renamed(theirs), tmp_path / "w.pth")
    ours = backbone(name)
    report = load_backbone_weights(ours, tmp_path / "w.pth")
    assert_holds(ours, theirs)
    assert (report.by_order, len(report.ignored)) == (True, 2)


@pytest.mark.parametrize("change", ["shape", "kind", "missing", "extra"])
def test_a_wrong_order_is_refused(tmp_path: Path, change: str) -> None:
    theirs = renamed(published())
    names = list(theirs)
    match change:
        case "shape":
            theirs[names[9]] = torch.zeros(1, 2, 3)
        case "kind":
            theirs = {name.replace("running_mean", "running_var"): theirs[name] for name in names}
        case "missing":
            theirs = {name: theirs[name] for name in names[:-3]}
        case "extra":
            theirs |= {f"more{i}.weight": torch.zeros(1) for i in range(3)}
    torch.save(theirs, tmp_path / "w.pth")
    with pytest.raises(ConfigError, match=r"does not suit backbone 'test_resnet'.*nor do they by order"):
        load_backbone_weights(backbone(), tmp_path / "w.pth")


def test_the_first_tensor_that_does_not_fit_is_named(tmp_path: Path) -> None:
    theirs = published()
    theirs["layer1.0.conv1.weight"] = torch.zeros(4, 4, 3, 3)
    torch.save(theirs, tmp_path / "w.pth")
    message = r"\d+ of \d+ tensors fit, first that does not: layer1\.0\.conv1\.weight \(file 4x4x3x3, network"
    with pytest.raises(ConfigError, match=message):
        load_backbone_weights(backbone(), tmp_path / "w.pth")


class _Code:
    pass


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("w.pth", _Code(), "is damaged or holds more than tensors"),
        ("w.pth", {"epoch": 3}, "holds no named tensors"),
        ("w.onnx", {"a": torch.zeros(1)}, r"must end in one of \.safetensors, \.pth, \.pt, \.bin"),
    ],
)
def test_a_useless_file_is_one_line(tmp_path: Path, name: str, content: object, message: str) -> None:
    torch.save(content, tmp_path / name)
    with pytest.raises(ConfigError, match=message):
        load_backbone_weights(backbone(), tmp_path / name)

"""Weights of other programs, in their many wrappings."""

from __future__ import annotations

import argparse
import functools
import math
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

from kaggle_face.config import MarginConfig, ModelConfig
from kaggle_face.errors import ConfigError
from kaggle_face.model.backbones.build import Backbone, create_backbone
from kaggle_face.model.network import create_network
from kaggle_face.model.weights.checkpoints import save_weights
from kaggle_face.model.weights.foreign import load_backbone_weights
from tests.support.networks import tiny_network


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


def test_a_run_of_ours_brings_backbone_and_input_constants(tmp_path: Path) -> None:
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


@functools.cache
def insightface(name: str = "iresnet18", size: int = 32) -> dict[str, Tensor]:
    """A checkpoint laid out as insightface's: the body, then fc and features (a norm over the embedding)."""
    torch.manual_seed(7)
    body = backbone(name, size).body
    stages = (part for part in ("layer1", "layer2", "layer3", "layer4"))
    renamed_stages = {str(number): part for number, part in enumerate(stages)}
    theirs: dict[str, Tensor] = {}
    for own, tensor in body.state_dict().items():
        words = ["prelu" if word == "act" else word for word in own.split(".")]
        words = ["downsample" if word == "shortcut" else word for word in words]
        if words[0] == "stem":
            words = [{"conv": "conv1", "bn": "bn1"}.get(words[1], words[1]), *words[2:]]
        elif words[0] == "stages":
            words = [renamed_stages[words[1]], *words[2:]]
        elif words[0] == "bn":
            words = ["bn2", *words[1:]]
        filled = torch.randn(tensor.shape) if tensor.is_floating_point() else tensor + 1
        theirs[".".join(words)] = filled
    tail = torch.nn.ModuleDict({"fc": torch.nn.Linear(8, 4), "features": torch.nn.BatchNorm1d(4)})
    return theirs | dict(tail.state_dict())


@pytest.mark.parametrize("prefix", ["", "backbone.", "module._orig_mod.backbone."])
def test_an_insightface_checkpoint_fits_whole(tmp_path: Path, prefix: str) -> None:
    theirs = insightface()
    assert {"conv1.weight", "layer2.0.downsample.1.running_var", "layer4.1.prelu.weight"} <= theirs.keys()
    torch.save({prefix + name: tensor for name, tensor in theirs.items()}, tmp_path / "w.pth")
    ours = backbone("iresnet18", 32)
    report = load_backbone_weights(ours, tmp_path / "w.pth")
    assert (report.loaded, report.by_order, len(report.ignored)) == (180, False, 7)
    state = ours.body.state_dict()
    assert torch.equal(state["stages.1.0.shortcut.0.weight"], theirs["layer2.0.downsample.0.weight"])
    assert torch.equal(state["bn.running_var"], theirs["bn2.running_var"])
    body = [tensor for name, tensor in theirs.items() if not name.startswith(("fc.", "features."))]
    assert all(torch.equal(own, tensor) for own, tensor in zip(state.values(), body, strict=True))


def test_an_iresnet_of_unknown_names_is_matched_by_order_with_its_fully_connected_end(tmp_path: Path) -> None:
    torch.save(renamed(insightface()), tmp_path / "w.pth")
    report = load_backbone_weights(backbone("iresnet18", 32), tmp_path / "w.pth")
    assert (report.by_order, report.loaded, len(report.ignored)) == (True, 180, 7)


def test_another_depth_of_iresnet_is_refused(tmp_path: Path) -> None:
    torch.save(insightface(), tmp_path / "w.pth")
    with pytest.raises(ConfigError, match=r"of \d+ tensors fit, first that does not: stages\.0\.2\.bn1"):
        load_backbone_weights(backbone("iresnet34", 32), tmp_path / "w.pth")


@pytest.mark.parametrize("name", ["w.ckpt", "w.pth.tar", "W.PTH", "w.bin"])
@pytest.mark.parametrize("is_legacy", [False, True])
def test_a_training_checkpoint_is_read_whatever_lies_beside_the_tensors(
    tmp_path: Path, name: str, is_legacy: bool
) -> None:
    theirs = published()
    beside = {
        "epoch": 3,
        "best_acc": np.float64(0.5),
        "step": np.int64(7),
        "curve": np.arange(3.0),
        "args": argparse.Namespace(lr=0.1, out=PurePosixPath("runs")),
        "optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": np.float32(0.1)}]},
    }
    wrapped = {f"module.{key}": tensor for key, tensor in theirs.items()}
    torch.save({**beside, "net": wrapped}, tmp_path / name, _use_new_zipfile_serialization=not is_legacy)
    ours = backbone()
    report = load_backbone_weights(ours, tmp_path / name)
    assert_holds(ours, theirs)
    assert report.key == "net.module" and not report.by_order


@pytest.mark.parametrize("keys", [("ema",), ("model_ema",), ("state_dict", "net", "backbone"), ("models", 0)])
def test_weights_are_found_at_any_depth(tmp_path: Path, keys: tuple[str | int, ...]) -> None:
    theirs = published()
    content: Any = theirs
    for key in reversed(keys):
        content = [content] if isinstance(key, int) else {key: content, "epoch": 1}
    torch.save(content, tmp_path / "w.pth")
    ours = backbone()
    load_backbone_weights(ours, tmp_path / "w.pth")
    assert_holds(ours, theirs)


def test_two_sets_that_fit_and_differ_are_named_and_one_is_to_be_chosen(tmp_path: Path) -> None:
    torch.manual_seed(1)
    first = published()
    torch.manual_seed(2)
    second = {f"module.{name}": tensor for name, tensor in published().items()}
    torch.save({"model": first, "model_ema": second, "epoch": 3}, tmp_path / "w.pth")
    message = (
        r"w\.pth holds several sets of weights that fit and differ: 'model', 'model_ema\.module'; "
        r"choose one, such as model\.weights_key=model_ema\.module$"
    )
    with pytest.raises(ConfigError, match=message):
        load_backbone_weights(backbone(), tmp_path / "w.pth")
    for key, expected in (("model", first), ("model_ema", second), ("model_ema.module", second)):
        ours = backbone()
        load_backbone_weights(ours, tmp_path / "w.pth", key)
        assert_holds(ours, {name.removeprefix("module."): tensor for name, tensor in expected.items()})
    with pytest.raises(ConfigError, match=r"weights_key=ema names nothing .* 'model', 'model_ema\.module'"):
        load_backbone_weights(backbone(), tmp_path / "w.pth", "ema")


def test_two_sets_under_prefixes_of_one_mapping_are_to_be_chosen_from(tmp_path: Path) -> None:
    torch.manual_seed(1)
    first = published()
    torch.manual_seed(2)
    second = {f"teacher.{name}": tensor for name, tensor in published().items()}
    save_file(first | second, tmp_path / "w.safetensors")
    with pytest.raises(ConfigError, match=r"'\.', 'teacher'; choose one"):
        load_backbone_weights(backbone(), tmp_path / "w.safetensors")
    ours = backbone()
    load_backbone_weights(ours, tmp_path / "w.safetensors", ".")
    assert_holds(ours, first)


def test_the_same_set_twice_needs_no_choice(tmp_path: Path) -> None:
    theirs = published()
    torch.save({"model": theirs, "ema": {n: t.clone() for n, t in theirs.items()}}, tmp_path / "w.pth")
    ours = backbone()
    load_backbone_weights(ours, tmp_path / "w.pth")
    assert_holds(ours, theirs)


def test_a_key_without_a_file_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"model\.weights_key=ema needs a file: set model\.weights"):
        create_network(ModelConfig(backbone="test_resnet", weights_key="ema"), MarginConfig(), 3, 32)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_not_finite_are_refused_by_name(tmp_path: Path, value: float) -> None:
    theirs = published()
    theirs["layer2.0.conv1.weight"][0, 0, 0, 0] = value
    torch.save({"state_dict": theirs}, tmp_path / "w.pth")
    message = r"w\.pth holds weights that are not finite, first: layer2\.0\.conv1\.weight of 'state_dict'"
    with pytest.raises(ConfigError, match=message):
        load_backbone_weights(backbone(), tmp_path / "w.pth")


def test_quantised_weights_are_not_taken_for_numbers(tmp_path: Path) -> None:
    theirs = {name: t.to(torch.int8) if t.ndim == 4 else t for name, t in published().items()}
    torch.save(theirs, tmp_path / "w.pth")
    with pytest.raises(ConfigError, match=r"tensors fit, first that does not: conv1"):
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

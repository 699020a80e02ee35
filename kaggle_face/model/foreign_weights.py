"""Weights of other programs for a backbone: their wrappings, their names, and what of them fits."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from kaggle_face.errors import ConfigError, InputError
from kaggle_face.model.backbones import Backbone
from kaggle_face.model.weights import Tensors, fit_line

_TORCH_SUFFIXES = (".pth", ".pt", ".bin")
_WRAPPINGS = ("state_dict", "model", "model_state_dict", "network", "backbone")
_COUNTER = "num_batches_tracked"
# A classifier that follows the backbone in the order of a file: its weight and its bias.
_MOST_CLASSIFIER_TENSORS = 2


@dataclass(frozen=True)
class WeightsReport:
    """What a file of weights brought.

    Attributes:
        loaded: Tensors of the backbone that were set.
        ignored: Names in the file that the backbone does not have, such as the classifier's.
        by_order: Whether names did not fit and the tensors were matched by order, kind and shape.
    """

    loaded: int
    ignored: tuple[str, ...] = ()
    by_order: bool = False


def load_backbone_weights(backbone: Backbone, path: Path) -> WeightsReport:
    """Sets the weights of a backbone from a local file: `.safetensors`, `.pth`, `.pt` or `.bin`.

    Names may carry a prefix (`module.`, `backbone.`) or lie under a key such as `state_dict`. A first
    convolution of another kernel size is cut or filled up with zeros around its centre. Where no name fits,
    the tensors are matched by order, if kind and shape of each agree. Files of our own runs bring the
    constants of the input too.

    Raises:
        ConfigError: The file is missing, damaged, or does not fit; the first misfit is named.
    """
    tensors = _read_foreign(path)
    own = dict(backbone.body.state_dict())
    prefix = _best_prefix(tensors, own)
    named = {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    if not set(named) & set(own):
        return _load_by_order(backbone, path, tensors)
    fitting = {name: fit for name in own if (fit := _fitted(backbone, name, named.get(name))) is not None}
    missing = [name for name in own if name not in fitting and not name.endswith(_COUNTER)]
    if missing:
        raise _does_not_fit(path, backbone, fit_line(own, named, missing[0], len(own) - len(missing)))
    backbone.body.load_state_dict(fitting, strict=False)
    _take_input_constants(backbone, tensors, prefix)
    ignored = tuple(name for name in tensors if name[len(prefix) :] not in own)
    return WeightsReport(len(fitting), ignored)


def _read_foreign(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise ConfigError(f"model.weights: there is no file {path}")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        if path.suffix in _TORCH_SUFFIXES:
            return _unwrap(path, torch.load(path, map_location="cpu", weights_only=True))
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise ConfigError(
            f"model.weights: {path} is damaged or holds more than tensors; save its state_dict alone"
        ) from error
    known = ", ".join((".safetensors", *_TORCH_SUFFIXES))
    raise ConfigError(f"model.weights: {path} must end in one of {known}")


def _unwrap(path: Path, content: object) -> dict[str, Tensor]:
    while isinstance(content, Mapping):
        inner = next((content[key] for key in _WRAPPINGS if isinstance(content.get(key), Mapping)), None)
        if inner is None:
            tensors = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
            if tensors:
                return tensors
            break
        content = inner
    raise ConfigError(f"model.weights: {path} holds no named tensors; save a state_dict")


def _best_prefix(tensors: Tensors, own: Tensors) -> str:
    """The prefix that, taken off the file's names, makes the most of them fit."""
    first = next(iter(own))
    prefixes = {"", *(name[: -len(first)] for name in tensors if name.endswith("." + first))}
    return max(sorted(prefixes), key=lambda prefix: sum(prefix + name in tensors for name in own))


def _fitted(backbone: Backbone, name: str, tensor: Tensor | None) -> Tensor | None:
    """The tensor as the backbone's `name` takes it, or None."""
    own = backbone.body.state_dict()[name]
    if tensor is None or tensor.shape == own.shape:
        return tensor
    is_first_conv = name.removesuffix(".weight") in backbone.first_convs
    if is_first_conv and tensor.ndim == 4 and tensor.shape[:2] == own.shape[:2]:
        return _resized_kernel(tensor, own)
    return None


def _resized_kernel(kernel: Tensor, like: Tensor) -> Tensor:
    """A square kernel of odd size, cut or filled up with zeros around its centre; None fits even sizes."""
    padding = (like.shape[-1] - kernel.shape[-1]) // 2
    return nn.functional.pad(kernel, (padding,) * 4)


def _load_by_order(backbone: Backbone, path: Path, tensors: Tensors) -> WeightsReport:
    own = dict(backbone.body.state_dict())
    if not any(name.endswith(_COUNTER) for name in tensors):
        own = {name: tensor for name, tensor in own.items() if not name.endswith(_COUNTER)}
    fitting: dict[str, Tensor] = {}
    for name, theirs in zip(own, tensors, strict=False):
        fit = _fitted(backbone, name, tensors[theirs])
        if fit is None or _kind(name) != _kind(theirs):
            break
        fitting[name] = fit
    ignored = tuple(tensors)[len(own) :]
    if len(fitting) < len(own) or len(ignored) > _MOST_CLASSIFIER_TENSORS:
        first = list(own)[min(len(fitting), len(own) - 1)]
        raise _does_not_fit(path, backbone, fit_line(own, {}, first, 0) + ", nor do they by order")
    backbone.body.load_state_dict(fitting, strict=False)
    return WeightsReport(len(fitting), ignored, by_order=True)


def _kind(name: str) -> str:
    return name.rpartition(".")[2]


def _take_input_constants(backbone: Backbone, tensors: Tensors, prefix: str) -> None:
    outer = prefix.removesuffix("body.")
    for name in ("input_mean", "input_std"):
        if outer != prefix and outer + name in tensors:
            getattr(backbone, name).copy_(tensors[outer + name])


def _does_not_fit(path: Path, backbone: Backbone, line: str) -> InputError:
    return ConfigError(f"model.weights: {path} does not suit backbone '{backbone.name}': {line}")

"""Weights of other programs for a backbone: which set of tensors fits it, under which names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from kaggle_face.errors import ConfigError
from kaggle_face.model.backbones.build import Backbone
from kaggle_face.model.weights.checkpoints import Tensors, first_not_finite, fit_line
from kaggle_face.model.weights.foreign_files import TensorSets, read_tensor_sets

_COUNTER = "num_batches_tracked"
# A classifier that follows the backbone in the order of a file: its weight and its bias.
_MOST_CLASSIFIER_TENSORS = 2
_TOP = "."
"""The key of tensors that lie in the file itself, without a prefix."""

_INSIGHTFACE = (
    (r"^stem\.conv\.", "conv1."),
    (r"^stem\.bn\.", "bn1."),
    (r"^stem\.act\.", "prelu."),
    (r"^bn\.", "bn2."),
    (r"^stages\.(\d)\.", lambda found: f"layer{int(found[1]) + 1}."),
    (r"\.act\.", ".prelu."),
    (r"\.shortcut\.", ".downsample."),
)
"""Our names of an IResNet's parts, and those of insightface's `arcface_torch`."""

Rename = Callable[[str], str]


@dataclass(frozen=True)
class WeightsReport:
    """The tensors that were loaded from a file of weights, and those that were not.

    Attributes:
        loaded: Tensors of the backbone that were set.
        ignored: Names in the file that the backbone does not have, such as the classifier's.
        by_order: Whether names did not fit and the tensors were matched by order, kind and shape.
        key: Where in the file they lay: keys and prefix, joined by dots.
    """

    loaded: int
    ignored: tuple[str, ...] = ()
    by_order: bool = False
    key: str = _TOP


@dataclass(frozen=True, eq=False)
class _Match:
    """Tensors that fit a backbone, by its own names, and the names of all others that lie beside them."""

    key: str
    tensors: Tensors
    ignored: tuple[str, ...]
    by_order: bool = False


@dataclass(frozen=True, eq=False)
class _Body:
    """The expected tensors of a backbone, and the spellings of their names in files."""

    own: Tensors
    first_convs: tuple[str, ...]
    spellings: tuple[Rename, ...]

    @classmethod
    def of(cls, backbone: Backbone) -> _Body:
        """That of a backbone."""
        spellings = (_same, _by_insightface) if backbone.name.startswith("iresnet") else (_same,)
        return cls(backbone.body.state_dict(), tuple(backbone.first_convs), spellings)

    def fitted(self, name: str, tensor: Tensor | None) -> Tensor | None:
        """The tensor as the backbone's `name` takes it, or None."""
        own = self.own[name]
        if tensor is None or tensor.is_meta or tensor.layout != torch.strided:
            return None
        if tensor.is_floating_point() != own.is_floating_point() or tensor.is_complex():
            return None  # such as quantised weights, which mean something else
        if tensor.shape == own.shape:
            return tensor
        is_first_conv = name.removesuffix(".weight") in self.first_convs
        if is_first_conv and tensor.ndim == 4 and tensor.shape[:2] == own.shape[:2]:
            padding, rest = divmod(own.shape[-1] - tensor.shape[-1], 2)
            if rest or tensor.shape[-1] != tensor.shape[-2] or tensor.shape[-1] % 2 == 0:
                return None
            return nn.functional.pad(tensor, (padding,) * 4)
        return None

    def fitting(self, named: Tensors, prefix: str, rename: Rename) -> dict[str, Tensor]:
        """The tensors of a file that fit, by the backbone's names."""
        fits = ((name, self.fitted(name, named.get(prefix + rename(name)))) for name in self.own)
        return {name: fit for name, fit in fits if fit is not None}

    def missing(self, fitting: Tensors) -> list[str]:
        """The names without a tensor; batch counters may be missing."""
        return [name for name in self.own if name not in fitting and not name.endswith(_COUNTER)]


def load_backbone_weights(backbone: Backbone, path: Path, key: str | None = None) -> WeightsReport:
    """Sets the weights of a backbone from a local file: safetensors, or one of `torch.save`.

    Names may carry a prefix (`module.`, `backbone.`) and lie under keys (`state_dict`, `model_ema`), at any
    depth; an IResNet may have insightface's names. A first convolution of another kernel size is cut or
    filled up with zeros around its centre. Where no name fits, the tensors are matched by order, if kind and
    shape of each agree. Files of our own runs bring the constants of the input too.

    Args:
        backbone: Takes the weights.
        path: The file; nothing of it is executed.
        key: `model.weights_key`: the keys and the prefix of the set to take, where several fit and differ.

    Raises:
        ConfigError: The file is missing, damaged, does not fit (the first misfit is named), holds several
            sets that fit, or numbers that are not finite.
    """
    sets = read_tensor_sets(path)
    named = {
        f"{outer}.{name}" if outer else name: tensor
        for outer, tensors in sets.items()
        for name, tensor in tensors.items()
    }
    body = _Body.of(backbone)
    matches = list(_matches_by_name(body, named)) or list(_matches_by_order(body, sets))
    if not matches:
        raise ConfigError(
            f"model.weights: {path} does not suit backbone '{backbone.name}': {_misfit(body, named)}"
        )
    chosen = _chosen(matches, path, key)
    wrong = first_not_finite(chosen.tensors)
    if wrong is not None:
        raise ConfigError(
            f"model.weights: {path} holds weights that are not finite, first: {wrong} of "
            f"'{chosen.key}'; its training diverged: use another file or an earlier checkpoint"
        )
    backbone.body.load_state_dict(chosen.tensors, strict=False)
    outer = chosen.key.removesuffix("body")
    for name in ("input_mean", "input_std"):
        if outer != chosen.key and outer + name in named:
            getattr(backbone, name).copy_(named[outer + name])
    return WeightsReport(len(chosen.tensors), chosen.ignored, chosen.by_order, chosen.key)


def _matches_by_name(body: _Body, named: Tensors) -> Iterator[_Match]:
    for rename in body.spellings:
        for prefix in _prefixes(body, named, rename):
            fitting = body.fitting(named, prefix, rename)
            if not body.missing(fitting):
                used = {prefix + rename(name) for name in body.own}
                container = prefix[: prefix.find(".") + 1]
                beside = (name for name in named if name.startswith(container))
                ignored = tuple(name for name in beside if name not in used)
                yield _Match(prefix.removesuffix(".") or _TOP, fitting, ignored)


def _same(name: str) -> str:
    return name


def _by_insightface(name: str) -> str:
    for pattern, other in _INSIGHTFACE:
        name = re.sub(pattern, other, name)
    return name


def _prefixes(body: _Body, named: Tensors, rename: Rename) -> list[str]:
    """The prefixes of a backbone's first names, wherever both are in the file."""
    first, second = (rename(name) for name in list(body.own)[:2])
    found = (name for name in named if name == first or name.endswith("." + first))
    prefixes = dict.fromkeys(name[: len(name) - len(first)] for name in found)
    return [prefix for prefix in prefixes if prefix + second in named]


def _matches_by_order(body: _Body, sets: TensorSets) -> Iterator[_Match]:
    for key, tensors in sets.items():
        own = list(body.own)
        if not any(name.endswith(_COUNTER) for name in tensors):
            own = [name for name in own if not name.endswith(_COUNTER)]
        fitting = {}
        for name, theirs in zip(own, tensors, strict=False):
            fit = body.fitted(name, tensors[theirs])
            if fit is None or _kind(name) != _kind(theirs):
                break
            fitting[name] = fit
        ignored = tuple(tensors)[len(own) :]
        if len(fitting) == len(own) and _is_tail([tensors[name] for name in ignored]):
            yield _Match(key or _TOP, fitting, ignored, by_order=True)


def _is_tail(tensors: Sequence[Tensor]) -> bool:
    """Whether the tensors behind a backbone are a classifier, or dense layers with normalisation."""
    if len(tensors) <= _MOST_CLASSIFIER_TENSORS:
        return True
    rows = 0
    for tensor in tensors:
        if tensor.ndim == 2:
            rows = len(tensor)
        elif tensor.ndim > 2 or (tensor.ndim == 1 and len(tensor) != rows):
            return False
    return tensors[0].ndim == 2


def _kind(name: str) -> str:
    return name.rpartition(".")[2]


def _chosen(matches: Sequence[_Match], path: Path, key: str | None) -> _Match:
    if key is not None:
        wanted = [match for match in matches if match.key == key]
        wanted = wanted or [match for match in matches if match.key.startswith(key + ".")]
        if not wanted:
            raise ConfigError(
                f"model.weights_key={key} names nothing in {path} that fits; what fits is {_listed(matches)}"
            )
        matches = wanted
    first = matches[0]
    tensors = first.tensors
    if any(
        tensors.keys() != match.tensors.keys()
        or any(not torch.equal(tensors[name], match.tensors[name]) for name in tensors)
        for match in matches[1:]
    ):
        raise ConfigError(
            f"model.weights: {path} holds several sets of weights that fit and differ: {_listed(matches)}; "
            f"choose one, such as model.weights_key={matches[-1].key}"
        )
    return first


def _listed(matches: Sequence[_Match]) -> str:
    return ", ".join(f"'{match.key}'" for match in matches)


def _misfit(body: _Body, named: Tensors) -> str:
    """The spelling and prefix that come nearest, and the first tensor that does not fit."""
    tries = [
        (rename, prefix)
        for rename in body.spellings
        for prefix in dict.fromkeys(["", *_prefixes(body, named, rename)])
    ]
    rename, prefix = max(tries, key=lambda each: len(body.fitting(named, each[1], each[0])))
    missing = body.missing(body.fitting(named, prefix, rename))
    theirs = {name: named[prefix + rename(name)] for name in body.own if prefix + rename(name) in named}
    line = fit_line(body.own, theirs, missing[0], len(body.own) - len(missing) if theirs else 0)
    return line if theirs else f"{line}, nor do they by order"

"""timm's backbones, optimisers and loader; the only file that imports timm."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import timm
import torch
from timm.layers import convert_sync_batchnorm  # type: ignore[attr-defined] # re-exported silently
from timm.optim import (  # type: ignore[attr-defined] # re-exported silently
    Lookahead,
    create_optimizer_v2,
    get_optimizer_info,
    list_optimizers,
)
from torch import nn, optim

from kaggle_face.config import OptimConfig
from kaggle_face.errors import ConfigError, nearest_hint
from kaggle_face.model.backbones.body import NETWORK_REFUSALS, PLAIN_MEAN, PLAIN_STD, Body

_OURS_TO_SET = ("num_classes", "global_pool", "in_chans", "features_only", "pretrained")
_NESTEROV_IS_A_CHOICE = ("sgd", "sgdw", "sgdp")
_FUSED = ("sgd", "adam", "adamw")
"""Optimisers of torch that update all weights in one call: on one core 2 and 5 times as fast as in a loop."""
_FUSED_ON_GPU = ("adagrad",)
"""Others of torch, whose update in one call has other digits on a CPU than the loop."""
_OTHER_LOOPS = frozenset(("foreach", "fused", "differentiable"))


def backbone_names() -> list[str]:
    """The names of timm's backbones, without their tags of weights."""
    names: list[str] = timm.list_models()
    return names


def is_backbone(name: str) -> bool:
    """Whether timm has the backbone; `hf-hub:` and `local-dir:` names are left for it to look up."""
    return ":" in name or bool(timm.is_model(name))


def license_of_weights(name: str) -> str | None:
    """The licence of a backbone's published weights, as timm names it; None where it names none."""
    if not is_backbone(name) or ":" in name:
        return None
    try:
        known = timm.get_pretrained_cfg(name)
    except RuntimeError:
        return None
    return getattr(known, "license", None) or None


def create_body(
    name: str, options: Mapping[str, Any], drop_path: float, image_size: int, pretrained: bool
) -> Body:
    """A timm backbone without pooling and classifier.

    Args:
        name: One that `is_backbone` knows, with a tag of weights or without.
        options: Handed to timm's `create_model`.
        drop_path: Rate of stochastic depth; 0 hands nothing on.
        image_size: Pixels; only backbones of a fixed image size take it.
        pretrained: Whether to load timm's published weights, from its hub or the file that the options name.

    Raises:
        ConfigError: The backbone does not take an option or stochastic depth, or its weights do not come.
    """
    taken = [key for key in _OURS_TO_SET if key in options]
    if taken:
        raise ConfigError(f"model.backbone_options cannot set '{taken[0]}'; kaggle-face sets it itself")
    arguments = dict(options)
    if drop_path > 0.0:
        arguments["drop_path_rate"] = drop_path
    is_fixed = _has_fixed_size(name)
    if is_fixed:
        arguments.setdefault("img_size", image_size)
    module, arguments = _build_untrained(name, arguments, options)
    if pretrained:
        module = _build_pretrained(name, arguments)
    return _describe(name, module, takes_any_size=not is_fixed)


def _has_fixed_size(name: str) -> bool:
    if ":" in name:
        return False
    try:
        known = timm.get_pretrained_cfg(name)
    except RuntimeError as error:
        architecture, _, tag = name.partition(".")
        tags = [each.partition(".")[2] for each in timm.list_pretrained(architecture + ".*")]
        hint = nearest_hint(tag, tags) or f"; there are: {', '.join(tags) or 'none'}"
        raise ConfigError(f"backbone '{architecture}' has no weights called '{tag}'{hint}") from error
    return bool(known is not None and known.fixed_input_size)


def _build_untrained(
    name: str, arguments: dict[str, Any], options: Mapping[str, Any]
) -> tuple[nn.Module, dict[str, Any]]:
    """The module with fresh weights, and the arguments that it accepted."""
    try:
        return _call_timm(name, arguments, pretrained=False), arguments
    except (*NETWORK_REFUSALS, OSError) as error:
        found = re.search(r"unexpected keyword argument '(\w+)'", str(error))
        refused = found[1] if found else None
        if refused == "img_size" and refused not in options:
            fewer = {key: value for key, value in arguments.items() if key != refused}
            return _build_untrained(name, fewer, options)
        raise ConfigError(_explain(name, refused, error, options)) from error


def _call_timm(name: str, arguments: Mapping[str, Any], pretrained: bool) -> nn.Module:
    try:
        module: nn.Module = timm.create_model(
            name, pretrained=pretrained, num_classes=0, global_pool="", **arguments
        )
    except AssertionError as error:
        if "disable pooling" not in str(error):
            raise
        module = timm.create_model(name, pretrained=pretrained, num_classes=0, **arguments)
        module.head = nn.Identity()  # inception_next: its pooled head gives no map
    return module


def _build_pretrained(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    try:
        return _call_timm(name, arguments, pretrained=True)
    except Exception as error:  # the hub's clients raise what they like
        raise ConfigError(
            f"the pretrained weights of backbone '{name}' do not come ({_first_line(error).split('. ')[0]}); "
            "fetch them elsewhere and set model.weights=FILE, or model.pretrained=false"
        ) from error


def _explain(name: str, refused: str | None, error: Exception, options: Mapping[str, Any]) -> str:
    if refused == "drop_path_rate" and refused not in options:
        return f"backbone '{name}' has no stochastic depth; set model.drop_path=0 or choose another backbone"
    if refused is not None:
        return f"backbone '{name}' does not take the option '{refused}' (model.backbone_options)"
    if not options:
        return f"backbone '{name}' cannot be built: {_first_line(error)}"
    return f"backbone '{name}' cannot be built with these model.backbone_options: {_first_line(error)}"


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _describe(name: str, module: nn.Module, takes_any_size: bool) -> Body:
    known: Mapping[str, Any] = getattr(module, "pretrained_cfg", None) or {}
    first = known.get("first_conv") or ()
    is_vgg = type(module).__name__ == "VGG"
    if is_vgg:  # its two fully connected layers, 120 million parameters, belong to the classifier
        module.pre_logits = nn.Identity()
    return Body(
        module=module,
        first_convs=(first,) if isinstance(first, str) else tuple(first),
        mean=tuple(known.get("mean", PLAIN_MEAN)),
        std=tuple(known.get("std", PLAIN_STD)),
        takes_any_size=takes_any_size,
        features_only=is_vgg or name.startswith("inception_next"),
    )


def layers_above(module: nn.Module) -> dict[str, int] | None:
    """The number of timm's layers between each parameter of its network and the classes, by name.

    0 is the classifier's own layer, to which timm counts what comes after the last block, such as ConvNeXt's
    last norm. None for networks that timm does not divide.
    """
    matcher = getattr(module, "group_matcher", None)
    if matcher is None:
        return None
    depth_of: dict[str, int] = timm.models.group_parameters(
        _WithClassifier(module),  # type: ignore[arg-type] # only its names are read
        matcher(coarse=False),
        reverse=True,
    )
    top = max(depth_of.values())
    return {name: top - depth_of[name] for name, _ in module.named_parameters()}


@dataclass(frozen=True)
class _WithClassifier:
    """The names of a network's parameters and of the classifier that it was built without."""

    module: nn.Module

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter | None]]:
        """The method that timm's grouping calls."""
        yield from self.module.named_parameters()
        known: Mapping[str, Any] = getattr(self.module, "pretrained_cfg", None) or {}
        classifier = known.get("classifier") or "classifier"
        for name in (classifier,) if isinstance(classifier, str) else classifier:
            yield f"{name}.weight", None


def with_sync_batchnorm(network: nn.Module) -> None:
    """Replaces each batch normalisation within a network by torch's SyncBatchNorm of the same tensors.

    timm's own layers that end in an activation keep it.
    """
    convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]


def create_optimizer(
    groups: Iterable[nn.Parameter] | Iterable[dict[str, Any]], config: OptimConfig
) -> optim.Optimizer:
    """The optimiser of the settings for parameters or parameter groups.

    `optim.momentum` reaches the optimisers that have one, `optim.nesterov` the plain momentum ones.

    Raises:
        ConfigError: timm has no such optimiser, or it does not take an option.
    """
    name = config.name.lower()
    kind = name.rpartition("_")[2]  # `lookahead_adam` wraps `adam`
    known = [str(known_name) for known_name in list_optimizers()]
    if kind not in known:
        hint = nearest_hint(name, known)
        raise ConfigError(f"unknown optimiser '{config.name}' (optim.name){hint}")
    arguments = dict(config.options)
    if config.betas is not None:
        if not get_optimizer_info(kind).has_betas:
            raise ConfigError(f"optim.betas has no meaning for optimiser '{config.name}'; set it to null")
        arguments["betas"] = tuple(config.betas)
    if kind in _NESTEROV_IS_A_CHOICE:
        arguments.setdefault("nesterov", config.nesterov)
    if name in _FUSED and not _OTHER_LOOPS & arguments.keys():
        arguments["fused"] = True
    given: list[Any] = list(groups)
    if given and _lie_on_gpu(given):
        arguments = {**_without_host(kind, arguments), **arguments}
    try:
        optimizer: optim.Optimizer = create_optimizer_v2(
            given,
            opt=name,
            lr=config.lr,
            weight_decay=config.weight_decay,
            momentum=config.momentum,
            **arguments,
        )
    except (TypeError, ValueError, AssertionError, ImportError) as error:
        raise ConfigError(f"optimiser '{config.name}' cannot be built: {_first_line(error)}") from error
    _begin_momentum(optimizer)
    return optimizer


def look_ahead(optimizer: optim.Optimizer) -> optim.Optimizer:
    """Timm's Lookahead around an optimiser that is not timm's, as `lookahead_<name>` makes it of its own."""
    around: optim.Optimizer = Lookahead(optimizer)  # type: ignore[no-untyped-call]
    return around


def _lie_on_gpu(groups: list[Any]) -> bool:
    first = groups[0]["params"][0] if isinstance(groups[0], dict) else groups[0]
    return bool(first.device.type == "cuda")


def _without_host(kind: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The options by which an optimiser keeps all of its state on a GPU, so that no step waits for it.

    All of torch's update many weights in one call there by themselves (`foreach`).
    """
    if arguments.get("fused") or "differentiable" in arguments:
        return {}
    if kind in _FUSED_ON_GPU and not _OTHER_LOOPS & arguments.keys():
        return {"fused": True}
    optimizer_class = get_optimizer_info(kind).opt_class
    takes = inspect.signature(optimizer_class).parameters if isinstance(optimizer_class, type) else {}
    return {"capturable": True} if "capturable" in takes else {}


def _begin_momentum(optimizer: optim.Optimizer) -> None:
    """Gives a fused SGD its momentum, zero, before the first step.

    torch 2.15 leaves it uninitialised when the first step is skipped, and cannot begin it for some parameters
    later than for others, as a backbone that is frozen at first needs it.
    """
    if not isinstance(optimizer, optim.SGD):
        return
    for group in optimizer.param_groups:
        if group.get("fused") and group["momentum"] > 0 and group["dampening"] == 0:
            for parameter in group["params"]:
                optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)

"""The optimiser and its groups of parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from kaggle_face.config import OptimConfig
from kaggle_face.model.backbones import timm_library
from kaggle_face.model.backbones.depths import layers_above_parameters
from kaggle_face.model.heads.head import Head
from kaggle_face.model.network import FaceNetwork
from kaggle_face.train.optim.muon import create_muon

_WAYS = ("fused", "foreach", "capturable")
"""Options of an optimiser that change how it computes, and not what."""


def create_fold_optimizer(network: FaceNetwork, config: OptimConfig) -> torch.optim.Optimizer:
    """The optimiser over all trainable parameters; vectors are decayed only where the settings do so."""
    return create_optimizer(parameter_groups(network, config), config)


def create_optimizer(
    groups: Iterable[nn.Parameter] | Iterable[dict[str, Any]], config: OptimConfig
) -> torch.optim.Optimizer:
    """The optimiser of the settings for parameters or groups of them: Muon is our own, all others are timm's.

    Raises:
        ConfigError: There is no such optimiser, or it does not take an option.
    """
    match config.name.lower().rpartition("_"):
        case ("" | "lookahead") as around, _, "muon":
            optimizer = create_muon(groups, config)
            return timm_library.look_ahead(optimizer) if around else optimizer
    return timm_library.create_optimizer(groups, config)


def parameter_groups(network: FaceNetwork, config: OptimConfig) -> list[dict[str, Any]]:
    """Groups of parameters with their weight decay, and `lr_scale` where their rate is not the schedule's.

    Biases and the scales and shifts of normalisation layers (all parameters with fewer than two dimensions)
    are left undecayed (He et al. 2019, section 3.1) unless `optim.decay_norms_and_biases` is set. With
    `optim.layer_decay` the rate falls by that factor from each layer of the backbone to the one below (Clark
    et al. 2020, arXiv:2003.10555, appendix A.2).
    """
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    above = layers_above_parameters(network.backbone) if config.layer_decay < 1.0 else {}
    for name, parameter in network.named_parameters():
        inside = name.removeprefix("backbone.")
        scale = config.head_lr_factor if inside == name else config.layer_decay ** above.get(inside, 0)
        if parameter.requires_grad:
            is_plain = parameter.ndim < 2 and not config.decay_norms_and_biases
            groups.setdefault((scale, is_plain), []).append(parameter)
    return [
        {
            "params": parameters,
            "weight_decay": 0.0 if is_plain else config.weight_decay,
            **({} if scale == 1.0 else {"lr_scale": scale}),
        }
        for (scale, is_plain), parameters in sorted(
            groups.items(), key=lambda item: (-item[0][0], item[0][1])
        )
    ]


def set_backbone_trainable(network: FaceNetwork, trainable: bool) -> None:
    """Lets the backbone learn or not; a frozen one keeps its statistics of batch normalisation too."""
    for parameter in network.backbone.parameters():
        parameter.requires_grad_(trainable)
    if not trainable:
        network.backbone.eval()


def apply_gradients(
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    largest_norm: float | None,
    head: Head | None = None,
) -> Tensor:
    """Updates the weights and drops the gradients; with gradients that are not finite nothing is updated.

    A fused optimiser reads on the device whether to skip the update, so that the host does not wait for it;
    of others see `step_unless`.

    Args:
        optimizer: Of all parameters.
        scaler: What scaled the loss.
        largest_norm: Of the gradient of all parameters, or None.
        head: Where its classes are divided among processes, the norm is that over all of them.

    Returns:
        Whether the update was left out, on the device.
    """
    scaler.unscale_(optimizer)
    parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    norm = _total_norm(parameters, scaler, optimizer, head)
    is_skipped = ~torch.isfinite(norm)
    if largest_norm is not None:
        nn.utils.clip_grads_with_norm_(parameters, largest_norm, norm)
    if not skips_by_itself(optimizer):  # by the scaler each of its steps would wait
        step_unless(optimizer, is_skipped)
    elif scaler.is_enabled():
        scaler.step(optimizer)
    else:
        # As torch's own scaler does with a fused optimiser: torch.amp.GradScaler.step.
        optimizer.grad_scale, optimizer.found_inf = None, is_skipped.float()  # type: ignore[attr-defined]
        optimizer.step()
        del optimizer.grad_scale, optimizer.found_inf  # type: ignore[attr-defined]
    if scaler.is_enabled():
        scaler.update()
    optimizer.zero_grad(set_to_none=True)
    return is_skipped


def _total_norm(
    parameters: list[nn.Parameter],
    scaler: torch.amp.GradScaler,
    optimizer: torch.optim.Optimizer,
    head: Head | None,
) -> Tensor:
    """The norm of all gradients; whether the scaler found one that is not finite is shared along with it."""
    shard = head.shard if head is not None else None
    if head is None or shard is None:
        return nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
    parts = set(head.class_parameters().values())
    shared = nn.utils.get_total_norm([p.grad for p in parameters if p not in parts and p.grad is not None])
    own = nn.utils.get_total_norm([p.grad for p in parts if p.grad is not None])
    found = list(scaler._found_inf_per_device(optimizer).values()) if scaler.is_enabled() else []
    numbers = torch.stack([own.double().square(), *(flag.double().reshape(()) for flag in found)])
    shard.add_up(numbers)
    for flag, number in zip(found, numbers[1:], strict=True):
        flag.fill_(0.0).add_(number.clamp(max=1.0))
    return (shared.double().square() + numbers[0]).sqrt().to(own.dtype)


def step_unless(optimizer: torch.optim.Optimizer, is_skipped: Tensor) -> None:
    """The update of an optimiser without a skip flag; with `is_skipped` nothing changes.

    On a GPU the update is made and taken back on the device, where all that it changes lies there: the host
    does not wait for the flag. It waits at the first step, which creates the state, and at each step of
    optimisers that count in numbers of the host (Lookahead, and most of timm's own without `capturable`):
    such a count could be put back only after the flag was read.
    """
    changed = changed_on_device(optimizer) if is_skipped.device.type == "cuda" else None
    if changed is not None:
        step_and_take_back(optimizer, is_skipped, changed)
    elif not bool(is_skipped):
        optimizer.step()


@torch.no_grad()
def step_and_take_back(
    optimizer: torch.optim.Optimizer, is_skipped: Tensor, changed: list[list[Tensor]]
) -> None:
    """Updates, and restores `changed` (by dtype) where `is_skipped`; both happen on the device."""
    before = [torch.cat([tensor.flatten() for tensor in tensors]) for tensors in changed]
    optimizer.step()
    for tensors, old in zip(changed, before, strict=True):
        new = torch.cat([tensor.flatten() for tensor in tensors])
        parts = torch.split(torch.where(is_skipped, old, new), [tensor.numel() for tensor in tensors])
        torch._foreach_copy_(
            tensors, [part.view(tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]
        )


def changed_on_device(optimizer: torch.optim.Optimizer) -> list[list[Tensor]] | None:
    """The tensors that an update changes, by dtype; None where a part is not there yet or lies elsewhere."""
    by_dtype: dict[torch.dtype, list[Tensor]] = {}
    for group in optimizer.param_groups:
        if any(name.endswith("step") for name in group):
            return None
        for parameter in group["params"]:
            if parameter.grad is None:
                continue
            state = optimizer.state.get(parameter, {})
            values = [value for value in state.values() if value is not None]
            is_known = all(isinstance(value, Tensor) and value.device == parameter.device for value in values)
            if not values or not is_known:
                return None
            for tensor in (parameter, *values):
                by_dtype.setdefault(tensor.dtype, []).append(tensor)
    return list(by_dtype.values())


def load_optimizer_state(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Restores the state of another optimiser of the same parameters on this device.

    Where a training goes on on another kind of device, `fused` and `capturable` are others there.
    """
    own = [{name: group[name] for name in _WAYS if name in group} for group in optimizer.param_groups]
    optimizer.load_state_dict(state)
    for group, ways in zip(optimizer.param_groups, own, strict=True):
        group.update(ways)


def skips_by_itself(optimizer: torch.optim.Optimizer) -> bool:
    """Whether an optimiser skips an update by a flag on the device."""
    return bool(getattr(optimizer, "_step_supports_amp_scaling", False))

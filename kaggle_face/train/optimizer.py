"""Which parameters are updated how."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from kaggle_face.config import OptimConfig
from kaggle_face.model.depths import depths_of_parameters
from kaggle_face.model.network import FaceNetwork
from kaggle_face.model.timm_library import create_optimizer


def create_fold_optimizer(network: FaceNetwork, config: OptimConfig) -> torch.optim.Optimizer:
    """The optimiser over all trainable parameters; vectors are not decayed unless the settings say so."""
    return create_optimizer(parameter_groups(network, config), config)


def parameter_groups(network: FaceNetwork, config: OptimConfig) -> list[dict[str, Any]]:
    """Groups of parameters with their weight decay, and `lr_scale` where their rate is not the schedule's.

    Biases and the scales and shifts of normalisation layers (all parameters with fewer than two dimensions)
    are left undecayed (He et al. 2019, section 3.1) unless `optim.decay_norms_and_biases` is set. With
    `optim.layer_decay` the rate falls by that factor from each layer of the backbone to the one below (Clark
    et al. 2020, arXiv:2003.10555, appendix A.2).
    """
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for parameter, scale in _scaled_parameters(network, config):
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


def _scaled_parameters(network: FaceNetwork, config: OptimConfig) -> Iterator[tuple[nn.Parameter, float]]:
    """Every parameter, and the factor of its learning rate."""
    depth_of = depths_of_parameters(network.backbone) if config.layer_decay < 1.0 else {}
    top = max(depth_of.values(), default=0) + 1
    for name, parameter in network.named_parameters():
        inside = name.removeprefix("backbone.")
        if inside == name:
            yield parameter, config.head_lr_factor
        else:
            yield parameter, config.layer_decay ** (top - depth_of.get(inside, top))

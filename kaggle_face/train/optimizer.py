"""Which parameters are updated how."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from kaggle_face.config import OptimConfig
from kaggle_face.model.timm_library import create_optimizer


def create_fold_optimizer(network: nn.Module, config: OptimConfig) -> torch.optim.Optimizer:
    """The optimiser over all trainable parameters; vectors are not decayed unless the settings say so."""
    return create_optimizer(parameter_groups(network, config), config)


def parameter_groups(network: nn.Module, config: OptimConfig) -> list[dict[str, Any]]:
    """Groups of parameters with their weight decay.

    Biases and the scales and shifts of normalisation layers (all parameters with fewer than two dimensions)
    are left undecayed (He et al. 2019, section 3.1) unless `optim.decay_norms_and_biases` is set.
    """
    decayed: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    for parameter in network.parameters():
        if parameter.requires_grad:
            is_plain = parameter.ndim < 2 and not config.decay_norms_and_biases
            (plain if is_plain else decayed).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]

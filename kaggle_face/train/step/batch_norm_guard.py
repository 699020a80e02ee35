"""Keeps batch normalisation's statistics finite: a forward pass that overflows spoils them for good."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class NormGuard:
    """The running statistics of networks, and a copy of when they were last known to be finite."""

    def __init__(self, networks: Iterable[nn.Module]) -> None:
        self._statistics = [
            tensor
            for network in networks
            for module in network.modules()
            if isinstance(module, _BatchNorm)
            for tensor in (module.running_mean, module.running_var)
            if tensor is not None
        ]
        self._kept = [tensor.clone() for tensor in self._statistics]

    @torch.no_grad()
    def keep(self) -> None:
        """Takes the present statistics for good ones."""
        if self._statistics:
            torch._foreach_copy_(self._kept, self._statistics)

    @torch.no_grad()
    def repair(self) -> None:
        """Puts the kept statistics back where a value is not finite now."""
        for tensor, kept in zip(self._statistics, self._kept, strict=True):
            tensor.copy_(_finite_or(tensor, kept))


def _finite_or(tensor: Tensor, other: Tensor) -> Tensor:
    return torch.where(torch.isfinite(tensor).all(), tensor, other)

"""Compressed gradients, and the state of PowerSGD between steps.

Letters: N processes, L numbers of a bucket of gradients.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributed.algorithms.ddp_comm_hooks import default_hooks, powerSGD_hook
from torch.nn.parallel import DistributedDataParallel

from kaggle_face.config.training import GradientCompression
from kaggle_face.data.loading.samplers import Shard
from kaggle_face.train.parallel.messages import whole_rows


def compress(
    parallel: DistributedDataParallel, compression: GradientCompression, share: Shard
) -> LowRankFeedback | None:
    """Sets the compression of gradients; returns the state that has to be saved."""
    match compression:
        case "none":
            return None
        case "fp16":
            parallel.register_comm_hook(None, default_hooks.fp16_compress_hook)
        case "bf16":
            parallel.register_comm_hook(None, default_hooks.bf16_compress_hook)
        case "powersgd":
            return LowRankFeedback(parallel, share)
    return None


class LowRankFeedback:
    """The error feedback of PowerSGD: gradients not sent yet, and the factors that it goes on from.

    The part of a gradient that a step leaves out is added to the next one, in each process its own (Vogels et
    al. 2019, arXiv:1905.13727, algorithm 2).
    """

    def __init__(self, parallel: DistributedDataParallel, share: Shard) -> None:
        self._share = share
        self._state = powerSGD_hook.PowerSGDState(None, start_powerSGD_iter=2, orthogonalization_epsilon=1e-8)
        self._before: list[dict[int, Tensor]] = []
        parallel.register_comm_hook(self._state, powerSGD_hook.powerSGD_hook)

    def begin(self) -> None:
        """Keeps a copy of the state before an update."""
        factors = {index: factor.clone() for index, factor in self._state.q_memory_dict.items()}
        self._before = [dict(self._state.error_dict), factors]

    @torch.no_grad()
    def finish(self) -> None:
        """Restores the state where a gradient was not finite: it would stay so in all later ones."""
        errors, factors = self._state.error_dict, self._state.q_memory_dict
        if not self._before or not errors:
            return
        is_finite = torch.stack([torch.isfinite(error).all() for error in errors.values()]).all()
        for now, before in zip((errors, factors), self._before, strict=True):
            for index, tensor in now.items():
                old = before.get(index)
                now[index] = torch.where(is_finite, tensor, torch.zeros_like(tensor) if old is None else old)
        self._before = []

    def state_dict(self) -> dict[str, Any]:
        """The state of all processes: errors (N, L) by bucket, whole on rank 0; all call it."""
        state = self._state
        return {
            "torch": str(torch.__version__),  # which lays out the buckets
            "errors": {
                index: whole_rows(error[None], self._share.count, self._share)
                for index, error in state.error_dict.items()
            },
            "factors": {
                index: (state.p_memory_dict[index], factor) for index, factor in state.q_memory_dict.items()
            },
        }

    def load_state_dict(self, values: Mapping[str, Any], device: torch.device) -> None:
        """Goes on from a state; of another number of processes each takes the mean, as much in all."""
        if values["torch"] != str(torch.__version__):
            return
        for index, errors_NL in values["errors"].items():
            is_same = len(errors_NL) == self._share.count
            own_L = errors_NL[self._share.rank] if is_same else errors_NL.mean(0)
            self._state.error_dict[index] = own_L.clone().to(device)
        for index, (left, right) in values["factors"].items():
            self._state.p_memory_dict[index] = left.clone().to(device)
            self._state.q_memory_dict[index] = right.clone().to(device)

"""Batch normalisation of several processes: averaged statistics, or statistics of the whole batch.

Without `train.sync_batchnorm` each process normalises by its own share, and the running statistics are
averaged at each update. With it every layer normalises by the whole batch, as one process would.

Letters: C channels, N processes.
"""

from __future__ import annotations

import torch
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm

from kaggle_face.model.backbones.timm_library import with_sync_batchnorm
from kaggle_face.model.heads.head import in_full_precision
from kaggle_face.train.parallel.messages import gather_statistics


def statistics_in_training(network: nn.Module) -> list[Tensor]:
    """The running statistics that a step moves, and each process otherwise."""
    return _statistics(network, only_training=True)


def average_statistics(network: nn.Module, count: int) -> None:
    """Averages all running statistics over the processes; those of the whole batch are the same already."""
    average = StatisticsAverage(_statistics(network, only_training=False), count)
    average.begin()
    average.finish()


class StatisticsAverage:
    """Running statistics that are averaged in one message beside the backward pass."""

    def __init__(self, statistics: list[Tensor], count: int) -> None:
        self._statistics, self._count = statistics, count
        self._flat: Tensor | None = None
        self._message: distributed.Work | None = None

    @torch.no_grad()
    def begin(self) -> None:
        """Sends the statistics of the forward pass."""
        if self._statistics:
            self._flat = torch.cat([tensor.reshape(-1) for tensor in self._statistics])
            self._message = distributed.all_reduce(self._flat, async_op=True)

    @torch.no_grad()
    def finish(self) -> None:
        """Puts the averages in their place."""
        if self._flat is None or self._message is None:
            return
        self._message.wait()
        self._flat /= self._count
        parts = torch.split(self._flat, [tensor.numel() for tensor in self._statistics])
        torch._foreach_copy_(self._statistics, list(parts))
        self._flat = self._message = None


def synchronise_norms(network: nn.Module) -> None:
    """Lets every batch normalisation take its statistics of the whole batch, in place.

    torch's SyncBatchNorm does so on GPUs alone; on a CPU the same is done by one message in each direction.
    """
    if next(network.parameters()).device.type != "cpu":
        with_sync_batchnorm(network)
        return
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            kind = type(module)
            module.__class__ = type(kind.__name__, (_WholeBatchNorm, kind), {})


class _WholeBatchNorm(_BatchNorm):
    """A batch normalisation whose statistics are those of all processes, while training.

    It stands before the layer's own class, which may end in dropout and an activation (timm's do).
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 # as torch names it
        if not self.training:
            result: Tensor = super().forward(input)
            return result
        values = in_full_precision(input)
        mean_C, variance_C, count = _of_whole_batch(values)
        if self.running_mean is not None and self.running_var is not None:
            self._advance(mean_C.detach(), variance_C.detach() * count / (count - 1.0))
        shape = [1, -1] + [1] * (input.ndim - 2)
        factor_C = torch.rsqrt(variance_C + self.eps)
        shift_C = -mean_C * factor_C
        if self.affine:
            factor_C, shift_C = factor_C * self.weight, shift_C * self.weight + self.bias
        normalised = (values * factor_C.view(shape) + shift_C.view(shape)).to(input.dtype)
        for name in ("drop", "act"):
            normalised = getattr(self, name, nn.Identity())(normalised)
        return normalised

    @torch.no_grad()
    def _advance(self, mean_C: Tensor, variance_C: Tensor) -> None:
        assert self.running_mean is not None and self.running_var is not None
        weight = self.momentum
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if weight is None:  # the plain mean of all batches
                weight = 1.0 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean_C, weight or 0.0)
        self.running_var.lerp_(variance_C, weight or 0.0)


def _of_whole_batch(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and variance (C) over all processes, and the number of values of a channel."""
    dimensions = [0, *range(2, values.ndim)]
    variance_C, mean_C = torch.var_mean(values, dimensions, correction=0)
    count = values.new_full((1,), values.numel() / values.shape[1])
    rows_NK = gather_statistics(torch.cat([mean_C, variance_C, count]))
    channels = len(mean_C)
    means_NC, variances_NC = rows_NK[:, :channels], rows_NK[:, channels : 2 * channels]
    counts_N1 = rows_NK[:, 2 * channels :]
    total = counts_N1.sum().detach()
    shares_N1 = counts_N1.detach() / total
    whole_mean_C = (shares_N1 * means_NC).sum(0)
    # Chan et al. 1983, The American Statistician 37(3), equation 2.1: within the parts and between them.
    spread_NC = variances_NC + (means_NC - whole_mean_C).square()
    return whole_mean_C, (shares_N1 * spread_NC).sum(0), total


def _statistics(network: nn.Module, only_training: bool) -> list[Tensor]:
    return [
        tensor
        for module in network.modules()
        if isinstance(module, _BatchNorm) and not isinstance(module, nn.SyncBatchNorm | _WholeBatchNorm)
        if module.training or not only_training
        for tensor in (module.running_mean, module.running_var)
        if tensor is not None
    ]

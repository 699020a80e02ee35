"""The messages that the processes of a training exchange within a step, with gradients where there are any.

A batch of B rows is cut into N shares that differ by a row at most (`Shard.of`). One message moves, in bytes
that a process sends (and receives as many), with b bytes of the whole tensor and a ring of N processes:

    gather_shares        b (N - 1) / N       (uneven shares are padded to the largest)
    its backward pass    0, or b (N - 1) / N where each process has a part of every row's gradient
    add_up, take_largest 2 b (N - 1) / N
    hand_out             b

Letters: B rows of a whole batch, S those of this process's share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, distributed

from kaggle_face.data.loading.samplers import Shard
from kaggle_face.errors import TrainingStoppedError

_MESSAGING_WORDS = ("gloo", "nccl", "connection closed", "connection reset", "broken pipe", "timed out")
"""In the errors of a message; torch raises them as a plain RuntimeError, out of a backward pass too."""


@contextmanager
def noticing_lost_processes() -> Iterator[None]:
    """Turns the error of a message that another process did not answer into one line.

    Raises:
        TrainingStoppedError: A process is gone, or did not answer within the time-out.
    """
    try:
        yield
    except RuntimeError as error:
        is_of_message = isinstance(error, getattr(distributed, "DistError", ()))
        if not is_of_message and not any(word in str(error).lower() for word in _MESSAGING_WORDS):
            raise
        raise TrainingStoppedError(
            "another process of this training is gone; what was saved is kept; go on with --resume"
        ) from error


def add_up(tensor: Tensor) -> None:
    """Replaces a tensor by its sum over the processes."""
    with noticing_lost_processes():
        distributed.all_reduce(tensor)


def take_largest(tensor: Tensor) -> None:
    """Replaces each number of a tensor by the largest of all processes."""
    with noticing_lost_processes():
        distributed.all_reduce(tensor, distributed.ReduceOp.MAX)


def hand_out(tensor: Tensor, source: int = 0) -> None:
    """Replaces a tensor by that of one process."""
    with noticing_lost_processes():
        distributed.broadcast(tensor, src=source)


def gather_shares(part: Tensor, share: Shard, size: int, sums_gradients: bool = False) -> Tensor:
    """The whole batch (B, ...) from the shares (S, ...) of all processes.

    In the backward pass this process's share gets the gradient of its rows times the number of processes, as
    DistributedDataParallel divides by it.

    Args:
        part: The rows of this process.
        share: Which rows these are.
        size: B.
        sums_gradients: Whether each process computes a part of the gradient of every row, so that the parts
            are added up (a reduce-scatter); else each has the whole gradient already.
    """
    if not part.requires_grad:
        return _all_rows(part, share, size)
    how = (share, size, sums_gradients, share.count)
    whole: Tensor = _GatheredShares.apply(part, *how)
    return whole


def gather_statistics(row_K: Tensor) -> Tensor:
    """A row of numbers of each process (N, K); in the backward pass the gradients of all are added up."""
    share = Shard(distributed.get_rank(), distributed.get_world_size())
    rows: Tensor = _GatheredShares.apply(row_K[None], share, share.count, True, 1)
    return rows


class _GatheredShares(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, part: Tensor, share: Shard, size: int, sums_gradients: bool, factor: int) -> Tensor:
        ctx.share, ctx.size, ctx.sums_gradients, ctx.factor = share, size, sums_gradients, factor
        return _all_rows(part, share, size)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.sums_gradients:
            own = _own_rows_of_sum(gradient, ctx.share)
        else:
            own = gradient[ctx.share.of(ctx.size)]
        return own * ctx.factor, None, None, None, None


@torch.no_grad()
def whole_rows(part: Tensor, num_rows: int, share: Shard, for_all: bool = False) -> Tensor:
    """The rows of all processes, broadcast by each in turn, so that none holds more than it keeps.

    Args:
        part: The rows of this process, `share.of(num_rows)`.
        num_rows: Of all processes.
        share: This process among all.
        for_all: Whether each process keeps all rows, on its device; else rank 0 does, on the CPU, and the
            others keep their part.
    """
    keeps = for_all or share.rank == 0
    place = part.device if for_all else torch.device("cpu")
    whole = torch.empty(num_rows if keeps else 0, *part.shape[1:], dtype=part.dtype, device=place)
    for rank in range(share.count):
        held = Shard(rank, share.count).of(num_rows)
        if held.start == held.stop:
            continue
        rows = part.detach().contiguous()
        if rank != share.rank:
            rows = part.new_empty(held.stop - held.start, *part.shape[1:])
        hand_out(rows, rank)
        if keeps:
            whole[held] = rows
    return whole if keeps else part


def add_up_parts(part: Tensor) -> Tensor:
    """The sum of the processes' parts; the gradient of each part is that of the sum."""
    total: Tensor = _AddedUp.apply(part)
    return total


class _AddedUp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, part: Tensor) -> Tensor:
        total = part.clone()
        add_up(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient


def scaled_gradient(tensor: Tensor, factor: float) -> Tensor:
    """The tensor itself, whose gradient is multiplied in the backward pass."""
    same: Tensor = _ScaledGradient.apply(tensor, factor)
    return same


class _ScaledGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return tensor.view_as(tensor)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient * ctx.factor, None


def _all_rows(part: Tensor, share: Shard, size: int) -> Tensor:
    largest = -(-size // share.count)
    padded = part.new_zeros(largest, *part.shape[1:])
    padded[: len(part)] = part.detach()
    blocks = part.new_empty(share.count * largest, *part.shape[1:])
    if largest:
        with noticing_lost_processes():
            _gather_blocks()(blocks, padded)
    if size == len(blocks):
        return blocks
    shares = [Shard(rank, share.count).of(size) for rank in range(share.count)]
    pairs = zip(shares, blocks.view(share.count, largest, *part.shape[1:]), strict=True) if largest else ()
    return torch.cat([part[:0].detach(), *(block[: own.stop - own.start] for own, block in pairs)])


def _own_rows_of_sum(parts: Tensor, share: Shard) -> Tensor:
    size = len(parts)
    largest = -(-size // share.count)
    blocks = parts.contiguous()
    if size != share.count * largest:
        blocks = parts.new_zeros(share.count * largest, *parts.shape[1:])
        for rank in range(share.count):
            rows = Shard(rank, share.count).of(size)
            blocks[rank * largest :][: rows.stop - rows.start] = parts[rows]
    own = parts.new_empty(largest, *parts.shape[1:])
    with noticing_lost_processes():
        _add_up_blocks()(own, blocks)
    rows = share.of(size)
    return own[: rows.stop - rows.start]


def _gather_blocks() -> Callable[[Tensor, Tensor], object]:
    """Torch's function of equal blocks; its old name warns in newer versions."""
    function: Callable[[Tensor, Tensor], object] | None = getattr(distributed, "all_gather_single", None)
    return function if function is not None else distributed.all_gather_into_tensor


def _add_up_blocks() -> Callable[[Tensor, Tensor], object]:
    """The sum of which each process gets one block."""
    function: Callable[[Tensor, Tensor], object] | None = getattr(distributed, "reduce_scatter_single", None)
    return function if function is not None else distributed.reduce_scatter_tensor

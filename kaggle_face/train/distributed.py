"""Training by several processes that torchrun started; the only module that uses torch.distributed.

Each process augments and embeds its own share of every batch. The embeddings are then brought together, so
that each process computes head and loss of the whole batch: margins, mixed labels, sampled classes and losses
that compare images mean the same with any number of processes. Gradients are added up before the weights are
updated. Between two steps all processes hold the same state, which is that of one process up to
rounding, but for batch normalisation (each process normalises by its own share; the running statistics are
averaged) and for dropout, which each process draws for its share.

What depends on time or a measurement is decided by rank 0, and only rank 0 writes.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from kaggle_face.data.loading.samplers import WHOLE_BATCH, Shard
from kaggle_face.errors import ConfigError, InputError, OtherProcessError, TrainingStoppedError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from kaggle_face.model.network import FaceNetwork

P = ParamSpec("P")
T = TypeVar("T")

LONGEST_WAIT = timedelta(minutes=30)
"""For a process that does not answer, or that does something alone, such as writing records; one that ends is
noticed at once."""
_FAILURE = "kaggle-face/failure"
_STOP = "kaggle-face/stop"


class DistributedContext:
    """The processes of a training, seen from one of them; this class is a single process.

    Attributes:
        share: The part of every batch that falls to this process, and how many there are.
    """

    def __init__(self, share: Shard = WHOLE_BATCH) -> None:
        self.share = share

    @property
    def is_parallel(self) -> bool:
        """Whether there are several processes."""
        return self.share.count > 1

    @property
    def is_rank_zero(self) -> bool:
        """Whether this is rank 0, which prints, writes and decides."""
        return self.share.rank == 0

    def device_setting(self, setting: str) -> str:
        """The value of the setting `device` for this process."""
        return setting

    def on_rank_zero(self, act: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Calls a function on rank 0 and returns its result on all ranks; the others wait and do not call.

        The result is None, numbers, texts, or lists and mappings of these.
        """
        return act(*args, **kwargs)

    def note_stop(self, is_wished: bool) -> bool:
        """Shares that a signal has come to this process; returns on rank 0 whether one has come to any."""
        return is_wished

    def gathered(self, part: Tensor, size: int) -> Tensor:
        """The whole batch (size, ...) from the shares of all processes; gradients reach this one's share."""
        return part

    def merge(self, network: FaceNetwork) -> None:
        """Combines the gradients into those of the whole batch, the same in all processes."""

    def average_batch_norms(self, network: FaceNetwork) -> None:
        """Averages the running statistics of batch normalisation over the processes."""


SINGLE_PROCESS = DistributedContext()


@contextmanager
def joined(
    environment: Mapping[str, str] = os.environ, longest_wait: timedelta = LONGEST_WAIT
) -> Iterator[DistributedContext]:
    """Joins the processes that torchrun started together with this one; without torchrun a single process.

    One failure ends all: the process that fails first raises its error, the others an `OtherProcessError`,
    also where they only notice that a process is gone, or has not answered for the longest wait.

    Raises:
        InputError: The environment is incomplete.
    """
    share = _read_share(environment)
    if share.count == 1:
        yield SINGLE_PROCESS
        return
    group = _Group.join(share, int(environment.get("LOCAL_RANK", share.rank)), longest_wait)
    try:
        yield group
        group.leave()
    except Exception as error:
        if not group.is_first_to_fail():
            raise OtherProcessError("another process failed") from error
        raise


def launch_id(environment: Mapping[str, str] = os.environ) -> str | None:
    """What torchrun calls this launch, the same for processes that it starts again; None without torchrun."""
    name = environment.get("TORCHELASTIC_RUN_ID")
    if name == "none":  # the default of launches without a rendezvous
        return f"{socket.gethostname()}:{os.getppid()}"
    return name


def _read_share(environment: Mapping[str, str]) -> Shard:
    count = int(environment.get("WORLD_SIZE", "1"))
    if count == 1:
        return WHOLE_BATCH
    missing = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if name not in environment]
    if missing:
        raise InputError(
            f"WORLD_SIZE={count} is set and {missing[0]} is not; start several processes with: "
            f"torchrun --standalone --nproc-per-node {count} -m -- kaggle_face train ..., or unset WORLD_SIZE"
        )
    return Shard(int(environment["RANK"]), count)


class _Group(DistributedContext):
    """Several processes: gloo between hosts and on CPUs, NCCL between GPUs where there is NCCL."""

    def __init__(self, share: Shard, local_rank: int, store: Any) -> None:
        super().__init__(share)
        self._local_rank = local_rank
        self._store = store

    @classmethod
    def join(cls, share: Shard, local_rank: int, longest_wait: timedelta) -> _Group:
        """Joins the process group."""
        import torch
        from torch import distributed
        from torch.distributed.rendezvous import rendezvous

        store, rank, count = next(rendezvous("env://"))
        has_nccl = torch.cuda.is_available() and distributed.is_nccl_available()
        distributed.init_process_group(
            "cpu:gloo,cuda:nccl" if has_nccl else "gloo",
            timeout=longest_wait,
            store=store,
            rank=rank,
            world_size=count,
        )
        return cls(share, local_rank, store)

    def leave(self) -> None:
        """Waits for the others, and leaves the group."""
        import torch
        from torch import distributed

        self._add_up(torch.zeros(1))
        distributed.destroy_process_group()

    def is_first_to_fail(self) -> bool:
        """Whether no other process has failed before; the failure is noted."""
        name = str(self.share.rank)
        with suppress(RuntimeError):  # the store ends with the process that keeps it
            return bool(self._store.compare_set(_FAILURE, "", name) == name.encode())
        return True

    def device_setting(self, setting: str) -> str:
        import torch

        if setting == "auto":
            setting = "cuda" if torch.cuda.is_available() else "cpu"
        if setting == "cpu":
            return setting
        if setting != "cuda":
            raise ConfigError(
                f"device={setting} names one device for {self.share.count} processes; set device=cuda, which "
                "gives each a GPU of its own, or device=cpu"
            )
        if self._local_rank >= torch.cuda.device_count():
            raise ConfigError(
                f"there is no GPU for process {self._local_rank} (from 0) of this machine, which has "
                f"{torch.cuda.device_count()}; start as many processes: --nproc-per-node"
            )
        torch.cuda.set_device(self._local_rank)
        return f"cuda:{self._local_rank}"

    def on_rank_zero(self, act: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        import torch

        text = json.dumps(act(*args, **kwargs)).encode() if self.is_rank_zero else b""
        length = torch.tensor([len(text)])
        self._hand_out(length)
        letters = torch.zeros(int(length), dtype=torch.uint8)
        if self.is_rank_zero:
            letters.copy_(torch.frombuffer(bytearray(text), dtype=torch.uint8))
        self._hand_out(letters)
        result: T = json.loads(bytes(letters.tolist()))
        return result

    def note_stop(self, is_wished: bool) -> bool:
        if is_wished:
            self._store.set(_STOP, "1")
        return self.is_rank_zero and bool(self._store.check([_STOP]))

    def gathered(self, part: Tensor, size: int) -> Tensor:
        import torch

        own = self.share.of(size)
        whole = part.new_zeros(size, *part.shape[1:])
        whole[own] = part.detach()
        if len(whole):
            self._add_up(whole)  # of numbers and zeros: exact, for shares of different sizes too
        if not part.requires_grad:
            return whole
        return torch.cat([whole[: own.start], part, whole[own.stop :]])

    def merge(self, network: FaceNetwork) -> None:
        # The head has seen the whole batch in each process, what lies below it the process's share alone.
        head = set(network.head.parameters())
        summed = [p.grad for p in network.parameters() if p.grad is not None and p not in head]
        averaged = [p.grad for p in network.head.parameters() if p.grad is not None]
        self._combine(summed, averaged + _norm_statistics(network, only_training=True))

    def average_batch_norms(self, network: FaceNetwork) -> None:
        self._combine([], _norm_statistics(network, only_training=False))

    def _combine(self, summed: list[Tensor], averaged: list[Tensor]) -> None:
        """Sums and averages tensors of the processes in place, all in one message."""
        import torch

        tensors = summed + averaged
        if not tensors:
            return
        with torch.no_grad():
            if averaged:
                torch._foreach_mul_(averaged, 1.0 / self.share.count)
            flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
            self._add_up(flat)
            parts = torch.split(flat, [tensor.numel() for tensor in tensors])
            torch._foreach_copy_(
                tensors, [part.view(tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]
            )

    def _add_up(self, tensor: Tensor) -> None:
        from torch import distributed

        with _noticing_who_is_gone():
            distributed.all_reduce(tensor)

    def _hand_out(self, tensor: Tensor) -> None:
        from torch import distributed

        with _noticing_who_is_gone():
            distributed.broadcast(tensor, src=0)


@contextmanager
def _noticing_who_is_gone() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise TrainingStoppedError(
            "another process of this training is gone; what was saved is kept; go on with --resume"
        ) from error


def _norm_statistics(network: FaceNetwork, only_training: bool) -> list[torch.Tensor]:
    """The running statistics of batch normalisation, or of those that the last step moved."""
    from torch.nn.modules.batchnorm import _BatchNorm

    return [
        tensor
        for module in network.modules()
        if isinstance(module, _BatchNorm) and (module.training or not only_training)
        for tensor in (module.running_mean, module.running_var)
        if tensor is not None
    ]

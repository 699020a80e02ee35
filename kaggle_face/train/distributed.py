"""Distributed training: joining the process group, work of rank 0, and shared values.

Each process augments and embeds its own share of every batch. The embeddings are then brought together, so
that margins, mixed labels, sampled classes and losses that compare images mean the same with any number of
processes. Gradients are brought together by PyTorch's DistributedDataParallel (`parallel/engine.py`). Between
two steps all processes hold the same state, which is that of one process up to rounding, but for dropout,
which each process draws for its share, and for batch normalisation without `train.sync_batchnorm` (each
process normalises by its own share; the running statistics are averaged).

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
from kaggle_face.errors import ConfigError, InputError, OtherProcessError, TrainingStoppedError, one_line

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer

    from kaggle_face.config import Config, TrainConfig
    from kaggle_face.model.network import FaceNetwork
    from kaggle_face.train.parallel.engine import Engine, Forward

P = ParamSpec("P")
T = TypeVar("T")

LONGEST_WAIT = timedelta(minutes=30)
"""For a process that does not answer, or that does something alone, such as writing records; one that ends is
noticed at once."""
STORE_FILE = "KAGGLE_FACE_STORE"
"""The variable that names the file by which the processes of one machine find each other; without it they do
so by torchrun's store, which listens on a port."""
_MOST_MINUTES_OF_WAIT = 1440
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

    def gathered(self, part: Tensor, size: int, sums_gradients: bool = False) -> Tensor:
        """The whole batch (size, ...) from the shares of all processes; see `messages.gather_shares`."""
        return part

    def shard_head(self, network: FaceNetwork, config: Config) -> None:
        """Divides the classes of the head among the processes as `margin.sharded` requires, in place."""

    def whole(self, network: FaceNetwork, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Tensors by the names of the network's, whole on rank 0 where the head is divided; all call it."""
        return dict(tensors)

    def whole_optimizer_state(self, optimizer: Optimizer, network: FaceNetwork) -> dict[str, Any]:
        """The state of an optimiser, whole on rank 0 where the head is divided; all call it."""
        return optimizer.state_dict()

    @contextmanager
    def whole_head(self, network: FaceNetwork) -> Iterator[None]:
        """Gives all processes the weights of all classes for the block, to measure with; all call it."""
        yield

    def prepare_norms(self, network: FaceNetwork, settings: TrainConfig) -> None:
        """Lets batch normalisation take the whole batch where `train.sync_batchnorm` is set, in place."""

    def create_engine(self, network: FaceNetwork, forward: Forward, settings: TrainConfig) -> Engine:
        """The engine that embeds the images of a step and brings gradients together."""
        from kaggle_face.train.parallel.engine import Engine

        return Engine(forward)

    def average_batch_norms(self, network: FaceNetwork) -> None:
        """Averages the running statistics of batch normalisation over the processes."""


SINGLE_PROCESS = DistributedContext()


def wait_of(minutes: float | None) -> timedelta:
    """The longest wait for a process that does not answer; None: `LONGEST_WAIT`.

    Raises:
        InputError: It is not a time above 0, or longer than a day.
    """
    if minutes is None:
        return LONGEST_WAIT
    if not 0.0 < minutes <= _MOST_MINUTES_OF_WAIT:
        raise InputError(
            f"--timeout must be > 0 and at most {_MOST_MINUTES_OF_WAIT} minutes, got {minutes:g}"
        )
    return timedelta(minutes=minutes)


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
    """Torchrun's id of this launch, the same for processes that it starts again; None without torchrun."""
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
        """Joins the process group.

        Raises:
            TrainingStoppedError: The others cannot be reached, or did not come within the longest wait.
        """
        import torch
        from torch import distributed
        from torch.distributed.rendezvous import rendezvous

        from kaggle_face.train.parallel.rendezvous import store_of_this_start

        has_nccl = torch.cuda.is_available() and distributed.is_nccl_available()
        try:
            if STORE_FILE in os.environ:
                store = distributed.FileStore(os.environ[STORE_FILE], share.count)  # type: ignore[attr-defined]
            else:
                store, _, _ = next(rendezvous("env://"))
            store = store_of_this_start(store, share, longest_wait)
            distributed.init_process_group(
                "cpu:gloo,cuda:nccl" if has_nccl else "gloo",
                timeout=longest_wait,
                store=store,
                rank=share.rank,
                world_size=share.count,
            )
        except RuntimeError as error:
            reason = one_line(str(error).partition("\n")[0])[:200]
            raise TrainingStoppedError(
                f"rank {share.rank} of this training cannot reach the others ({reason}); what was saved is "
                "kept; start all of its processes again with --resume"
            ) from error
        return cls(share, local_rank, store)

    def leave(self) -> None:
        """Waits for the others, and leaves the group."""
        import torch
        from torch import distributed

        from kaggle_face.train.parallel.messages import add_up

        add_up(torch.zeros(1))
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

        from kaggle_face.train.parallel.messages import hand_out

        text = json.dumps(act(*args, **kwargs)).encode() if self.is_rank_zero else b""
        length = torch.tensor([len(text)])
        hand_out(length)
        letters = torch.zeros(int(length), dtype=torch.uint8)
        if self.is_rank_zero:
            letters.copy_(torch.frombuffer(bytearray(text), dtype=torch.uint8))
        hand_out(letters)
        result: T = json.loads(bytes(letters.tolist()))
        return result

    def note_stop(self, is_wished: bool) -> bool:
        if is_wished:
            self._store.set(_STOP, "1")
        return self.is_rank_zero and bool(self._store.check([_STOP]))

    def gathered(self, part: Tensor, size: int, sums_gradients: bool = False) -> Tensor:
        from kaggle_face.train.parallel.messages import gather_shares

        return gather_shares(part, self.share, size, sums_gradients)

    def shard_head(self, network: FaceNetwork, config: Config) -> None:
        from kaggle_face.train.parallel.sharding import shard_head

        shard_head(network, config, self.share)

    def whole(self, network: FaceNetwork, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        from kaggle_face.train.parallel.sharding import whole_tensors

        return whole_tensors(network, tensors, self.share)

    def whole_optimizer_state(self, optimizer: Optimizer, network: FaceNetwork) -> dict[str, Any]:
        from kaggle_face.train.parallel.sharding import whole_optimizer_state

        return whole_optimizer_state(optimizer, network, self.share)

    @contextmanager
    def whole_head(self, network: FaceNetwork) -> Iterator[None]:
        from kaggle_face.train.parallel.sharding import whole_head

        with whole_head(network, self.share):
            yield

    def prepare_norms(self, network: FaceNetwork, settings: TrainConfig) -> None:
        from kaggle_face.train.parallel.norms import synchronise_norms

        if settings.sync_batchnorm:
            synchronise_norms(network)

    def create_engine(self, network: FaceNetwork, forward: Forward, settings: TrainConfig) -> Engine:
        from kaggle_face.train.parallel.engine import DataParallelEngine
        from kaggle_face.train.parallel.sharding import names_of_parts

        parts = names_of_parts(network)
        return DataParallelEngine(network, forward, self.share, settings.gradient_compression, parts)

    def average_batch_norms(self, network: FaceNetwork) -> None:
        from kaggle_face.train.parallel.messages import noticing_lost_processes
        from kaggle_face.train.parallel.norms import average_statistics

        with noticing_lost_processes():
            average_statistics(network, self.share.count)

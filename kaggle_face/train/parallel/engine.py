"""Embedding of a step's images, and reduction of the gradients of all processes.

Of several processes PyTorch's DistributedDataParallel does the work: gradients travel in buckets while the
backward pass goes on below them. Messages of an update, in bytes that each of N processes sends, with P
trainable weights of 4 bytes (the head is among them only where it is not sharded) and R numbers of running
statistics of batch normalisation:

    gradients        2 * 4 P (N - 1) / N, halved by fp16 and bf16; in buckets of 25 MiB (the first of 1 MiB)
    statistics       2 * 4 R (N - 1) / N, beside the backward pass; none with train.sync_batchnorm
    embeddings       see `messages.gather_shares`, once in each step

Letters: S images of this process's share, C channels, H height, W width, D embedding size.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from kaggle_face.config.training import GradientCompression
from kaggle_face.data.loading.samplers import Shard
from kaggle_face.model.network import FaceNetwork
from kaggle_face.train.parallel.compression import LowRankFeedback, compress
from kaggle_face.train.parallel.messages import add_up, noticing_lost_processes
from kaggle_face.train.parallel.norms import StatisticsAverage, statistics_in_training

Forward = Callable[[Tensor], Tensor]

_STEPS_BEFORE_LAYOUT = 2
"""Of a static graph: one finds what is used, the next in which order gradients are ready."""


class Engine:
    """Forward and backward pass of a step in one process.

    Attributes:
        forward: Normalised images (S, C, H, W) to embeddings (S, D): the network, or its compiled form.
    """

    def __init__(self, forward: Forward) -> None:
        self.forward = forward

    def begin_epoch(self) -> None:
        """Prepares for an epoch, which may train other parameters or modules."""

    def embed(self, images_SCHW: Tensor, is_last: bool = True, reaches_network: bool = True) -> Tensor:
        """The embeddings (S, D) of this process's share.

        Args:
            images_SCHW: Normalised images.
            is_last: Whether an update follows the backward pass of this batch.
            reaches_network: Whether the loss has a gradient below the head.
        """
        return self.forward(images_SCHW)

    def backward(self, loss: Tensor) -> None:
        """Adds the gradients of a loss, the same number in all processes, to those of the parameters."""
        loss.backward()  # type: ignore[no-untyped-call]

    def complete_gradients(self) -> None:
        """Makes gradients and running statistics those of the whole batch, before an update."""

    def state_dict(self) -> dict[str, Any] | None:
        """The state that steps carry over, whole on rank 0; None: nothing. All processes call it."""
        return None

    def load_state_dict(self, values: dict[str, Any] | None) -> None:
        """Goes on from a state of any number of processes."""


class DataParallelEngine(Engine):
    """Several processes: gradients are averaged over them in the backward pass.

    What is below the gathered embeddings has gradients times the number of processes (`gather_shares`), so
    the average is the sum over the shares.
    """

    def __init__(
        self,
        network: FaceNetwork,
        forward: Forward,
        share: Shard,
        compression: GradientCompression = "none",
        own_parameters: frozenset[str] = frozenset(),
    ) -> None:
        """Nothing is exchanged yet.

        Args:
            network: On its device.
            forward: The network, or its compiled form.
            share: This process among all.
            compression: How gradients travel.
            own_parameters: Names of parameters that this process alone holds: a sharded head.
        """
        super().__init__(forward)
        self._network, self._share, self._compression = network, share, compression
        self._own_parameters = own_parameters
        self._trained: list[nn.Parameter] = []
        self._is_prepared = False
        self._wrapped: Forward | None = None
        self._parallel: DistributedDataParallel | None = None
        self._is_averaged = True
        self._statistics = StatisticsAverage([], share.count)
        self._feedback: LowRankFeedback | None = None
        self._loaded: dict[str, Any] | None = None

    def begin_epoch(self) -> None:
        """As of `Engine`; a change is looked for at the next batch."""
        self._is_prepared = False

    def embed(self, images_SCHW: Tensor, is_last: bool = True, reaches_network: bool = True) -> Tensor:
        """As of `Engine`; running statistics begin to travel.

        Raises:
            TrainingStoppedError: Another process is gone.
        """
        with noticing_lost_processes():
            if not self._is_prepared:
                self._prepare(images_SCHW)
            self._is_averaged = is_last and reaches_network
            if self._parallel is None or self._wrapped is None:
                embeddings_SD = self.forward(images_SCHW)
            elif self._is_averaged:
                embeddings_SD = self._wrapped(images_SCHW)
            else:
                with self._parallel.no_sync():
                    embeddings_SD = self._wrapped(images_SCHW)
            if is_last:
                self._statistics.begin()
                if self._feedback is not None:
                    self._feedback.begin()
            return embeddings_SD

    def backward(self, loss: Tensor) -> None:
        """As of `Engine`; gradients travel meanwhile where an update follows."""
        with noticing_lost_processes(), _without_warning_of_strides():
            super().backward(loss)

    def complete_gradients(self) -> None:
        """As of `Engine`; waits for pending messages."""
        with noticing_lost_processes():
            if not self._is_averaged:  # the last batch of the update had no gradient below the head
                _average([p.grad for p in self._trained if p.grad is not None], self._share.count)
            self._statistics.finish()
            if self._feedback is not None:
                self._feedback.finish()

    def state_dict(self) -> dict[str, Any] | None:
        """As of `Engine`: the error feedback of compressed gradients."""
        if self._feedback is None:
            return self._loaded  # no batch has come since
        return {"trained": len(self._trained), **self._feedback.state_dict()}

    def load_state_dict(self, values: dict[str, Any] | None) -> None:
        """As of `Engine`, at the next batch."""
        self._loaded = values

    def _prepare(self, images_SCHW: Tensor) -> None:
        self._is_prepared = True
        self._statistics = StatisticsAverage(statistics_in_training(self._network), self._share.count)
        trained = [
            parameter
            for name, parameter in self._network.named_parameters()
            if name not in self._own_parameters and parameter.requires_grad
        ]
        if len(trained) == len(self._trained):  # a part is frozen or not as a whole
            return
        self._trained, self._parallel, self._wrapped = trained, None, None
        if trained:
            self._wrap(images_SCHW)

    def _wrap(self, images_SCHW: Tensor) -> None:
        # Statistics are averaged, not handed out by the first process.
        buffers = {name for name, _ in self._network.named_buffers()}
        ignored = buffers | self._own_parameters
        DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(  # type: ignore[no-untyped-call]
            self._network, ignored
        )
        is_compiled = self.forward is not self._network
        # A compiled network is cut at the buckets by torch, which rules a static graph out.
        self._parallel = DistributedDataParallel(
            self._network,
            gradient_as_bucket_view=True,
            static_graph=not is_compiled,
            find_unused_parameters=is_compiled,
        )
        self._feedback = compress(self._parallel, self._compression, self._share)
        self._wrapped = torch.compile(self._parallel) if is_compiled else self._parallel
        if not is_compiled:
            self._settle_buckets(images_SCHW)
        loaded, self._loaded = self._loaded, None
        if self._feedback is not None and loaded is not None and loaded["trained"] == len(self._trained):
            self._feedback.load_state_dict(loaded, images_SCHW.device)

    def _settle_buckets(self, images_SCHW: Tensor) -> None:
        """Takes steps that change nothing, after which torch lays out the buckets for good.

        The layout decides in which order three and more processes are added up. A training that was resumed
        would otherwise take its first steps with another layout than one that was not, and end with other
        bits. The first of these steps finds parameters that no image reaches.
        """
        assert self._parallel is not None
        for _ in range(_STEPS_BEFORE_LAYOUT):
            with _measuring(self._network), _without_warning_of_strides():
                embeddings_SD = self._parallel(torch.zeros_like(images_SCHW[:1]))
                head = [p.sum() for p in self._network.head.parameters() if p.requires_grad]
                with torch.autocast(images_SCHW.device.type, enabled=False):
                    (embeddings_SD.float().sum() + sum(head)).backward()
            for parameter in self._network.parameters():
                parameter.grad = None


@contextmanager
def _measuring(network: nn.Module) -> Iterator[None]:
    """A network in evaluation mode, and as it was afterwards: a frozen part stays as it is."""
    training = [module for module in network.modules() if module.training]
    network.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


@contextmanager
def _without_warning_of_strides() -> Iterator[None]:
    """Without torch's warning that gradients of depthwise convolutions lie otherwise than their weights."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides", UserWarning)
        yield


def _average(tensors: list[Tensor], count: int) -> None:
    """Averages tensors over the processes in place, all in one message."""
    if not tensors:
        return
    with torch.no_grad():
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        add_up(flat)
        flat /= count
        parts = torch.split(flat, [tensor.numel() for tensor in tensors])
        torch._foreach_copy_(
            tensors, [part.view(tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]
        )

"""Sharding of heads among processes, and gathering them whole.

A head has C classes with F numbers each (the embedding size, times the centres of a class). Not divided, its
gradient travels with the others, and each of N processes computes all B x C logits of the batch; divided,

    weights, gradient, optimiser state, averages  4 C F / N bytes each in a process
    logits and their gradient                     4 B C / N bytes each
    messages of a step, in bytes that a process sends (`messages.py`)
        embeddings back                           4 B D (N - 1) / N
        largest logits of M sources, and without margin   2 * 4 (M + 1) B (N - 1) / N
        sums of M sources                         2 * 4 (3 M + 2) B (N - 1) / N
        cosines of the labels, CurricularFace     2 * 4 M B (N - 1) / N
        norm of the gradient, at each update      2 * 8 (N - 1) / N

instead of the 2 * 4 C F (N - 1) / N bytes of its gradient. To measure or to save, the weights are brought
together: 4 C F bytes from all processes, once for each tensor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from kaggle_face.config import Config
from kaggle_face.data.loading.samplers import Shard
from kaggle_face.errors import ConfigError
from kaggle_face.model.heads.shards import ClassShard
from kaggle_face.model.network import FaceNetwork
from kaggle_face.train.parallel.messages import add_up, whole_rows

LEAST_WEIGHTS = 1 << 20
"""Weights of the other processes, 4 MiB in float32, from which on `margin.sharded=auto` divides a head."""

_ELEMENTWISE = {
    *("sgd", "sgdw", "momentum", "adam", "adamw", "adamax", "nadam", "nadamw", "radam", "radamw"),
    *("adagrad", "adadelta", "rmsprop", "rmsproptf", "lion", "adabelief", "madgrad", "madgradw"),
    *("laprop", "adopt", "adoptw"),
}
"""Optimisers whose update of a weight depends on no other weight."""


def shard_head(network: FaceNetwork, config: Config, share: Shard) -> None:
    """Divides the head among the processes as `margin.sharded` and its size require, in place.

    `auto` divides a head of which the other processes would hold at least `LEAST_WEIGHTS`: below that its
    gradient travels faster than the additional messages, and memory does not matter.

    Raises:
        ConfigError: `margin.sharded=on` with an optimiser that looks at whole tensors.
    """
    setting, head = config.margin.sharded, network.head
    if setting == "off" or share.count == 1:
        return
    is_possible = config.optim.name.lower().rpartition("_")[2] in _ELEMENTWISE
    is_possible = is_possible and not config.optim.options.get("caution")
    if setting == "on" and not is_possible:
        raise ConfigError(
            f"margin.sharded=on divides the weights of a head, and optim.name={config.optim.name} updates a "
            "weight by others of its tensor; set margin.sharded=off, or take sgd or adamw"
        )
    elsewhere = head.num_parameters * (share.count - 1) // share.count
    if setting == "on" or (is_possible and elsewhere >= LEAST_WEIGHTS):
        held = share.of(head.num_classes)
        head.keep_classes(ClassShard(held.start, held.stop, head.num_classes, add_up))


def names_of_parts(network: FaceNetwork) -> frozenset[str]:
    """The names, within the network, of the parameters of which this process holds a part."""
    if network.head.shard is None:
        return frozenset()
    return frozenset(f"head.{name}" for name in network.head.class_parameters())


def whole_tensors(network: FaceNetwork, tensors: Mapping[str, Tensor], share: Shard) -> dict[str, Tensor]:
    """Tensors by the names of the network's, with those of a divided head made whole on rank 0.

    They lie on the CPU there; the other processes keep their parts. All have to call it.
    """
    parts = names_of_parts(network)
    return {
        name: whole_rows(tensor, network.head.num_classes, share) if name in parts else tensor
        for name, tensor in tensors.items()
    }


def own_tensors(network: FaceNetwork, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Whole tensors by the names of the network's, with this process's rows of those of a divided head."""
    shard, parts = network.head.shard, names_of_parts(network)
    return {
        name: tensor[shard.first : shard.stop] if shard is not None and name in parts else tensor
        for name, tensor in tensors.items()
    }


def whole_optimizer_state(
    optimizer: torch.optim.Optimizer, network: FaceNetwork, share: Shard
) -> dict[str, Any]:
    """The state of an optimiser; the part for the weights of a sharded head is whole on rank 0."""
    state = optimizer.state_dict()
    if network.head.shard is None:
        return state
    per_parameter = dict(state["state"])
    for index, parameter in _parts_by_index(optimizer, network).items():
        per_parameter[index] = {
            key: whole_rows(value, network.head.num_classes, share)
            if _is_like(value, parameter.shape)
            else value
            for key, value in per_parameter.get(index, {}).items()
        }
    return {**state, "state": per_parameter}


def own_optimizer_state(
    optimizer: torch.optim.Optimizer, network: FaceNetwork, state: dict[str, Any]
) -> dict[str, Any]:
    """A whole state, with this process's rows of the part for a sharded head."""
    shard = network.head.shard
    if shard is None:
        return state
    per_parameter = dict(state["state"])
    for index, parameter in _parts_by_index(optimizer, network).items():
        whole_shape = (shard.num_classes, *parameter.shape[1:])
        per_parameter[index] = {
            key: value[shard.first : shard.stop] if _is_like(value, whole_shape) else value
            for key, value in per_parameter.get(index, {}).items()
        }
    return {**state, "state": per_parameter}


@contextmanager
def whole_head(network: FaceNetwork, share: Shard) -> Iterator[None]:
    """Gives each process the weights of all classes for the block, to measure with; nothing trains in it."""
    head, shard = network.head, network.head.shard
    if shard is None:
        yield
        return
    parts = head.class_parameters()
    for name, part in parts.items():
        whole = whole_rows(part, shard.num_classes, share, for_all=True)
        setattr(head, name, nn.Parameter(whole, requires_grad=False))
    head.shard = None
    try:
        yield
    finally:
        for name, part in parts.items():
            setattr(head, name, part)
        head.shard = shard


def _parts_by_index(optimizer: torch.optim.Optimizer, network: FaceNetwork) -> dict[int, nn.Parameter]:
    """The parameters of a divided head by their number in the state of the optimiser."""
    names = names_of_parts(network)
    parts = {id(parameter) for name, parameter in network.named_parameters() if name in names}
    in_order = (parameter for group in optimizer.param_groups for parameter in group["params"])
    return {index: parameter for index, parameter in enumerate(in_order) if id(parameter) in parts}


def _is_like(value: object, shape: tuple[int, ...]) -> bool:
    return isinstance(value, Tensor) and tuple(value.shape) == tuple(shape)

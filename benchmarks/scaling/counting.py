"""Counts the messages of a process to its process group."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

KINDS = {
    "allreduce_": "all-reduce",
    "allreduce_coalesced_": "all-reduce",
    "broadcast_": "broadcast",
    "allgather_": "all-gather",
    "_allgather_base_": "all-gather",
    "allgather_into_tensor_coalesced_": "all-gather",
    "reduce_scatter_": "reduce-scatter",
    "_reduce_scatter_base_": "reduce-scatter",
    "reduce_scatter_tensor_coalesced_": "reduce-scatter",
    "alltoall_": "all-to-all",
    "alltoall_base_": "all-to-all",
    "all_reduce": "all-reduce",
    "all_gather_into_tensor": "all-gather",
    "reduce_scatter_tensor": "reduce-scatter",
}
"""Operators of PyTorch that send, those of its functional collectives last."""
_OF_ONE_TENSOR = frozenset(("all-reduce", "broadcast"))


@dataclass
class Messages:
    """The number of messages of each kind, and their bytes.

    The bytes of a message are those of the whole it is about: of an all-reduce and a broadcast the tensor, of
    an all-gather the gathered whole, of a reduce-scatter and an all-to-all what is handed in.
    """

    counts: Counter[str] = field(default_factory=Counter)
    sizes: Counter[str] = field(default_factory=Counter)

    def totals(self) -> dict[str, tuple[int, int]]:
        """Number and bytes of each kind."""
        return {kind: (self.counts[kind], self.sizes[kind]) for kind in sorted(self.counts)}


class MessageCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the messages of the block; with CPU tensors those of the backward pass too."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.messages = Messages()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        kind = KINDS.get(func._overloadpacket.__name__) if "c10d" in func.namespace else None
        if kind is not None:
            self.messages.counts[kind] += 1
            self.messages.sizes[kind] += _whole_bytes(kind, args)
        return result


def _whole_bytes(kind: str, args: Any) -> int:
    """The larger side of the message: what is handed in, or what is received."""
    sizes = [sum(each.nbytes for each in tree_leaves(part) if isinstance(each, Tensor)) for part in args[:2]]
    return sizes[0] if kind in _OF_ONE_TENSOR else max(sizes)

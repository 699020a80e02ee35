"""Work on fake CUDA tensors, and what it did that a GPU would have to be waited for.

Tensors of torch's FakeTensorMode have a device, a type and a shape, and no memory: they need no GPU. Each
operation compares the devices of its tensors as a kernel would, and raises where its result depends on values
that the host would have to read (`item`, `bool`, `nonzero`, boolean indexing, `unique`).
"""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensorMode,
)
from torch.utils._python_dispatch import TorchDispatchMode

from tests.support.fake_cuda.stand_ins import stand_ins

CUDA = torch.device("cuda:0")
_STAGED_BYTES = 64 << 10
"""Up to here the driver puts pageable memory aside and goes on; more may wait (CUDA, API synchronization)."""
_INDEXING = ("index", "index_put", "index_put_", "_index_put_impl_")


class Watch(TorchDispatchMode):
    """Lists copies that wait, and CUDA tensors that are indexed by CPU tensors, by the package's line."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        what = _what_waits(func.overloadpacket.__name__, args, kwargs)
        if what is not None:
            self.found.append(f"{what} at {_innermost_line(traceback.extract_stack())}")
        return func(*args, **kwargs)


def _what_waits(name: str, args: Any, kwargs: dict[str, Any]) -> str | None:
    if name in ("_to_copy", "to"):  # in inference mode `to` is not taken apart
        devices = [value for value in (*args[1:], kwargs.get("device")) if isinstance(value, torch.device)]
        return _waiting_copy(args[0], devices[0], bool(kwargs.get("non_blocking"))) if devices else None
    if name == "copy_":
        non_blocking = (len(args) > 2 and args[2]) or kwargs.get("non_blocking")
        return _waiting_copy(args[1], args[0].device, bool(non_blocking))
    if (
        name in _INDEXING
        and args[0].device.type == "cuda"
        and any(index is not None and index.device.type == "cpu" for index in args[1])
    ):
        return "CUDA tensor indexed by a CPU tensor"
    return None


def _waiting_copy(source: torch.Tensor, target: torch.device, non_blocking: bool) -> str | None:
    if source.device.type == target.type:
        return None
    if not non_blocking:
        return f"waiting copy from {source.device.type} to {target.type}"
    if target.type == "cpu":
        return "copy to the host that is read before it arrives"
    is_pinned = getattr(source, "pinned", False)
    return (
        None if is_pinned or source.nbytes <= _STAGED_BYTES else "waiting copy of memory that is not pinned"
    )


def _innermost_line(frames: list[traceback.FrameSummary]) -> str:
    ours = [frame for frame in frames if "/kaggle_face/" in frame.filename.replace("\\", "/")]
    if not ours:
        return "a line outside the package"
    return f"{ours[-1].filename.replace(chr(92), '/').rpartition('/kaggle_face/')[2]}:{ours[-1].lineno}"


@contextlib.contextmanager
def fake_cuda() -> Iterator[Watch]:
    """Tensors that are made inside are fake, and `cuda:0` is a device."""
    with stand_ins(), FakeTensorMode(allow_non_fake_inputs=True), Watch() as watch:
        yield watch


def raised_by(work: Callable[[], None]) -> list[str]:
    """The host read or the mixed devices that ended a piece of work, in one line; nothing where none did.

    A host read ends the work, since its value does not exist.
    """
    try:
        work()
    except (DataDependentOutputException, DynamicOutputShapeException) as error:
        return [f"host read {error.func} at {_innermost_line(traceback.extract_tb(error.__traceback__))}"]
    except (RuntimeError, TypeError) as error:
        line = _innermost_line(traceback.extract_tb(error.__traceback__))
        return [f"{(str(error).strip().splitlines() or [''])[0]} at {line}"]
    return []


def moved(module: nn.Module) -> nn.Module:
    """The module with fake tensors on the device, its parameters and buffers in place of the real ones.

    `Module.to` cannot put a fake tensor in the place of a real one.
    """
    for part in module.modules():
        for name, value in part._parameters.items():
            if value is not None:
                fake = torch.empty_like(value, device=CUDA)
                part._parameters[name] = nn.Parameter(fake, value.requires_grad)
        for name, buffer in part._buffers.items():
            if buffer is not None:
                part._buffers[name] = torch.empty_like(buffer, device=CUDA)
    return module


def why_not() -> str | None:
    """Why fake CUDA tensors do not work here; None where they do."""
    if torch.cuda.is_available():
        return "there is a GPU: the same steps run on it by pytest -m gpu"
    try:
        with fake_cuda(), torch.autocast("cuda", torch.bfloat16):
            network = moved(nn.Linear(2, 2))
            assert network(torch.empty(1, 2, device=CUDA)).device == CUDA
    except Exception as error:  # of private parts of torch, which another version may have changed
        return f"this torch ({torch.__version__}) makes no fake CUDA tensors: {type(error).__name__}: {error}"
    return None

"""What asks the CUDA driver although no kernel runs, and what stands in for it, each with its reason.

Nothing else of torch or of the package is replaced: the more stands in, the less is tested.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch._subclasses.fake_tensor import FakeTensor

from kaggle_face.data.augmentation.batched import geometry as batched_geometry
from kaggle_face.data.augmentation.batched import transforms as batched_transforms
from kaggle_face.data.loading import device_batches, streaming
from kaggle_face.model.heads import class_sampling
from kaggle_face.train.step import accumulator, step

_REAL_NUMPY = torch.Tensor.numpy


class FakeGenerator:
    """`torch.Generator("cuda")` allocates its state on the device."""

    def __init__(self, device: torch.device) -> None:
        self.device = torch.device(device)

    def manual_seed(self, seed: int) -> FakeGenerator:
        return self


def fake_rand(*size: int, generator: FakeGenerator, device: torch.device) -> torch.Tensor:
    """`torch.rand` refuses a generator that is not torch's own, and torch's own is not to be had."""
    assert generator.device == device
    return torch.empty(*size, device=device)


def fake_gather(pixels: Any, rows: Any, pinned: bool) -> torch.Tensor:
    """Pinned memory is the driver's. The loader's thread is outside the fake mode: its tensors are real."""
    images = torch.zeros((len(rows), *pixels.shape[1:]), dtype=torch.uint8)
    return fake_pin_memory(images) if pinned else images


def fake_pin_memory(self: torch.Tensor) -> torch.Tensor:
    """As `fake_gather`; the mark lets copies from memory that is not pinned be found."""
    copy = self.clone()
    copy.pinned = True  # type: ignore[attr-defined]
    return copy


def fake_copy_async(sums: torch.Tensor) -> Callable[[], None]:
    """CUDA events are the driver's; the copy never arrives, as on a device that is far behind."""
    return lambda: None


def fake_numpy(self: torch.Tensor, *, force: bool = False) -> Any:
    """A fake tensor has no memory to share; zeros of its shape, and torch's refusal for one on the device."""
    if not isinstance(self, FakeTensor):
        return _REAL_NUMPY(self, force=force)
    if self.device.type != "cpu":
        raise TypeError(f"can't convert {self.device} device type tensor to numpy")
    return np.zeros(tuple(self.shape), str(self.dtype).removeprefix("torch."))


def fake_backward(self: torch.Tensor, *_: Any, **__: Any) -> None:
    """The C++ autograd engine asks the driver for the stream of each CUDA node.

    Here the graph is walked and every leaf gets an empty gradient on its own device. The backward formulas of
    torch are thus not tried, and the package has no `autograd.Function` for which it would matter.
    """
    assert self.grad_fn is not None, "the loss has no graph"
    seen: set[Any] = set()
    waiting: list[Any] = [self.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            node.variable.grad = torch.empty_like(node.variable)
        waiting += [before for before, _ in node.next_functions]


def fake_fused(name: str) -> Callable[..., None]:
    """FakeTensorMode has no form of torch's fused optimisers; this compares the devices of all tensors."""

    def update(parameters: Any, gradients: Any, *lists: Any, **more: Any) -> None:
        assert len(parameters) == len(gradients) > 0
        tensors = [*parameters, *gradients]
        for part in (*lists, *more.values()):
            tensors += part if isinstance(part, list) else [part]
        devices = {tensor.device for tensor in tensors if isinstance(tensor, torch.Tensor)}
        if len(devices) != 1:
            raise RuntimeError(f"{name}: tensors on {', '.join(sorted(map(str, devices)))}")

    return update


class _Torch(SimpleNamespace):
    """The module `torch` with a name replaced, for one module of the package."""

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


@contextlib.contextmanager
def stand_ins(capability: tuple[int, int] = (8, 0)) -> Iterator[None]:
    """Puts everything in place; `torch.cuda.is_available` stays false.

    Only then does FakeTensorMode install a device guard that does nothing.
    """
    patches: list[Any] = [
        mock.patch.object(step, "torch", _Torch(Generator=FakeGenerator)),
        mock.patch.object(class_sampling, "torch", _Torch(rand=fake_rand)),
        mock.patch.object(streaming, "gather", fake_gather),
        mock.patch.object(device_batches, "gather", fake_gather),
        mock.patch.object(accumulator, "copy_async", fake_copy_async),
        mock.patch.object(torch.Tensor, "pin_memory", fake_pin_memory),
        mock.patch.object(torch.Tensor, "numpy", fake_numpy),
        mock.patch.object(torch.Tensor, "backward", fake_backward),
        # Would be put off until CUDA begins, and pile up.
        mock.patch("torch.cuda.manual_seed_all", lambda seed: None),
        # The scaler and autocast switch themselves off, or refuse, where no device answers.
        mock.patch("torch.cuda.amp.common.amp_definitely_not_available", lambda: False),
        mock.patch("torch.cuda.is_bf16_supported", lambda *_: capability >= (8, 0)),
        mock.patch("torch.cuda.get_device_capability", lambda *_: capability),
        *(mock.patch.object(torch, f"_fused_{name}_", fake_fused(name)) for name in _FUSED),
    ]
    with contextlib.ExitStack() as stack:
        for patch in patches:
            stack.enter_context(patch)
        for kept in _KEPT:  # a fake tensor that is kept belongs to the mode that made it
            kept.cache_clear()
            stack.callback(kept.cache_clear)
        yield


_KEPT = (batched_transforms._colours, batched_geometry._outer_index)
_FUSED = ("sgd", "adam", "adamw", "adagrad")

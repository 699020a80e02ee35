"""Weights on disk: our own checkpoints; `foreign_weights` reads the files of others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from kaggle_face.artifacts.atomic import replacing
from kaggle_face.errors import RunError

Tensors = Mapping[str, Tensor]


def save_weights(weights: nn.Module | Tensors, path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Writes a module's parameters and buffers, or named tensors, as safetensors; never half a file."""
    tensors = weights.state_dict() if isinstance(weights, nn.Module) else weights
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with replacing(path) as temporary:
        save_file(plain, temporary, dict(metadata or {}))


def read_weights(path: Path) -> dict[str, Tensor]:
    """The named tensors of a safetensors file, on the CPU.

    Raises:
        RunError: The file is missing or damaged.
    """
    with _reading(path):
        return load_file(path)


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata that `save_weights` was given; the tensors are not read.

    Raises:
        RunError: The file is missing or damaged.
    """
    with _reading(path), safe_open(path, framework="pt") as file:
        return dict(file.metadata() or {})


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    if not path.is_file():
        raise RunError(f"{path} is missing; train the run again, or name another checkpoint")
    try:
        yield
    except SafetensorError as error:
        raise RunError(
            f"{path} is damaged ({error}); train the run again, or name another checkpoint"
        ) from error


def load_weights(module: nn.Module, path: Path) -> None:
    """Sets all parameters and buffers of a module from what `save_weights` wrote.

    Raises:
        RunError: The file is missing, damaged, or holds another network or numbers that are not finite.
    """
    tensors, own = read_weights(path), module.state_dict()
    wrong = [name for name in own if name not in tensors or tensors[name].shape != own[name].shape]
    wrong += [name for name in tensors if name not in own]
    if wrong:
        raise RunError(
            f"{path} holds another network: {fit_line(own, tensors, wrong[0], len(own) - len(wrong))}; "
            "use the settings that the run was trained with"
        )
    require_finite(tensors, path)
    module.load_state_dict(tensors)


def first_not_finite(tensors: Tensors) -> str | None:
    """The name of the first tensor that holds NaN or an infinite value; None where there is none."""
    fractions = {name: tensor for name, tensor in tensors.items() if tensor.is_floating_point()}
    if not fractions:
        return None
    finite = torch.stack([torch.isfinite(tensor).all() for tensor in fractions.values()]).tolist()
    return next((name for name, is_finite in zip(fractions, finite, strict=True) if not is_finite), None)


def require_finite(tensors: Tensors, path: Path) -> None:
    """Refuses the weights of a run that hold NaN or infinite values.

    Raises:
        RunError: They do; file and tensor are named.
    """
    name = first_not_finite(tensors)
    if name is not None:
        raise RunError(
            f"{path} holds weights that are not finite, first: {name}; its training diverged: train it anew "
            "with a lower optim.lr, or name another checkpoint"
        )


def fit_line(own: Tensors, theirs: Tensors, first: str, fitting: int) -> str:
    """How many tensors of a network a file holds, and the first that it does not."""

    def shape(tensors: Tensors) -> str:
        return "x".join(map(str, tensors[first].shape)) or "scalar" if first in tensors else "absent"

    return (
        f"{max(fitting, 0)} of {len(own)} tensors fit, first that does not: {first} "
        f"(file {shape(theirs)}, network {shape(own)})"
    )

"""Weights on disk: our own checkpoints; `foreign_weights` reads the files of others."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from kaggle_face.artifacts.checkpoint_file import (
    NO_CHECKSUM,
    WEIGHTS,
    check_checksum,
    header_metadata,
    write_checksum,
)
from kaggle_face.artifacts.files.atomic import replacing
from kaggle_face.errors import RunError, part_of

Tensors = Mapping[str, Tensor]

_REMEDY = "train the run again, or name another checkpoint"


def save_weights(weights: nn.Module | Tensors, path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Writes a module's parameters and buffers, or named tensors, as safetensors; never half a file.

    The metadata get the digest of the tensors, which names this network, and the checksum of the file.
    """
    tensors = weights.state_dict() if isinstance(weights, nn.Module) else weights
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    about = header_metadata({**(metadata or {}), WEIGHTS: digest_of_tensors(plain)})
    with replacing(path) as temporary:
        save_file(plain, temporary, about)
        write_checksum(temporary)


def digest_of_tensors(tensors: Tensors) -> str:
    """The digest of named tensors: names, types, shapes and every bit of the values."""
    total = sha256()
    for name, tensor in sorted(tensors.items()):
        values = tensor.detach().cpu().contiguous().reshape(-1)
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        total.update(values.view(torch.uint8).numpy().data)
    return total.hexdigest()[: len(NO_CHECKSUM)]


def read_weights(path: Path) -> dict[str, Tensor]:
    """The named tensors of a safetensors file that `save_weights` wrote, on the CPU.

    Raises:
        RunError: The file is missing, or is not bit for bit what was written.
    """
    if not path.is_file():
        raise RunError(f"{path} is missing; {_REMEDY}")
    try:
        check_checksum(path)
        return load_file(path)
    except SafetensorError as error:
        raise RunError(f"{path} is damaged ({error}); {_REMEDY}") from error
    except RunError as error:
        raise RunError(f"{error}; {_REMEDY}") from error


def load_weights(module: nn.Module, path: Path) -> None:
    """Sets all parameters and buffers of a module from a file of `save_weights`.

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
    """One line: how many tensors of a network a file holds, and the first that it does not."""

    def shape(tensors: Tensors) -> str:
        return "x".join(map(str, tensors[first].shape)) or "scalar" if first in tensors else "absent"

    return (
        f"{part_of(max(fitting, 0), len(own), 'tensor', 'fit')}, first that does not: {first} "
        f"(file {shape(theirs)}, network {shape(own)})"
    )

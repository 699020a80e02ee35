"""Weight files of other programs, read without running code from them.

torch's unpickler builds tensors and plain containers alone (`weights_only`). Training checkpoints hold a few
harmless things beside them: NumPy scalars, a namespace of arguments, paths. Their constructors are not called
either: NumPy's would make an object of any address that a file names, through a state of `numpy.dtype` that
denies that it holds objects. Each is read as an empty object of ours instead, since nobody needs its value.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from kaggle_face.errors import ConfigError

TensorSets = Mapping[str, Mapping[str, Tensor]]
"""The mappings of a file that hold tensors, by the keys that lead to each, joined by dots; '' is the file."""

_TORCH_SUFFIXES = (".pth", ".pt", ".bin", ".ckpt", ".pth.tar", ".pt.tar", ".ckpt.tar")
_WRAPPERS = ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")
"""What torch.compile and wrappers of parallel training put into names, at any place."""
_HARMLESS = (
    "argparse.Namespace",
    "numpy.core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy.dtype",
    "numpy.ndarray",
    *(f"{module}.{name}Path" for module in ("pathlib", "pathlib._local") for name in ("Posix", "Windows")),
    *(f"pathlib.Pure{name}Path" for name in ("Posix", "Windows")),
)
_MOST_SETS = 10_000
"""Mappings and lists of a file that are looked into."""


class _Unread:
    """Stands for a value beside the tensors; it takes any state from a file and keeps nothing."""

    def __init__(self, *values: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...


def read_tensor_sets(path: Path) -> TensorSets:
    """Every mapping of named tensors in a weight file, on the CPU; other values are passed over.

    Raises:
        ConfigError: The file is missing, damaged, of an unknown kind, or would run code.
    """
    if not path.is_file():
        raise ConfigError(f"model.weights: there is no file {path}")
    name = path.name.lower()
    if not name.endswith((".safetensors", *_TORCH_SUFFIXES)):
        known = ", ".join((".safetensors", *_TORCH_SUFFIXES))
        raise ConfigError(f"model.weights: {path} must end in one of {known}")
    try:
        content = load_file(path) if name.endswith(".safetensors") else _load_tensors(path)
    except Exception as error:  # what a damaged file makes the readers raise is without end
        raise ConfigError(
            f"model.weights: {path} is damaged or holds more than tensors, whose code is not run; "
            "save its state_dict alone"
        ) from error
    found = list(islice(_walk(content), _MOST_SETS + 1))
    if len(found) > _MOST_SETS:
        raise ConfigError(f"model.weights: {path} is nested beyond measure; save its state_dict alone")
    sets = {key: tensors for key, tensors in found if tensors}
    if not sets:
        raise ConfigError(f"model.weights: {path} holds no named tensors; save a state_dict")
    return sets


def _load_tensors(path: Path) -> object:
    with torch.serialization.safe_globals([_stand_in(name) for name in _HARMLESS]):
        return torch.load(path, map_location="cpu", weights_only=True)


def _stand_in(name: str) -> type[_Unread]:
    """A class of ours that goes by the name of another thing: so torch finds it, in all its releases."""
    module, _, own = name.rpartition(".")
    return type(own, (_Unread,), {"__module__": module})


def _walk(content: object) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """The tensors directly in each mapping or list, outermost first."""
    waiting, seen = deque([("", content)]), set[int]()
    while waiting:
        key, current = waiting.popleft()
        if id(current) in seen:
            continue  # a file may hold a mapping twice, or in itself
        seen.add(id(current))
        entries = list(_entries(current))
        yield key, _plain_names({name: each for name, each in entries if isinstance(each, Tensor)})
        inner = [(name, each) for name, each in entries if isinstance(each, Mapping | list | tuple)]
        waiting += [(f"{key}.{name}" if key else name, each) for name, each in inner]


def _entries(content: object) -> Iterable[tuple[str, object]]:
    if isinstance(content, Mapping):
        return ((str(name), each) for name, each in content.items())
    if isinstance(content, list | tuple):
        return ((str(place), each) for place, each in enumerate(content))
    return ()


def _plain_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Without the words of wrappers, unless two names would become one."""
    plain: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        short = name
        for wrapper in _WRAPPERS:
            short = short.replace(wrapper, "")
        if short in plain:
            return dict(tensors)
        plain[short] = tensor
    return plain

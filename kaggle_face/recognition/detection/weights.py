"""The weights inside the package `mtcnn`, read without running what their files may hold.

Each file is an LZ4 frame around a list of arrays as joblib writes it: a pickle in which the bytes of each
array follow its description. A pickle may name any function to be called as it is read. This reader knows the
three names that describe an array and refuses every other: a file can make lists of numbers and nothing else.
"""

from __future__ import annotations

import io
import math
import pickle
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from kaggle_face.errors import DataError, MissingExtraError

NetworkName = Literal["pnet", "rnet", "onet"]
Float32 = npt.NDArray[np.float32]

_MOST_NUMBERS = 2_000_000  # the largest network has 0.4 million


def read_network_arrays(name: NetworkName) -> list[Float32]:
    """The arrays of one network in the order of its layers, kernels (height, width, in, out).

    Raises:
        MissingExtraError: The package is not installed.
        DataError: Its file is damaged, or holds something else than arrays.
    """
    try:
        import lz4.frame

        files = metadata.files("mtcnn") or []
    except (ImportError, metadata.PackageNotFoundError):
        raise MissingExtraError("mtcnn", "align") from None
    found = [file for file in files if file.name == f"{name}.lz4"]
    if not found:
        raise MissingExtraError("mtcnn>=1.0", "align")
    path = Path(str(found[0].locate()))
    try:
        return read_arrays(lz4.frame.decompress(path.read_bytes()))
    except (OSError, RuntimeError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}); install the package mtcnn again") from error


def read_arrays(data: bytes) -> list[Float32]:
    """The arrays of float32 in a list that joblib wrote.

    Raises:
        ValueError: The data hold anything else, or end early.
    """
    stream = io.BytesIO(data)
    try:
        found = _ArrayUnpickler(stream).load()
    except ValueError:
        raise
    except Exception as error:  # damaged pickles raise nearly everything
        raise ValueError(f"no list of arrays: {error}") from error
    if not isinstance(found, list) or not all(isinstance(one, _ArrayNote) for one in found):
        raise ValueError("no list of arrays")
    return [one.values for one in found]


class _ArrayUnpickler(pickle.Unpickler):
    """Builds notes about arrays, each with the numbers that follow it in the stream."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream)
        self._known: dict[tuple[str, str], type] = {
            ("joblib.numpy_pickle", "NumpyArrayWrapper"): type("_Note", (_ArrayNote,), {"stream": stream}),
            ("numpy", "ndarray"): _PlainArray,
            ("numpy", "dtype"): _LittleFloat32,
        }

    def find_class(self, module: str, name: str) -> type:
        """The stand-in of a name of the file.

        Raises:
            ValueError: The name describes no array.
        """
        found = self._known.get((module, name))
        if found is None:
            raise ValueError(f"it names {module}.{name}")
        return found


class _PlainArray:
    """Stands in for numpy.ndarray."""


class _LittleFloat32:
    """Stands in for numpy.dtype, of which one kind is known: float32 in little-endian order."""

    def __init__(self, code: str, *flags: bool) -> None:
        if code != "f4":
            raise ValueError(f"an array of {code!r}, not of float32")

    def __setstate__(self, state: tuple[object, ...]) -> None:
        if state[1] != "<":
            raise ValueError("an array in another order of bytes")


class _ArrayNote:
    """Stands in for joblib's NumpyArrayWrapper: takes the array's numbers from the stream."""

    stream: io.BytesIO
    values: Float32

    def __setstate__(self, state: dict[str, Any]) -> None:
        shape, order = state["shape"], state["order"]
        if not isinstance(state["dtype"], _LittleFloat32) or state["subclass"] is not _PlainArray:
            raise ValueError("an array of another kind")
        if order not in ("C", "F") or math.prod(shape) > _MOST_NUMBERS:
            raise ValueError(f"an array of shape {shape} in order {order!r}")
        if state.get("numpy_array_alignment_bytes") is not None:
            self.stream.read(self.stream.read(1)[0])  # so many bytes fill up to a round address
        numbers = self.stream.read(4 * math.prod(shape))
        self.values = np.frombuffer(numbers, "<f4").reshape(shape, order=order).astype(np.float32)

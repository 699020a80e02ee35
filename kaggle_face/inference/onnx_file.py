"""An ONNX file of `export`: its description, and a check of its bytes.

The description is one JSON text in `metadata_props`, under `kaggle_face`. It holds `checksum`, the digest of
the whole file in which the checksum's own digits are zeros. A file is read and checked as bytes, and the
library is given those bytes: nothing in it can name another file. Nothing here needs torch or onnx.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal, get_args

from kaggle_face.artifacts.files.reading import json_object, reading, size_of_regular
from kaggle_face.artifacts.model_fields import EXPORT, check_fields
from kaggle_face.errors import KaggleFaceError, RunError
from kaggle_face.hints import command_line
from kaggle_face.inference.onnx_wire import has_external_data, metadata_of

SUFFIX = ".onnx"
KEY = "kaggle_face"
FORMAT = 1
INPUT = "images"
EMBEDDINGS: Final = "embeddings"
LOGITS: Final = "logits"
"""Names of the graph's input and outputs."""

OutputName = Literal["embeddings", "logits"]
Precision = Literal["fp32", "fp16", "int8"]
Outputs = Literal["embeddings", "logits", "both"]
Format = Literal["onnx"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

_NO_CHECKSUM = "0" * 32
_PLACE = re.compile(rb'"checksum": "([0-9a-f]{32})"')
_MOST_BYTES = 2**31  # a protocol buffer holds no more
_AGAIN = "export the run again"


@dataclass(frozen=True)
class NetworkDigest:
    """A network inside a file: `<config>/<run>/fold<k>@<checkpoint>`, and the digest of its weights."""

    name: str
    weights: str
    share: float = 1.0


@dataclass(frozen=True)
class OnnxDescription:
    """The description of an exported file.

    Attributes:
        run: `<config>/<run>`.
        fold: Number of the fold; of a blend that of its first network.
        checkpoint: Its name, or `blend`.
        precision: Of the weights.
        fingerprint: Of weights and all settings that change an embedding; what a gallery remembers.
        networks: The networks inside.
        averaging: What embeddings are averaged over, as `predict` names it.
        image_size: Side in pixels of the images.
        input: What the input is, in words.
        embedding_size: D; 0 where there are only logits.
        classes: Names of the classes, in the order of the logits; empty where there are only embeddings.
        thresholds: Those of cosines, as fields of `Threshold` by name.
        version: Of this package, at the export.
    """

    run: str
    fold: int
    checkpoint: str
    precision: Precision
    fingerprint: str
    networks: tuple[NetworkDigest, ...]
    averaging: str
    image_size: int
    embedding_size: int
    classes: tuple[str, ...]
    thresholds: tuple[Mapping[str, Any], ...] = ()
    version: str = ""
    input: str = "uint8, RGB, (images, image_size, image_size, 3), values 0 to 255"

    def to_text(self) -> str:
        """As JSON, with the place of the checksum."""
        values = {"format": FORMAT, "checksum": _NO_CHECKSUM, **dataclasses.asdict(self)}
        return json.dumps(values, ensure_ascii=False, allow_nan=False)


def with_checksum(data: bytes) -> bytes:
    """The bytes of a file whose description is `to_text`'s, with its checksum in place."""
    place = _PLACE.search(data)
    assert place is not None, "the description has a place for the checksum"
    start, end = place.span(1)
    return data[:start] + _digest(data, place).encode() + data[end:]


def read_onnx(path: Path) -> tuple[bytes, OnnxDescription]:
    """The bytes of an exported file, and its description.

    Raises:
        RunError: The file is missing, cut off, not what was written, of another program or version, or
            wants weights from another file.
    """
    with reading(path):
        size = size_of_regular(path)
        if size >= _MOST_BYTES:
            raise ValueError(f"{size:,} bytes; an ONNX file has fewer than {_MOST_BYTES:,}")
        data = path.read_bytes()
    try:
        return data, _describe(data)
    except KaggleFaceError as error:
        raise RunError(f"{path}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path} cannot be used: {' '.join(str(error).split())}; {_AGAIN}") from error


def _describe(data: bytes) -> OnnxDescription:
    text = metadata_of(data).get(KEY)
    if has_external_data(data):
        raise ValueError("its weights lie in another file, and no other file is read")
    if text is None:
        command = command_line("export")
        raise ValueError(
            f"it has no description by kaggle-face: it was made by another program ({command} makes one)"
        )
    place = _PLACE.search(data)
    if place is None or _digest(data, place).encode() != place[1]:
        raise ValueError("it is damaged or was changed: it is not what was written")
    values = json_object(text)
    if values.get("format") != FORMAT:
        raise ValueError(f"it is of format {values.get('format')!r}, and this version reads {FORMAT}")
    check_fields(values, EXPORT, "its description", _AGAIN)
    known = {field.name for field in dataclasses.fields(OnnxDescription)}
    found = {name: value for name, value in values.items() if name in known}
    found["networks"] = tuple(NetworkDigest(**one) for one in found["networks"])
    thresholds = tuple(
        {name: math.nan if value is None else value for name, value in one.items()}
        for one in found["thresholds"]
    )
    return OnnxDescription(**{**found, "classes": tuple(found["classes"]), "thresholds": thresholds})


def _digest(data: bytes, place: re.Match[bytes]) -> str:
    total = sha256(data[: place.start(1)])
    total.update(_NO_CHECKSUM.encode())
    total.update(memoryview(data)[place.end(1) :])
    return total.hexdigest()[: len(_NO_CHECKSUM)]

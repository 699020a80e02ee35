"""The parts of an ONNX file that are looked at before a library reads it.

An ONNX file is a protocol buffer: fields with a number and a wire type, messages within messages (Protocol
Buffers, "Encoding"; field numbers are those of onnx.proto3). Weights may lie in other files ("external
data"), whose path the file names: a file from outside could have any file of this machine read. Everywhere
where tensors may stand, one with external data is found here.
"""

from __future__ import annotations

from collections.abc import Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MOST_DEPTH = 32
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_METADATA = 14
# message: {field number: message that it holds}
_INSIDE: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}


def fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Number and value of each field of a message: whole numbers, or the bytes of what has a length.

    Raises:
        ValueError: The message is cut off or no protocol buffer.
    """
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        number, wire_type = key >> 3, key & 7
        if number == 0:
            raise ValueError("it is not an ONNX file")
        if wire_type == _VARINT:
            value, place = _varint(data, place)
            yield number, value
            continue
        if wire_type == _BYTES:
            length, place = _varint(data, place)
        elif wire_type in (_FIXED64, _FIXED32):
            length = 8 if wire_type == _FIXED64 else 4
        else:
            raise ValueError("it is not an ONNX file")
        if place + length > len(data):
            raise ValueError("it is cut off, or not an ONNX file")
        yield number, data[place : place + length]
        place += length


def metadata_of(data: bytes) -> dict[str, str]:
    """The texts that a file holds about itself, `metadata_props`.

    Raises:
        ValueError: The file is cut off or not an ONNX file; or a name stands there twice.
    """
    found: dict[str, str] = {}
    for number, value in fields(memoryview(data)):
        if number == _METADATA and isinstance(value, memoryview):
            entry = {key: bytes(text) for key, text in fields(value) if isinstance(text, memoryview)}
            name = entry.get(1, b"").decode()
            if name in found:
                raise ValueError(f"it holds '{name}' twice")
            found[name] = entry.get(2, b"").decode()
    return found


def has_external_data(data: bytes) -> bool:
    """Whether any tensor of a file lies in another file.

    Raises:
        ValueError: The file is cut off, nested too deeply, or not an ONNX file.
    """
    return _has_external(memoryview(data), "model", 0)


def _has_external(data: memoryview, message: str, depth: int) -> bool:
    if depth > _MOST_DEPTH:
        raise ValueError("it is nested too deeply")
    if message == "tensor":
        return any(
            number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0)
            for number, value in fields(data)
        )
    inside = _INSIDE[message]
    return any(
        _has_external(value, inside[number], depth + 1)
        for number, value in fields(data)
        if number in inside and isinstance(value, memoryview)
    )


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if place >= len(data) or shift > 63:
            raise ValueError("it is cut off, or not an ONNX file")
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place

"""The types of the values that describe a model: a gallery's model card, and an exported ONNX file.

`identify` reads both whenever it starts, and importing pydantic and building its validators would take a
quarter of that start: these few fields are checked without it. All other JSON files have their types in
`json_types`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kaggle_face.errors import RunError
from kaggle_face.file_names import is_unicode

_DIGEST = re.compile(r"[0-9a-f]{8,128}")
_PRECISIONS = ("fp32", "fp16", "int8")
_MOST_WHOLE = 2**63 - 1

Fault = tuple[str, str, object]
"""Name of a value, what it must be, and what it is."""
Check = Callable[[str, object], Iterator[Fault]]


@dataclass(frozen=True)
class Fields:
    """The keys of a JSON object with the check of each value.

    Attributes:
        required: Those that must be there.
        optional: Those that may be missing.
        others_allowed: Whether keys that are not named may hold anything, else they are refused.
    """

    required: Mapping[str, Check]
    optional: Mapping[str, Check]
    others_allowed: bool = False

    def faults(self, name: str, value: object) -> Iterator[Fault]:
        """The faults of a value under a name ('' for the whole)."""
        if not isinstance(value, Mapping):
            yield name, "be a part with 'key: value' lines", value
            return
        place = f"{name}." if name else ""
        for key in self.required:
            if key not in value:
                yield f"{place}{key}", "be there", value
        for key, found in value.items():
            check = self.required.get(key) or self.optional.get(key)
            if check is not None:
                yield from check(f"{place}{key}", found)
            elif not self.others_allowed:
                yield f"{place}{key}", "not be there", found


def check_fields(values: object, fields: Fields, source: str, advice: str) -> None:
    """Checks the types of the values of a JSON object.

    Raises:
        RunError: One is wrong; the message has its full name.
    """
    for name, expected, value in fields.faults("", values):
        from kaggle_face.config.wording import shown  # it takes the whole of `config`

        got = "" if expected == "be there" else f", got {shown(value)}"
        raise RunError(f"{source}: {name or 'it'} must {expected}{got}; {advice}")


def _text(name: str, value: object) -> Iterator[Fault]:
    if not isinstance(value, str) or not is_unicode(value):
        yield name, "be text", value


def _digest(name: str, value: object) -> Iterator[Fault]:
    if not isinstance(value, str) or _DIGEST.fullmatch(value) is None:
        yield name, "be a digest", value


def _precision(name: str, value: object) -> Iterator[Fault]:
    if value not in _PRECISIONS:
        yield name, f"be one of {', '.join(_PRECISIONS)}", value


def _number(name: str, value: object) -> Iterator[Fault]:
    if type(value) is int:
        is_number = abs(value) <= _MOST_WHOLE
    else:
        is_number = isinstance(value, float) and math.isfinite(value)
    if not is_number:
        yield name, "be a finite number", value


def _number_or_null(name: str, value: object) -> Iterator[Fault]:
    if value is not None:
        yield from _number(name, value)


def _whole(least: int = 0, most: int = _MOST_WHOLE) -> Check:
    def check(name: str, value: object) -> Iterator[Fault]:
        if type(value) is not int or not least <= value <= most:  # a bool is an int
            yield name, f"be a whole number from {least} to {most}", value

    return check


def _list_of(check: Check) -> Check:
    def check_all(name: str, value: Any) -> Iterator[Fault]:
        if not isinstance(value, list):
            yield name, "be a list", value
            return
        for position, each in enumerate(value):
            yield from check(f"{name}.{position}", each)

    return check_all


_THRESHOLD = Fields(
    {"name": _text, "value": _number},
    {"fpr": _number_or_null, "fnr": _number_or_null, "num_different": _whole(), "num_same": _whole()},
)
_NETWORK = Fields({"name": _text, "weights": _digest}, {"share": _number})

CARD = Fields(
    {
        "fingerprint": _text,
        "run": _text,
        "fold": _whole(),
        "checkpoint": _text,
        "folder": _text,
        "image_size": _whole(1, 1 << 16),
        "embedding_size": _whole(1, 1 << 16),
        "thresholds": _list_of(_THRESHOLD.faults),
    },
    {},
)
"""The fields of `ModelCard`."""

EXPORT = Fields(
    {
        "format": _whole(1, 1),
        "checksum": _digest,
        "run": _text,
        "fold": _whole(),
        "checkpoint": _text,
        "precision": _precision,
        "fingerprint": _text,
        "networks": _list_of(_NETWORK.faults),
        "averaging": _text,
        "image_size": _whole(1, 1 << 16),
        "embedding_size": _whole(0, 1 << 20),
        "classes": _list_of(_text),
        "thresholds": _list_of(_THRESHOLD.faults),
        "version": _text,
        "input": _text,
    },
    {},
    others_allowed=True,
)
"""The fields of `OnnxDescription`, and those of its place in the file."""

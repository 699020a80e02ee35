"""Fields of Kaggle's answers, checked: the official client takes a value of any type for any field."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from kaggle_face.kaggle.client.transport import UnreadableAnswerError

T = TypeVar("T")

_LARGEST = 2**63


def text_of(item: Any, name: str) -> str:
    """A text; empty without any. Text that is not Unicode is replaced by U+FFFD."""
    value = getattr(item, name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _wrong(name, "a text", value)
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def number_of(item: Any, name: str) -> int:
    """A whole number that is not negative; 0 where there is none."""
    value = getattr(item, name)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 19:
        value = int(value)  # as JSON carries 64 bits
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _LARGEST:
        raise _wrong(name, "a whole number from 0", value)
    return value


def flag_of(item: Any, name: str) -> bool:
    """True or false; false where there is nothing."""
    value = getattr(item, name)
    if value is not None and not isinstance(value, bool):
        raise _wrong(name, "true or false", value)
    return bool(value)


def moment_of(item: Any, name: str) -> datetime | None:
    """A time in UTC."""
    value = getattr(item, name)
    if value is None:
        return None
    if not isinstance(value, datetime):
        raise _wrong(name, "a time", value)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def hours_of(item: Any, name: str) -> float:
    """A duration in hours that is not negative; 0 where there is none."""
    value = getattr(item, name)
    if value is None:
        return 0.0
    if not isinstance(value, timedelta) or value < timedelta():
        raise _wrong(name, "a duration", value)
    return value.total_seconds() / 3600


def score_of(item: Any, name: str) -> float | None:
    """A text that is a finite number; None where it is another text."""
    try:
        score = float(text_of(item, name))
    except ValueError:
        return None
    return score if math.isfinite(score) else None


def items_of(item: Any, name: str, read: Callable[[Any], T]) -> list[T]:
    """Each item of a list, read by `read`; empty where there is none."""
    value = getattr(item, name)
    if value is None:
        return []
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise _wrong(name, "a list", value)
    return [read(part) for part in value]


def name_of(item: Any, name: str) -> str:
    """The name of an enumerated value."""
    found = getattr(getattr(item, name), "name", None)
    if not isinstance(found, str):
        raise _wrong(name, "one of the known names", getattr(item, name))
    return found


def required_text(item: Any, name: str) -> str:
    """A text that must be there."""
    found = text_of(item, name)
    if not found:
        raise UnreadableAnswerError(f"it has no '{name}'")
    return found


def required_number(item: Any, name: str) -> int:
    """A number above 0 that must be there."""
    found = number_of(item, name)
    if not found:
        raise UnreadableAnswerError(f"it has no '{name}'")
    return found


def _wrong(name: str, wanted: str, value: object) -> UnreadableAnswerError:
    return UnreadableAnswerError(f"its '{name}' is not {wanted} but {type(value).__name__}")

"""Records as plain values, for JSON."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def plain_values(value: Any) -> Any:
    """Records as dictionaries, sequences as lists, paths as text; a number that is not finite as None.

    >>> plain_values({"low": float("nan"), "rows": (1, 2), "path": Path("runs")})
    {'low': None, 'rows': [1, 2], 'path': 'runs'}
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        return {name: plain_values(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {str(key): plain_values(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain_values(inner) for inner in value]
    if isinstance(value, Path):
        return value.as_posix()
    return None if isinstance(value, float) and not math.isfinite(value) else value

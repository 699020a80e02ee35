"""Former names of settings, which are read for one more release."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

FORMER_NAMES = {
    "competition.family": "competition.layout",
    "data.residence": "data.placement",
    "paths.packs": "paths.cache",
}
"""Each former key and the one of today."""


class FormerNameWarning(FutureWarning):
    """A setting was given by its former name."""


def with_current_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with today's keys in place of former ones, as a record of an earlier version has them.

    >>> with_current_names({"data": {"residence": "workers", "workers": 2}, "seed": 1})
    {'data': {'placement': 'workers', 'workers': 2}, 'seed': 1}
    """
    return {
        part: {
            FORMER_NAMES.get(f"{part}.{key}", f".{key}").partition(".")[2]: value
            for key, value in inside.items()
        }
        if isinstance(inside, Mapping)
        else inside
        for part, inside in values.items()
    }


def former_names_in(values: Mapping[str, Any]) -> list[str]:
    """The former keys that are in settings."""
    found = (key.split(".") for key in FORMER_NAMES)
    return [
        f"{part}.{key}"
        for part, key in found
        if isinstance(values.get(part), Mapping) and key in values[part]
    ]


def warn_of_former_names(names: Sequence[str], source: str = "") -> None:
    """One warning for each former key, which names today's; `source` is the file that has it."""
    for name in names:
        line = f"{name} is now called {FORMER_NAMES[name]}; the old name goes with the next release"
        warnings.warn(f"{source}: {line}" if source else line, FormerNameWarning, stacklevel=2)

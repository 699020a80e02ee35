"""The description of a search, which all of its workers and later calls must share."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, TypedDict, cast

from kaggle_face.config import Config, dump_config, parse_config
from kaggle_face.config.comparing import changed_settings
from kaggle_face.errors import KaggleFaceError
from kaggle_face.train.search.space import SearchSpace, space_values


class SearchBeginning(TypedDict):
    """Values of JSON that a study keeps.

    `id` marks the runs of its trials; `settings` are those of the whole training, as YAML; `data` and `folds`
    are digests and the name of the split.
    """

    id: str
    space: dict[str, Any]
    settings: str
    fold: int
    trial_epochs: int | None
    data: dict[str, str]
    folds: str


def search_beginning(
    space: SearchSpace,
    config: Config,
    fold: int,
    trial_epochs: int | None,
    data: Mapping[str, str],
    folds: str,
) -> SearchBeginning:
    """The description of a search that begins now."""
    return {
        "id": uuid.uuid4().hex,
        "space": space_values(space),
        "settings": dump_config(config),
        "fold": fold,
        "trial_epochs": trial_epochs,
        "data": dict(data),
        "folds": folds,
    }


def search_differences(old: Mapping[str, Any], new: SearchBeginning) -> list[str]:
    """The differences between two searches, as `what: old -> new`; empty where trials can be compared.

    >>> new = search_beginning({"optim.lr": (0.1, 0.2)}, Config(), 0, 5, {"images": "ab"}, "five")
    >>> search_differences({**new, "id": "other", "fold": 1, "data": {"images": "cd"}}, new)
    ['fold: 1 -> 0', 'data: other images']
    """
    found = []
    before, after = old.get("space"), new["space"]
    if before != after:
        both = [values if isinstance(values, dict) else {} for values in (before, after)]
        keys = [key for key in {**both[0], **both[1]} if both[0].get(key) != both[1].get(key)]
        found += [f"space of {key}: {_shown(both[0].get(key))} -> {_shown(both[1].get(key))}" for key in keys]
        found = found or ["space"]
    found += _changed_settings(old.get("settings"), new)
    for key, name in (("fold", "fold"), ("trial_epochs", "epochs of a trial"), ("folds", "folds")):
        if old.get(key) != cast(Mapping[str, Any], new)[key]:
            found.append(f"{name}: {old.get(key)} -> {cast(Mapping[str, Any], new)[key]}")
    data = old.get("data")
    data = data if isinstance(data, dict) else {}
    names = [name for name in {**data, **new["data"]} if data.get(name) != new["data"].get(name)]
    return [*found, *([f"data: other {', '.join(names)}"] if names else [])]


def _changed_settings(old: object, new: SearchBeginning) -> list[str]:
    try:
        before = parse_config(str(old), "the study")
    except KaggleFaceError as error:
        return [f"settings of another version ({error})"]
    changes = changed_settings(before, parse_config(new["settings"], "the settings"), "resume")
    return [change for change in changes if change.partition(":")[0] not in new["space"]]


def _shown(values: object) -> str:
    """A part of a search space on one line.

    >>> _shown({"low": 1, "high": 2}), _shown(["a", 0.5]), _shown(None)
    ('{low: 1, high: 2}', '[a, 0.5]', 'none')
    """
    if values is None:
        return "none"
    if isinstance(values, dict):
        return "{" + ", ".join(f"{key}: {value}" for key, value in values.items()) + "}"
    return f"[{', '.join(map(str, values))}]" if isinstance(values, list) else str(values)

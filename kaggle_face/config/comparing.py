"""Which settings differ between two configurations."""

from __future__ import annotations

from collections.abc import Sequence

from kaggle_face.config.schema import Config


def changed_settings(old: Config, new: Config, parts: Sequence[str]) -> list[str]:
    """The settings of the named parts that differ, as `key: old -> new`.

    >>> changed_settings(Config(), Config(seed=1), ["seed", "model"])
    ['seed: 0 -> 1']
    """
    before, after = old.model_dump(mode="json"), new.model_dump(mode="json")
    changes = []
    for part in parts:
        values = before[part] if isinstance(before[part], dict) else {"": before[part]}
        others = after[part] if isinstance(after[part], dict) else {"": after[part]}
        for key, value in values.items():
            if value != others[key]:
                changes.append(f"{part}.{key}: {value} -> {others[key]}".replace(".:", ":"))
    return changes

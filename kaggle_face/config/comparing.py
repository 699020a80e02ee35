"""Differences between two configurations, and which of them are allowed."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

Work = Literal["resume", "predict"]
"""What is done with a run that was begun with other settings: going on with its training, or using it."""


class MayChange:
    """Mark of a field or part of the settings that may differ from those a run was trained with.

    Where a training is resumed, such a setting does not change what is computed, but for rounding. Where a
    trained run is used, it changes neither the network nor the data.
    """

    def __init__(self, *works: Work) -> None:
        self.works = works


def changed_settings(old: BaseModel, new: BaseModel, work: Work) -> list[str]:
    """The settings that differ and may not, as `key: old -> new`.

    >>> from kaggle_face.config.schema import Config, DataConfig
    >>> changed_settings(Config(), Config(seed=1, data=DataConfig(root="elsewhere")), "resume")
    ['seed: 0 -> 1']
    >>> changed_settings(Config(), Config(seed=1, data=DataConfig(image_size=64)), "predict")
    ['data.image_size: 112 -> 64']
    """
    before, after = old.model_dump(mode="json"), new.model_dump(mode="json")
    changes = []
    for part in type(old).model_fields:
        if work in works_that_may_change(type(old), part):
            continue
        inside = getattr(old, part)
        if not isinstance(inside, BaseModel):
            if before[part] != after[part]:
                changes.append(f"{part}: {before[part]} -> {after[part]}")
            continue
        changes += [
            f"{part}.{key}: {value} -> {after[part][key]}"
            for key, value in before[part].items()
            if value != after[part][key] and work not in works_that_may_change(type(inside), key)
        ]
    return changes


def works_that_may_change(owner: type[BaseModel], field: str) -> tuple[Work, ...]:
    """The work that a field is marked for; empty without a mark."""
    marks = [mark for mark in owner.model_fields[field].metadata if isinstance(mark, MayChange)]
    return tuple(work for mark in marks for work in mark.works)

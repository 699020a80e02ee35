"""One row of the ledger: a file that was written or uploaded, and all that is known of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from kaggle_face.artifacts.cells import from_cell, to_cell

Status = Literal["WRITTEN", "UPLOADING", "FAILED", "UPLOADED", "PENDING", "COMPLETE", "ERROR"]
"""WRITTEN: only on disk. UPLOADING: begun, the outcome is not known yet. FAILED: Kaggle did not take it.
UPLOADED: taken, but not listed yet. PENDING, COMPLETE, ERROR: what Kaggle says of a listed one."""

ON_KAGGLE: tuple[Status, ...] = ("UPLOADED", "PENDING", "COMPLETE", "ERROR")
OPEN: tuple[Status, ...] = ("UPLOADING", "UPLOADED", "PENDING")


@dataclass(frozen=True)
class OutOfFold:
    """The score that the predictions behind a file reached on images held out of their training."""

    metric: str
    value: float
    higher_is_better: bool


@dataclass(frozen=True)
class Origin:
    """What a file was made from."""

    task: str
    runs: tuple[str, ...] = ()
    checkpoints: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    commit: str | None = None
    out_of_fold: OutOfFold | None = None


@dataclass(frozen=True)
class Entry:
    """The current state of a row; scores are Kaggle's text, None where nothing is known."""

    key: str
    time: str
    competition: str
    task: str = ""
    file: str = ""
    sha256: str | None = None
    rows: int | None = None
    runs: tuple[str, ...] = ()
    checkpoints: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    commit: str | None = None
    oof_metric: str | None = None
    oof_score: float | None = None
    oof_higher_is_better: bool | None = None
    message: str = ""
    tag: str | None = None
    reference: int | None = None
    status: Status = "WRITTEN"
    public_score: str | None = None
    private_score: str | None = None
    error: str | None = None

    @property
    def public(self) -> float | None:
        """The public score as a number."""
        return _number(self.public_score)

    @property
    def private(self) -> float | None:
        """The private score as a number."""
        return _number(self.private_score)


COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(Entry))
_LISTS = ("runs", "checkpoints", "settings")
_NUMBERS: dict[str, type] = {"rows": int, "reference": int, "oof_score": float}


def origin_values(origin: Origin) -> dict[str, Any]:
    """The columns of a row that say what its file was made from."""
    values: dict[str, Any] = {
        "task": origin.task,
        "runs": origin.runs,
        "checkpoints": origin.checkpoints,
        "settings": origin.settings,
        "commit": origin.commit,
    }
    if origin.out_of_fold is not None:
        values["oof_metric"] = origin.out_of_fold.metric
        values["oof_score"] = origin.out_of_fold.value
        values["oof_higher_is_better"] = origin.out_of_fold.higher_is_better
    return values


def entry_from(values: Mapping[str, Any]) -> Entry:
    """A row from the values that its events set; columns of a newer version are left out."""
    known: dict[str, Any] = {name: values[name] for name in COLUMNS if name in values}
    for name in _LISTS:
        known[name] = tuple(known.get(name, ()))
    return Entry(**known)


def to_cells(entry: Entry) -> list[str]:
    """A row as the text cells of the CSV; lists are JSON where they hold anything."""
    return [_to_cell(getattr(entry, name)) for name in COLUMNS]


def from_cells(cells: Mapping[str, str]) -> dict[str, Any]:
    """The values behind the text cells that `to_cells` made."""
    return {name: _from_cell(name, text) for name, text in cells.items() if name in COLUMNS and text != ""}


def _to_cell(value: object) -> str:
    if value is None or value == ():
        return ""
    if isinstance(value, tuple):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else to_cell(" ".join(str(value).split("\n")))


def _from_cell(name: str, text: str) -> Any:
    text = from_cell(text)
    if name in _LISTS:
        return json.loads(text)
    if name == "oof_higher_is_better":
        return text == "true"
    return _NUMBERS.get(name, str)(text)


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None

"""Rows of the ledger: files that were written or uploaded, and all that is known of them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from kaggle_face.evaluation.held_out_figures import Estimate

from kaggle_face.artifacts.files.cells import from_cell, to_cell

Status = Literal["WRITTEN", "UPLOADING", "FAILED", "UPLOADED", "PENDING", "COMPLETE", "ERROR"]
"""WRITTEN: only on disk. UPLOADING: begun, the outcome is not known yet. FAILED: Kaggle did not take it.
UPLOADED: taken, but not listed yet. PENDING, COMPLETE, ERROR: the status of a listed one on Kaggle."""

ON_KAGGLE: tuple[Status, ...] = ("UPLOADED", "PENDING", "COMPLETE", "ERROR")
OPEN: tuple[Status, ...] = ("UPLOADING", "UPLOADED", "PENDING")


@dataclass(frozen=True)
class Origin:
    """The runs, checkpoints, settings and records that a file was made from."""

    task: str
    runs: tuple[str, ...] = ()
    checkpoints: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    commit: str | None = None
    out_of_fold: Estimate | None = None
    made_of: tuple[str, ...] = ()


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
    made_of: tuple[str, ...] = ()

    @property
    def public(self) -> float | None:
        """The public score as a number."""
        return _number(self.public_score)

    @property
    def private(self) -> float | None:
        """The private score as a number."""
        return _number(self.private_score)


def shown_path(path: Path) -> str:
    """The path of a file below the working directory, as it is read on another machine, or its name alone."""
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.name


COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(Entry))
_LINE_END = re.compile(r"[\n\r]")
_LISTS = ("runs", "checkpoints", "settings", "made_of")
_WHOLE_NUMBERS = ("rows", "reference")
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")


def origin_values(origin: Origin) -> dict[str, Any]:
    """The columns of a row for the origin of its file."""
    values: dict[str, Any] = {
        "task": origin.task,
        "runs": origin.runs,
        "checkpoints": origin.checkpoints,
        "settings": origin.settings,
        "commit": origin.commit,
        "made_of": origin.made_of,
    }
    return {**values, **out_of_fold_values(origin.out_of_fold)}


def out_of_fold_values(figure: Estimate | None) -> dict[str, Any]:
    """The columns of a row that hold an out-of-fold score; none where it is not known or not a number."""
    if figure is None or not math.isfinite(figure.value):
        return {}
    return {
        "oof_metric": figure.metric,
        "oof_score": figure.value,
        "oof_higher_is_better": figure.higher_is_better,
    }


def entry_from(values: Mapping[str, Any]) -> Entry:
    """A row from the values that its events set; columns of a newer version are left out.

    Raises:
        ValueError: A value is of a wrong type, or one is missing; it is named.
    """
    from pydantic import ValidationError

    from kaggle_face.config.wording import describe_mismatch

    known = {name: values[name] for name in COLUMNS if name in values}
    try:
        return _validator().validate_json(json.dumps(known, allow_nan=False), strict=True)
    except ValidationError as error:
        raise ValueError(describe_mismatch(error.errors()[0])) from error


@cache
def _validator() -> TypeAdapter[Entry]:
    from pydantic import TypeAdapter

    return TypeAdapter(Entry)


def to_cells(entry: Entry) -> list[str]:
    """A row as the text cells of the CSV, each of one line; lists are JSON where they hold anything."""
    cells = []
    for name in COLUMNS:
        value = getattr(entry, name)
        if value is None or value == ():
            cells.append("")
        elif isinstance(value, tuple):
            cells.append(json.dumps(value, ensure_ascii=False))
        elif isinstance(value, bool):
            cells.append("true" if value else "false")
        else:
            cells.append(repr(value) if isinstance(value, float) else to_cell(_to_line(str(value))))
    return cells


def from_cells(cells: Mapping[str, str]) -> dict[str, Any]:
    """The values behind the text cells that `to_cells` made."""
    values: dict[str, Any] = {}
    for name, cell in cells.items():
        if name not in COLUMNS or cell == "":
            continue
        text = from_cell(cell)
        if name in _LISTS:
            values[name] = json.loads(text)
        elif name == "oof_higher_is_better":
            values[name] = {"true": True, "false": False}[text]
        elif name in _WHOLE_NUMBERS:
            values[name] = int(text)
            if not _WHOLE_NUMBER.fullmatch(text):  # Python also reads 1_0 and digits of any script
                raise ValueError(f"{name} is not a whole number: {text[:40]!r}")
        elif name == "oof_score":
            values[name] = float(text)
        else:
            values[name] = _from_line(text)
    return values


def _to_line(text: str) -> str:
    """A text of one line: JSON where it has line ends, or could be taken for such JSON.

    >>> print(_to_line("one line"), _to_line("first\\nsecond"))
    one line "first\\nsecond"
    """
    return (
        json.dumps(text, ensure_ascii=False) if _LINE_END.search(text) or _from_line(text) != text else text
    )


def _from_line(text: str) -> str:
    """The text of which `_to_line` made a line."""
    if not text.startswith('"'):
        return text
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    is_made_here = _LINE_END.search(found) or _from_line(found) != found
    return found if is_made_here else text


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None

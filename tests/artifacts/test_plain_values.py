"""Records become what JSON has."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from kaggle_face.artifacts.plain_values import plain_values


@dataclass(frozen=True)
class Inner:
    score: float


@dataclass(frozen=True)
class Outer:
    rows: tuple[Inner, ...]
    by_fold: dict[int, float]
    path: Path | None


def test_records_within_records_become_json() -> None:
    found = plain_values(Outer((Inner(0.5), Inner(float("inf"))), {0: float("nan")}, None))
    expected = {"rows": [{"score": 0.5}, {"score": None}], "by_fold": {"0": None}, "path": None}
    assert found == expected and json.loads(json.dumps(found, allow_nan=False)) == expected

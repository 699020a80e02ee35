"""What is known of each run at a glance: what sets it apart, its figures, scores on Kaggle, and cost."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kaggle_face.artifacts.reading import reading
from kaggle_face.artifacts.runs import FoldFolder, RunFolder, list_runs
from kaggle_face.artifacts.tables import read_table
from kaggle_face.config.yaml_text import read_yaml
from kaggle_face.errors import ConfigError

_UNIMPORTANT = (
    "paths.",
    "device",
    "data.root",
    "data.workers",
    "train.max_hours",
    "train.checkpoint_minutes",
)
"""Settings that change where and how long a run works, and not what it learns."""


@dataclass(frozen=True)
class RunRow:
    """One run: folds begun and finished, figures of the finished folds, and what it cost.

    `differences` are settings as `key=value` that most other runs have otherwise. Scores are Kaggle's text of
    the newest scored submission that the run alone was behind, or None.
    """

    name: str
    started: int
    finished: int
    accuracies: tuple[float, ...]
    eers: tuple[float, ...]
    seconds: float
    num_parameters: int | None
    differences: tuple[str, ...]
    public_score: str | None
    private_score: str | None


def read_run_rows(runs: Path, config_name: str | None, submissions: Path) -> list[RunRow]:
    """A row for each run of a config (None: of all configs), the most accurate first.

    Raises:
        RunError: The ledger's CSV lacks a column.
    """
    names = [config_name] if config_name is not None else sorted(path.name for path in runs.glob("*"))
    found = [run for name in names for run in list_runs(runs, name)]
    settings = [_settings_of(run) for run in found]
    usual = _usual_settings(settings)
    scores = _scores_of_runs(submissions)
    rows = [
        _row(run, _differences(own, usual), scores.get(run.name, (None, None)))
        for run, own in zip(found, settings, strict=True)
    ]
    return sorted(rows, key=lambda row: (-_mean(row.accuracies), row.name))


def _row(run: RunFolder, differences: Sequence[str], scores: tuple[str | None, str | None]) -> RunRow:
    started = run.started_folds()
    infos = [folder.read_info() for folder in started]
    results = [info.get("results", {}) for info in infos]
    parameters = [info["num_parameters"] for info in infos if "num_parameters" in info]
    return RunRow(
        name=run.name,
        started=len(started),
        finished=len(run.finished_folds()),
        accuracies=_figures(results, "best_cls", "accuracy"),
        eers=_figures(results, "best_ver", "eer"),
        seconds=sum(float(info.get("seconds", 0.0)) for info in infos),
        num_parameters=int(parameters[0]) if parameters else None,
        differences=tuple(differences),
        public_score=scores[0],
        private_score=scores[1],
    )


def _figures(
    results: Sequence[Mapping[str, Mapping[str, float]]], checkpoint: str, metric: str
) -> tuple[float, ...]:
    return tuple(
        float(result[checkpoint][metric]) for result in results if metric in result.get(checkpoint, {})
    )


def _settings_of(run: RunFolder) -> dict[str, str]:
    """The resolved settings of a run's first fold as flat text; empty where they cannot be read."""
    folder: FoldFolder = run.started_folds()[0]
    if not folder.config_file.is_file():
        return {}
    try:
        values = read_yaml(folder.config_file)
    except ConfigError:
        return {}
    return {key: text for key, text in _flat(values, "") if not key.startswith(_UNIMPORTANT)}


def _flat(values: Any, prefix: str) -> list[tuple[str, str]]:
    if not isinstance(values, Mapping):
        return [(prefix, json.dumps(values) if isinstance(values, list) else str(values))]
    return [pair for key, value in values.items() for pair in _flat(value, f"{prefix}.{key}".lstrip("."))]


def _usual_settings(settings: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """For each key the value that most runs have; of equally frequent ones that of the first run."""
    keys = dict.fromkeys(key for each in settings for key in each)
    return {key: Counter(each[key] for each in settings if key in each).most_common(1)[0][0] for key in keys}


def _differences(own: Mapping[str, str], usual: Mapping[str, str]) -> list[str]:
    return [f"{key}={value}" for key, value in own.items() if value != usual[key]]


def _scores_of_runs(submissions: Path) -> dict[str, tuple[str | None, str | None]]:
    """Public and private score of the newest scored submission of each run, from the ledger's CSV."""
    path = submissions / "ledger.csv"
    if not path.is_file():
        return {}
    table = read_table(path, ["time", "runs", "public_score", "private_score"])
    scores: dict[str, tuple[str | None, str | None]] = {}
    rows = zip(
        *(table[name].tolist() for name in ("time", "runs", "public_score", "private_score")), strict=True
    )
    for _, runs, public, private in sorted(rows):
        with reading(path):
            names = names_from_cell(runs)
        if len(names) == 1 and (public or private):
            scores[names[0]] = (public or None, private or None)
    return scores


def names_from_cell(text: str) -> list[str]:
    """The names in a cell of the ledger's CSV: a JSON list, or nothing.

    Raises:
        ValueError: It is something else.
    """
    names = json.loads(text) if text else []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"expected a list of names, got {text[:40]!r}")
    return names


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0

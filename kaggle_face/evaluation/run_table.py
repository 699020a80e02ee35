"""The table of runs: settings that differ, figures, scores on Kaggle, and cost."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kaggle_face.artifacts.files.reading import reading
from kaggle_face.artifacts.runs import FoldFolder, RunFolder, RunKind, list_runs
from kaggle_face.artifacts.tables import read_table
from kaggle_face.competitions.catalogue.ranking import PAIR_METRICS, OwnMetrics, own_metrics
from kaggle_face.config.former_names import with_current_names
from kaggle_face.config.schema import CheckpointName
from kaggle_face.config.yaml_text import read_yaml
from kaggle_face.errors import ConfigError, KaggleFaceError
from kaggle_face.evaluation.held_out_figures import Estimate, figure_of_checkpoint
from kaggle_face.tasks import TASKS, Task

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
class TaskFigures:
    """The finished folds' figures of a task in the metric that the competition has for it."""

    metric: str
    values: tuple[float, ...] = ()

    @property
    def goodness(self) -> float:
        """The mean, turned so that more is better; 0 without a figure."""
        figures = [Estimate(self.metric, value).goodness for value in self.values]
        return sum(figures) / len(figures) if figures else 0.0


@dataclass(frozen=True)
class RunRow:
    """One run: its kind, folds begun and finished, figures of the finished folds, and its cost.

    `classes` and `verification` are in the competition's own metrics; names from a gallery need what
    `predict` writes. `score` is what runs are ranked by: the task of the competition, or the mean of both.
    `accuracies` and `eers` are what training measured. `differences` are settings as `key=value` that most
    other runs have otherwise. Scores are Kaggle's text of the newest scored submission that the run alone was
    behind, or None.
    """

    name: str
    kind: RunKind
    started: int
    finished: int
    classes: TaskFigures
    verification: TaskFigures
    score: float
    accuracies: tuple[float, ...]
    eers: tuple[float, ...]
    seconds: float
    num_parameters: int | None
    differences: tuple[str, ...]
    public_score: str | None
    private_score: str | None


def read_run_rows(runs: Path, config_name: str | None, submissions: Path) -> list[RunRow]:
    """A row for each run of a config (None: of all configs), the best in the competition's metric first.

    Raises:
        RunError: The ledger's CSV lacks a column.
    """
    names = [config_name] if config_name is not None else sorted(path.name for path in runs.glob("*"))
    found = [run for name in names for run in list_runs(runs, name)]
    settings = [_settings_of(run) for run in found]
    keys = dict.fromkeys(key for each in settings for key in each)
    # For each key the value that most runs have; of equally frequent ones that of the first run.
    usual = {key: Counter(each[key] for each in settings if key in each).most_common(1)[0][0] for key in keys}
    scores = _scores_of_runs(submissions)
    rows = []
    for run, own in zip(found, settings, strict=True):
        differences = [f"{key}={value}" for key, value in own.items() if value != usual[key]]
        rows.append(_row(run, own, differences, scores.get(run.name, (None, None))))
    return sorted(rows, key=lambda row: (-row.score, row.name))


def _row(
    run: RunFolder,
    settings: Mapping[str, str],
    differences: Sequence[str],
    scores: tuple[str | None, str | None],
) -> RunRow:
    started = run.started_folds()
    infos = [folder.read_info() for folder in started]
    results = [info.get("results", {}) for info in infos]
    parameters = [info["num_parameters"] for info in infos if "num_parameters" in info]
    named = settings.get("train.verification_metric")
    fallback = next((metric for metric in PAIR_METRICS if metric == named), PAIR_METRICS[0])
    other = settings.get("submit.verification.slug") or None
    has_pairs = settings.get("competition.layout") != "custom" or any(
        settings.get(f"competition.custom.{name}", "[]") != "[]" for name in ("pairs", "galleries")
    )
    own = own_metrics(settings.get("competition.slug", ""), fallback, other, has_pairs)
    classes, verification = (_task_figures(started, task, own) for task in TASKS)
    counted = {"classification": classes, "verification": verification}
    return RunRow(
        name=run.name,
        kind=run.kind,
        started=len(started),
        finished=len(run.finished_folds()),
        classes=classes,
        verification=verification,
        score=sum(counted[task].goodness for task in own.ranked) / len(own.ranked),
        accuracies=_figures(results, "best_cls", "accuracy"),
        eers=_figures(results, "best_ver", "eer"),
        seconds=sum(float(info.get("seconds", 0.0)) for info in infos),
        num_parameters=int(parameters[0]) if parameters else None,
        differences=tuple(differences),
        public_score=scores[0],
        private_score=scores[1],
    )


def _task_figures(folds: Sequence[FoldFolder], task: Task, own: OwnMetrics) -> TaskFigures:
    """The figures of the checkpoints that are kept for a task."""
    checkpoint: CheckpointName = "best_cls" if task == "classification" else "best_ver"
    found = []
    for fold in folds:
        with suppress(KaggleFaceError):  # a record that cannot be read leaves a gap, and the run in the table
            found.append(figure_of_checkpoint(fold, checkpoint, task, own))
    usual = own.classes if task == "classification" else "accuracy" if own.names_people else own.pairs
    metric = next((figure.metric for figure in found if figure is not None), usual)
    return TaskFigures(metric, tuple(figure.value for figure in found if figure is not None))


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
    named = with_current_names(values) if isinstance(values, Mapping) else values
    return {key: text for key, text in _flat(named, "") if not key.startswith(_UNIMPORTANT)}


def _flat(values: Any, prefix: str) -> list[tuple[str, str]]:
    if not isinstance(values, Mapping):
        return [(prefix, json.dumps(values) if isinstance(values, list) else str(values))]
    return [pair for key, value in values.items() for pair in _flat(value, f"{prefix}.{key}".lstrip("."))]


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

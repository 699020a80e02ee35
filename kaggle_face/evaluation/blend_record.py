"""`ensemble.json`: the record of a blend, its members, weights, figures and all candidates.

One writer (`write_blend_record`) and one reader (`read_blend_record`), which also reads the keys of the first
release.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from kaggle_face.artifacts.files.atomic import write_json
from kaggle_face.artifacts.files.reading import read_json
from kaggle_face.artifacts.json_types import BlendSummary
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.evaluation.held_out_figures import Estimate
from kaggle_face.metrics.intervals.bootstrap import Interval
from kaggle_face.tasks import Task

FILE_NAME = "ensemble.json"

_FORMER_KEYS = {"honest": "nested", "contenders": "candidates", "optimistic_gain": "in_sample_gain"}


@dataclass(frozen=True)
class MemberRecord:
    """A member of a blend and its weight."""

    name: str
    run: str
    checkpoint: str
    folds: tuple[int, ...]
    num_parameters: int
    weight: float


@dataclass(frozen=True)
class SelectionRecord:
    """The selected candidate, and the reason.

    Attributes:
        winner: Its name.
        reason: Why it was selected.
        nested: Its main metric with weights from the other side of the people; None where it was not nested.
        candidates: The figures of all candidates, as the file has them.
    """

    winner: str
    reason: str
    nested: float | None
    candidates: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class TaskRecord:
    """The blend of a task.

    Attributes:
        space: In which space members are averaged; empty in records that do not have it.
        members: Those of a weight above 0.
        notes: What was printed about the members.
        metrics: Out-of-fold metrics of the blend with its post-processing.
        temperatures: Of the members, for classification.
        out_of_fold: The figure that a ledger of submissions keeps.
        selection: None where nothing is held out.
        post_processing: The steps that were tried, as the file has them.
    """

    space: str
    members: tuple[MemberRecord, ...]
    notes: tuple[str, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    temperatures: tuple[float, ...] | None = None
    out_of_fold: Estimate | None = None
    selection: SelectionRecord | None = None
    post_processing: Mapping[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """The values of the file."""
        values: dict[str, Any] = {
            "space": self.space,
            "members": [asdict(member) for member in self.members],
            "notes": list(self.notes),
            "metrics": dict(self.metrics),
        }
        if self.temperatures is not None:
            values["temperatures"] = list(self.temperatures)
        if self.out_of_fold is not None:
            values["out_of_fold"] = {
                "metric": self.out_of_fold.metric,
                "value": self.out_of_fold.value,
                "higher_is_better": self.out_of_fold.higher_is_better,
            }
            if (interval := self.out_of_fold.interval) is not None:
                values["out_of_fold"] |= {"low": interval.low, "high": interval.high}
        if self.selection is not None:
            values |= {
                "winner": self.selection.winner,
                "reason": self.selection.reason,
                "nested": self.selection.nested,
                "candidates": list(self.selection.candidates),
            }
        if self.post_processing is not None:
            values["post_processing"] = self.post_processing
        return values


@dataclass(frozen=True)
class BlendRecord:
    """The blend of a run; `score` is None unless every metric of the formula is known."""

    formula: str
    score: float | None
    num_parameters: int | None
    runs: tuple[str, ...]
    checkpoints: tuple[str, ...]
    records: tuple[str, ...]
    tasks: Mapping[Task, TaskRecord]
    ignored_rules: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The values of the file."""
        return {
            "formula": self.formula,
            "score": self.score,
            "num_parameters": self.num_parameters,
            "runs": list(self.runs),
            "checkpoints": list(self.checkpoints),
            "records": list(self.records),
            "tasks": {task: record.as_json() for task, record in self.tasks.items()},
            "ignored_rules": list(self.ignored_rules),
        }


def write_blend_record(folder: Path, record: BlendRecord) -> Path:
    """Writes `ensemble.json` beside the blended records."""
    write_json(folder / FILE_NAME, record.as_json())
    return folder / FILE_NAME


def read_blend_record(run: RunFolder) -> BlendRecord | None:
    """The record of a run's blend; None where the run was not blended.

    Raises:
        RunError: The file is damaged.
    """
    path = run.ensemble_folder / FILE_NAME
    if not path.is_file():
        return None
    values = _with_current_keys(read_json(path, BlendSummary))
    return BlendRecord(
        formula=values.get("formula", ""),
        score=None if values.get("score") is None else float(values["score"]),
        num_parameters=values.get("num_parameters"),
        runs=tuple(values.get("runs", ())),
        checkpoints=tuple(values.get("checkpoints", ())),
        records=tuple(values.get("records", ())),
        tasks={task: _task_from(found) for task, found in values.get("tasks", {}).items()},
        ignored_rules=tuple(values.get("ignored_rules", ())),
    )


def _with_current_keys(values: Any) -> Any:
    """The values of a file with today's keys in place of those of the first release, at any depth."""
    if isinstance(values, Mapping):
        return {_FORMER_KEYS.get(key, key): _with_current_keys(inner) for key, inner in values.items()}
    return [_with_current_keys(inner) for inner in values] if isinstance(values, list) else values


def _estimate_from(kept: Mapping[str, Any]) -> Estimate:
    """A figure, with its interval where the file has one."""
    value, low, high = float(kept["value"]), kept.get("low"), kept.get("high")
    interval = None if low is None or high is None else Interval(value, float(low), float(high))
    return Estimate(kept["metric"], value, interval)


def _task_from(values: Mapping[str, Any]) -> TaskRecord:
    kept, temperatures = values.get("out_of_fold"), values.get("temperatures")
    selection = None
    if "winner" in values:
        candidates = tuple(values.get("candidates", ()))
        nested = values.get("nested")
        selection = SelectionRecord(values["winner"], values.get("reason", ""), nested, candidates)
    return TaskRecord(
        space=values.get("space", ""),
        members=tuple(
            MemberRecord(
                name=member.get("name", f"{member['run']}@{member['checkpoint']}"),
                run=member["run"],
                checkpoint=member["checkpoint"],
                folds=tuple(member.get("folds", ())),
                num_parameters=member.get("num_parameters", 0),
                weight=member.get("weight", 0.0),
            )
            for member in values.get("members", ())
        ),
        notes=tuple(values.get("notes", ())),
        metrics=values.get("metrics", {}),
        temperatures=None if temperatures is None else tuple(temperatures),
        out_of_fold=None if kept is None else _estimate_from(kept),
        selection=selection,
        post_processing=values.get("post_processing"),
    )

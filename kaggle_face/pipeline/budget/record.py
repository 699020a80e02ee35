"""The record of a run within a budget, from which a killed call goes on: deadline, plan, what is done."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from kaggle_face.artifacts.files.atomic import write_json
from kaggle_face.artifacts.files.reading import check_shape, read_json, reading
from kaggle_face.artifacts.json_types import BudgetShape
from kaggle_face.artifacts.run_choice import BUDGET_FILE
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.config import Config
from kaggle_face.pipeline.budget.plan import Plan

_FORMER_KEYS = {"folds": "networks", "most_folds": "most_networks", "csv_folds": "csv_networks"}


@dataclass(frozen=True)
class Course:
    """The recorded plan of a run; `Plan` explains each value.

    `stages` are the planned seconds by the stage's name, `digest` is that of the planned settings.
    """

    rung: str
    purpose: str
    length: float
    networks: int
    most_networks: int
    images_per_second: float
    records_seconds: float
    expected: str
    tries_tta: bool
    chooses_blend: bool
    stages: dict[str, float]
    is_changed: bool = False
    train_images: int = 0
    digest: str = ""

    @classmethod
    def of(cls, plan: Plan) -> Course:
        """The recorded values of a plan."""
        return cls(
            rung=plan.rung.name,
            purpose=plan.purpose,
            length=plan.length,
            networks=plan.networks,
            most_networks=plan.most_networks,
            images_per_second=plan.images_per_second,
            records_seconds=plan.records_seconds,
            expected=plan.expected,
            tries_tta=plan.tries_tta,
            chooses_blend=plan.chooses_blend,
            stages={stage.name: stage.seconds for stage in plan.stages},
            is_changed=plan.is_changed,
            train_images=plan.train_images,
            digest=digest_of(plan.config),
        )


def digest_of(config: Config) -> str:
    """A digest of all settings."""
    return hashlib.sha256(config.model_dump_json().encode()).hexdigest()[:32]


@dataclass
class BudgetRecord:
    """The progress of a run.

    Attributes:
        settings: The file of its settings.
        began_at: When its time began, in seconds since 1970.
        seconds: Its whole time.
        plan: What was planned; None while it is still measured.
        ended_at: When all was done; 0 until then.
        spent: Seconds by stage, of all calls; one that is begun has a value.
        trained: Numbers of networks that are trained, in their order.
        predicted: Those whose test predictions are there.
        dropped: Those that were planned and not trained.
        csv: What the CSVs that lie there were made of: nothing yet, a mean, or a chosen blend.
        csv_networks: The networks in it.
        paths: The CSVs that lie there.
        notes: What was done otherwise than planned, a line each.
        recorded: Networks that have a row in the table of estimates.
        running: The stage that is done now, or was when the process was killed; else empty.
        running_since: When it began, in seconds since 1970.
    """

    settings: str
    began_at: float
    seconds: float
    plan: Course | None = None
    ended_at: float = 0.0
    spent: dict[str, float] = field(default_factory=dict)
    trained: list[int] = field(default_factory=list)
    predicted: list[int] = field(default_factory=list)
    dropped: list[int] = field(default_factory=list)
    csv: str = ""
    csv_networks: list[int] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    recorded: list[int] = field(default_factory=list)
    running: str = ""
    running_since: float = 0.0

    @property
    def deadline(self) -> float:
        """The deadline, in seconds since 1970."""
        return self.began_at + self.seconds

    def go_on(self, now: float) -> None:
        """Takes the record up again; a clock that was set back gives no time twice."""
        self.began_at = min(self.began_at, now - sum(self.spent.values()))

    def add(self, stage: str, seconds: float) -> None:
        """Counts time of a stage."""
        self.spent[stage] = self.spent.get(stage, 0.0) + seconds

    def begin(self, stage: str, now: float) -> None:
        """Marks a stage as begun; it has a value from now on, whatever ends this process."""
        self.add(stage, 0.0)
        self.running, self.running_since = stage, now

    def end(self, now: float) -> None:
        """Counts the time of the stage that was begun, until now; without one it does nothing."""
        if self.running:
            self.add(self.running, max(0.0, now - self.running_since))
        self.running, self.running_since = "", 0.0

    def note(self, line: str) -> None:
        """Keeps a line once."""
        if line not in self.notes:
            self.notes.append(line)


def record_file(run: RunFolder) -> Path:
    """The path of a run's record."""
    return run.path / BUDGET_FILE


def read_record(run: RunFolder) -> BudgetRecord | None:
    """The record of a run; None where there is none.

    Raises:
        RunError: It is damaged.
    """
    if not record_file(run).is_file():
        return None
    values = _with_current_keys(read_json(record_file(run)))
    check_shape(values, BudgetShape, str(record_file(run)))
    own = {name: values[name] for name in BudgetRecord.__dataclass_fields__ if name in values}
    plan = values["plan"]
    if plan is not None:
        own["plan"] = Course(**{name: plan[name] for name in Course.__dataclass_fields__ if name in plan})
    record = BudgetRecord(**own)
    with reading(record_file(run)):
        _require_order(record)
    return record


def _with_current_keys(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a record with today's keys in place of those that it had when networks were folds."""
    return {
        _FORMER_KEYS.get(key, key): _with_current_keys(value)
        if isinstance(value, Mapping) and key == "plan"
        else value
        for key, value in values.items()
    }


def _require_order(record: BudgetRecord) -> None:
    """Compares values with each other, each of which may be right alone."""
    plan = record.plan
    if plan is not None and plan.networks > plan.most_networks:
        raise ValueError(f"plan.networks={plan.networks} is above plan.most_networks={plan.most_networks}")
    has_all = plan is not None and record.csv
    if record.ended_at and not (has_all and record.ended_at >= record.began_at):
        raise ValueError("ended_at is before began_at, or without a plan or a csv")


def write_record(run: RunFolder, record: BudgetRecord) -> None:
    """Writes the record.

    Raises:
        DiskError: There is no room, no right, or the disk fails; the record before is still there.
    """
    run.path.mkdir(parents=True, exist_ok=True)
    write_json(record_file(run), asdict(record))

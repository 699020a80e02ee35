"""The types of the values in each JSON file of a run; keys that are not named here may hold anything.

Those of a model card and of an exported file are in `model_fields`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Whole = Annotated[int, Field(ge=0, lt=2**63)]
Count = Annotated[int, Field(ge=1, lt=2**63)]
Seconds = Annotated[float, Field(ge=0.0, le=1e12)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{8,128}$")]


class Shape(BaseModel):
    """A JSON object; a value is of the very type that is named.

    Its validator is built when it is first used: a command reads one or two of these files.
    """

    model_config = ConfigDict(
        extra="allow", strict=True, allow_inf_nan=False, protected_namespaces=(), defer_build=True
    )


class SoupInfo(Shape):
    """What a soup was chosen by."""

    across_folds: bool = False
    folds: list[Whole] | None = None
    checkpoints: list[str] | None = None


class RunInfo(Shape):
    """`run.json`: the inputs of a fold, and its progress."""

    status: str = ""
    kind: str = ""
    config: str = ""
    settings: str | None = None
    made_of: dict[str, str] = {}
    networks: dict[str, str] = {}
    began_at: str = ""
    overrides: list[str] = []
    folds: str | None = None
    num_folds: Whole | None = None
    commit: str | None = None
    device: str = ""
    platform: str = ""
    versions: dict[str, str | None] = {}
    seed: Whole = 0
    cpu_amp: Literal["off", "bf16"] | None = None
    num_parameters: Whole = 0
    seconds: Seconds = 0.0
    peak_memory_bytes: dict[str, Whole] = {}
    initial: str | None = None
    results: dict[str, dict[str, float]] = {}
    imported: dict[str, str] = {}
    soup: SoupInfo | None = None


class ServiceRun(Shape):
    """`wandb.json`, `mlflow.json`: the run of an outside service that a fold is recorded in."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,128}$")]


class MemberSummary(Shape):
    """A member of a blend."""

    name: str = ""
    run: str
    checkpoint: str
    folds: list[Whole] = []
    num_parameters: Whole = 0
    weight: float = 0.0


class OutOfFoldSummary(Shape):
    """The out-of-fold score of a blend."""

    metric: str
    value: float
    higher_is_better: bool
    low: float | None = None
    high: float | None = None


class TaskSummary(Shape):
    """The blend of a task."""

    space: str = ""
    members: list[MemberSummary] = []
    notes: list[str] = []
    metrics: dict[str, float] = {}
    temperatures: list[float] | None = None
    out_of_fold: OutOfFoldSummary | None = None
    winner: str = ""
    reason: str = ""
    nested: float | None = None
    candidates: list[dict[str, Any]] = []
    honest: float | None = None  # as the first release called `nested`
    contenders: list[dict[str, Any]] = []  # as the first release called `candidates`
    post_processing: dict[str, Any] | None = None


class BlendSummary(Shape):
    """`ensemble.json`: the record of a blend."""

    formula: str = ""
    score: float | None = None
    num_parameters: Whole | None = None
    runs: list[str] = []
    checkpoints: list[str] = []
    records: list[str] = []
    tasks: dict[str, TaskSummary] = {}
    ignored_rules: list[str] = []


class PlanShape(Shape):
    """The plan of a run within a time budget."""

    rung: str
    purpose: Literal["accuracy", "verification", "both"]
    length: Seconds
    networks: Count
    most_networks: Count
    images_per_second: Seconds
    records_seconds: Seconds
    expected: str
    tries_tta: bool
    chooses_blend: bool
    stages: dict[str, Seconds]
    is_changed: bool = False
    train_images: Whole = 0
    digest: str = ""


class BudgetShape(Shape):
    """`budget.json`: the progress of a run within a time budget."""

    settings: str
    began_at: Seconds
    seconds: Annotated[float, Field(gt=0.0, le=1e12)]
    ended_at: Seconds
    plan: PlanShape | None
    spent: dict[str, Seconds]
    trained: list[Whole]
    predicted: list[Whole]
    dropped: list[Whole]
    csv: Literal["", "mean", "chosen"]
    csv_networks: list[Whole]
    paths: list[str] = []
    notes: list[str]
    recorded: list[Whole] = []
    running: str = ""
    running_since: Seconds = 0.0


class GalleryShape(Shape):
    """`gallery.json` of a record: the label of a probe without a match."""

    no_match: str | None = None


class JobShape(Shape):
    """`kaggle.json`: the notebook that was started last for a run."""

    key: str
    notebook: str
    folds: list[Whole]
    is_running: bool


class ManifestShape(Shape):
    """`manifest.json` of a notebook: whose output it is, and the hash of each file."""

    job: str
    files: dict[str, Digest]


class PositionShape(Shape):
    """The plain values of `resume.pt`: the progress of a training; a measured value may be NaN."""

    model_config = ConfigDict(allow_inf_nan=True)

    epoch: Whole
    step: Whole
    seconds: Seconds
    epoch_seconds: Seconds
    history: list[dict[str, float]]
    best_scores: dict[str, float]
    best_epochs: dict[str, Whole]
    pace: list[list[float]]


class ReceiptShape(Shape):
    """`.downloaded.json`: what an earlier download left in its folder."""

    competition: str
    files: Whole


def value_at(values: dict[str, Any], name: str) -> Any:
    """The value under a dotted name, or None where a part of the name is missing."""
    found: Any = values
    for key in name.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found

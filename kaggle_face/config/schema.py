"""All settings of a run, `Config`: type, range, unit and default of each; one class per part.

The parts of the competition and of training have files of their own, `competition.py` and `training.py`.
`configs/base.yaml` shows the same tree with comments; a test keeps the two equal.
Each stage receives only its own part, and every part is frozen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, Strict, model_validator

from kaggle_face.config.comparing import MayChange
from kaggle_face.config.competition import CompetitionConfig
from kaggle_face.config.training import (
    AugmentConfig,
    LossConfig,
    MarginConfig,
    ModelConfig,
    OptimConfig,
    SamplerConfig,
    ScheduleConfig,
    TrainConfig,
)
from kaggle_face.config.values import Count, CountOrZero, Fraction, Names, Part, Seed, Time, TimeOrZero
from kaggle_face.tasks import Task

CheckpointName = Literal["last", "best_cls", "best_ver", "best", "swa"]


class DataConfig(Part):
    """Location and storage of the pictures."""

    root: Annotated[str, MayChange("resume", "predict")] = "data/demo"
    image_size: Annotated[int, Field(ge=8, le=1024)] = 112
    broken_images: Annotated[Literal["error", "skip"], MayChange("predict")] = "error"
    placement: Annotated[Literal["auto", "device", "memory_map", "workers"], MayChange("predict")] = "auto"
    workers: Annotated[int, Field(ge=-1, le=256), MayChange("resume", "predict")] = -1
    exclude: Names = ()
    exclude_images: str | None = None
    pseudo_labels: str | None = None


class FoldsConfig(Part):
    """Division of labelled images and verification pairs into folds."""

    count: Annotated[int, Field(ge=2, le=100)] = 5
    seed: Seed = 0
    dev: Literal["pool", "holdout"] = "pool"
    verification: Literal["auto", "dev_pairs", "identities"] = "auto"
    heldout_identities: Fraction = 0.1
    pairs_per_fold: Count = 2000
    near_duplicate_bits: Annotated[int, Field(ge=0, le=16)] | None = None

    @property
    def total(self) -> int:
        """The number of folds of these settings: one where the dev split is held out."""
        return 1 if self.dev == "holdout" else self.count


class PredictConfig(Part):
    """Computation of embeddings and logits after training."""

    batch_size: Count | Literal["auto"] = "auto"
    flip: bool = True
    crops: bool = False


class TableConfig(Part):
    """The CSV of a task: where it goes, its columns and the template of each cell; empty: as is known."""

    slug: str = ""
    columns: Names = ()
    cells: Names = ()


class TablePartConfig(Part):
    """The rows of one task in a CSV for both: the template of each cell."""

    task: Task
    cells: Names


class CombinedTableConfig(Part):
    """One CSV for both tasks, whose parts follow each other; no columns: there is none."""

    columns: Names = ()
    parts: Annotated[tuple[TablePartConfig, ...], Strict(False)] = ()


class SubmitConfig(Part):
    """Writing and uploading of submissions."""

    score_decimals: Annotated[int, Field(ge=1, le=17)] = 6
    unknown_share: Fraction = 0.1
    reserve: CountOrZero = 1
    wait_minutes: TimeOrZero = 30.0
    silent_seconds: Time = 30.0
    cutoffs: Mapping[str, float] = Field(default_factory=dict)
    classification: TableConfig = TableConfig()
    verification: TableConfig = TableConfig()
    combined: CombinedTableConfig = CombinedTableConfig()


class PathsConfig(Part):
    """Folders, relative to the working directory."""

    runs: str = "runs"
    submissions: str = "submissions"
    cache: str = "packs"


class Config(Part):
    """All settings of a run."""

    competition: CompetitionConfig = CompetitionConfig()
    data: DataConfig = DataConfig()
    folds: FoldsConfig = FoldsConfig()
    augment: Annotated[AugmentConfig, MayChange("predict")] = AugmentConfig()
    model: ModelConfig = ModelConfig()
    margin: MarginConfig = MarginConfig()
    loss: Annotated[LossConfig, MayChange("predict")] = LossConfig()
    optim: Annotated[OptimConfig, MayChange("predict")] = OptimConfig()
    schedule: Annotated[ScheduleConfig, MayChange("predict")] = ScheduleConfig()
    sampler: Annotated[SamplerConfig, MayChange("predict")] = SamplerConfig()
    train: Annotated[TrainConfig, MayChange("predict")] = TrainConfig()
    predict: Annotated[PredictConfig, MayChange("resume", "predict")] = PredictConfig()
    submit: Annotated[SubmitConfig, MayChange("resume", "predict")] = SubmitConfig()
    paths: Annotated[PathsConfig, MayChange("resume", "predict")] = PathsConfig()
    seed: Annotated[Seed, MayChange("predict")] = 0
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?|mps)$"), MayChange("resume", "predict")] = (
        "auto"
    )

    @model_validator(mode="after")
    def _teachers_see_every_class(self) -> Config:
        if self.loss.distill.runs and self.margin.sampled_classes < 1.0:
            raise ValueError(
                "loss.distill.runs teach all classes at once, and margin.sampled_classes is "
                f"{self.margin.sampled_classes:g}; set it to 1"
            )
        return self

    @model_validator(mode="after")
    def _plateau_sees_every_epoch(self) -> Config:
        if self.schedule.name == "plateau" and self.train.measure_every_epochs > 1:
            raise ValueError(
                "schedule.name=plateau looks at every epoch, and train.measure_every_epochs is "
                f"{self.train.measure_every_epochs}; set it to 1, or another schedule"
            )
        return self

    @model_validator(mode="after")
    def _identities_fill_the_batch(self) -> Config:
        per_identity, batch_size = self.sampler.images_per_identity, self.train.batch_size
        if self.sampler.name == "identities" and batch_size % per_identity != 0:
            raise ValueError(
                f"train.batch_size must be a multiple of sampler.images_per_identity ({per_identity}), "
                f"got {batch_size}"
            )
        return self

"""Every setting: its type, range, unit and default; one class per part.

`configs/base.yaml` shows the same tree with comments; a test keeps the two equal.
Each stage receives only its own part, and every part is frozen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, Strict, model_validator

from kaggle_face.config.comparing import MayChange
from kaggle_face.tasks import Task

MOST = 10**9
"""The largest count: products of two of them are exact in a float and fit int64."""

LONGEST = 1e6
"""The longest time, in epochs, hours or minutes: what is made of it stays a finite number of steps."""

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
NonNegative = Annotated[float, Field(ge=0.0)]
Time = Annotated[float, Field(gt=0.0, le=LONGEST)]
TimeOrZero = Annotated[float, Field(ge=0.0, le=LONGEST)]
Count = Annotated[int, Field(ge=1, le=MOST)]
CountOrZero = Annotated[int, Field(ge=0, le=MOST)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Decay = Annotated[float, Field(ge=0.0, lt=1.0)]
Names = Annotated[tuple[str, ...], Strict(False)]
Times = Annotated[tuple[Time, ...], Strict(False)]

_LAYOUT_OF_LETTER = {
    "A": "thumbnails",
    "B": "listed_pairs",
    "C": "csv_pairs",
    "D": "gallery",
    "E": "pair_text",
    "topk": "top_k",
}
"""The letters that layouts had before they had names: aliases in settings, and what records hold."""


def layout_name(name: str) -> str:
    """The name of a layout, for its name or its letter.

    >>> layout_name("E"), layout_name("pair_text")
    ('pair_text', 'pair_text')
    """
    return _LAYOUT_OF_LETTER.get(name, name)


def _recorded_name(name: str) -> str:
    """What records call a layout: its letter if it has one, so that earlier records stay comparable."""
    return next((letter for letter, named in _LAYOUT_OF_LETTER.items() if named == name), name)


LayoutName = Annotated[str, AfterValidator(layout_name), PlainSerializer(_recorded_name, when_used="json")]
HeadName = Literal[
    "linear",
    "cosface",
    "arcface",
    "adaface",
    "curricularface",
    "subcenter_arcface",
    "combined_margin",
]
CheckpointName = Literal["last", "best_cls", "best_ver", "best", "swa"]


class Part(BaseModel):
    """A frozen part of the settings that refuses unknown keys, wrong types and infinite numbers."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, protected_namespaces=()
    )


ListedSplit = Literal["train", "dev", "test"]


class ImagesConfig(Part):
    """Where images of own data are: rows of a table, a folder per identity, or files named by a pattern."""

    split: ListedSplit = "train"
    folder: str = ""
    table: str | None = None
    image: str | None = None
    identity: str | None = None
    split_column: str | None = None
    split_table: str | None = None
    split_image: str | None = None
    split_lists: Mapping[str, ListedSplit] = Field(default_factory=dict)
    splits: Mapping[str, ListedSplit | Literal["skip"]] = Field(default_factory=dict)
    header: bool = True
    split_header: bool = True
    cut: str = ""
    id: str | None = None
    without_identity: Literal["test", "skip"] | None = None
    class_folders: bool = False
    pattern: str | None = None

    @model_validator(mode="after")
    def _one_way_to_name_an_identity(self) -> ImagesConfig:
        ways = {
            "table": self.table is not None,
            "class_folders": self.class_folders,
            "pattern": self.pattern is not None,
        }
        given = [name for name, is_given in ways.items() if is_given]
        if len(given) > 1:
            raise ValueError(f"competition.custom: an entry has {' and '.join(given)}; keep one of them")
        if self.table is not None and self.image is None:
            raise ValueError(
                f"competition.custom: the table {self.table} needs 'image', the column of images"
            )
        if self.table is None and (self.image or self.identity or self.split_column or self.cut or self.id):
            raise ValueError("competition.custom: image, identity, split_column, cut and id need a 'table'")
        if self.without_identity is not None and self.identity is None:
            raise ValueError("competition.custom: without_identity needs 'identity', a column of the table")
        if (self.split_table is None) != (self.split_image is None):
            raise ValueError(
                "competition.custom: split_table and split_image are given together or not at all"
            )
        if self.split_table is not None and self.split_column is None:
            raise ValueError("competition.custom: split_table needs 'split_column', one of its columns")
        if self.split_lists and (self.table is None or self.split_column is not None):
            raise ValueError("competition.custom: split_lists needs a 'table' without 'split_column'")
        if self.pattern is not None and self.pattern.count("{identity}") != 1:
            raise ValueError(
                f"competition.custom: the pattern '{self.pattern}' needs {{identity}} once, such as "
                "{identity}_{n}.jpg"
            )
        return self


class PairsConfig(Part):
    """A list of pairs of own data; with labels the pairs are labelled ones, without they are submitted."""

    file: str
    form: Literal["columns", "lfw"] = "columns"
    first: str = "1"
    second: str | None = None
    joint: str | None = None
    label: str | None = None
    id: str | None = None
    same: str | None = None
    header: bool = True
    folders: Names = ("",)
    cut: str = ""

    @model_validator(mode="after")
    def _one_way_to_name_two_images(self) -> PairsConfig:
        if self.form == "columns" and (self.second is None) == (not self.joint):
            raise ValueError(
                f"competition.custom: the pairs of {self.file} need either 'second', the column of the "
                "second image, or 'joint', the text between two images in the column 'first'"
            )
        return self

    @property
    def is_labelled(self) -> bool:
        """Whether the list says which pairs are of one person."""
        return self.label is not None or self.form == "lfw"


class GalleryConfig(Part):
    """Known people and probes of own data; probes without identities are submitted."""

    known: ImagesConfig
    probes: ImagesConfig
    no_match: str | None = None


class LabelsConfig(Part):
    """A table that gives each identity of own data the label that the CSV holds for it."""

    table: str
    name: str
    label: str
    header: bool = True


class CustomConfig(Part):
    """Where the files of own data are, all below `data.root`; of `competition.family: custom`."""

    images: Annotated[tuple[ImagesConfig, ...], Strict(False)] = ()
    pairs: Annotated[tuple[PairsConfig, ...], Strict(False)] = ()
    galleries: Annotated[tuple[GalleryConfig, ...], Strict(False)] = ()
    test_rows: str | None = None
    test_id: str | None = None
    unknown: str | None = None
    submitted: Literal["name", "index"] = "name"
    labels: LabelsConfig | None = None
    labels_per_row: Annotated[int, Field(ge=1, le=100)] = 1


class CompetitionConfig(Part):
    """Which competition this is."""

    slug: str = "demo"
    family: LayoutName = "auto"
    variant: str = "auto"
    custom: CustomConfig = CustomConfig()


class DataConfig(Part):
    """Where the pictures are and how they are stored."""

    root: Annotated[str, MayChange("resume", "predict")] = "data/demo"
    image_size: Annotated[int, Field(ge=8, le=1024)] = 112
    broken_images: Annotated[Literal["error", "skip"], MayChange("predict")] = "error"
    residence: Annotated[Literal["auto", "device", "memory_map", "workers"], MayChange("predict")] = "auto"
    workers: Annotated[int, Field(ge=-1, le=256), MayChange("resume", "predict")] = -1
    exclude: Names = ()
    exclude_images: str | None = None
    pseudo_labels: str | None = None


class FoldsConfig(Part):
    """How labelled images and verification pairs are divided."""

    count: Annotated[int, Field(ge=2, le=100)] = 5
    seed: Seed = 0
    dev: Literal["pool", "holdout"] = "pool"
    verification: Literal["auto", "dev_pairs", "identities"] = "auto"
    heldout_identities: Fraction = 0.1
    pairs_per_fold: Count = 2000
    near_duplicate_bits: Annotated[int, Field(ge=0, le=16)] | None = None

    @property
    def total(self) -> int:
        """How many folds these settings make: one where the dev split is held out."""
        return 1 if self.dev == "holdout" else self.count


class MixConfig(Part):
    """CutMix or Mixup of the images of a batch."""

    probability: Fraction = 0.0
    alpha: Positive = 1.0


MixedMargin = Literal["two_term", "unmixed_only"]


class AugmentConfig(Part):
    """What happens to a training image before the network sees it."""

    transforms: Annotated[tuple[Mapping[str, Mapping[str, Any]], ...], Strict(False)] = (
        {"HorizontalFlip": {"p": 0.5}},
    )
    cutmix: MixConfig = MixConfig()
    mixup: MixConfig = MixConfig()
    margin_on_mixed: MixedMargin = "two_term"

    @model_validator(mode="after")
    def _a_batch_is_mixed_in_one_way(self) -> AugmentConfig:
        total = self.cutmix.probability + self.mixup.probability
        if total > 1:
            raise ValueError(
                f"augment.cutmix.probability + augment.mixup.probability must be <= 1, got {total:g}"
            )
        return self


class ModelConfig(Part):
    """The network: backbone, pooling, neck and head."""

    backbone: str = "resnet18"
    backbone_options: Mapping[str, Any] = Field(default_factory=dict)
    pretrained: bool = False
    weights: str | None = None
    weights_key: str | None = None
    init_from: str | None = None
    small_stem: Literal["auto", "on", "off"] = "auto"
    pooling: Literal["avg", "max", "gem", "gdc", "flatten"] = "avg"
    neck: Literal["none", "bn", "linear", "linear_bn", "dropout_linear_bn", "bn_dropout_linear_bn"] = (
        "linear_bn"
    )
    embedding_size: Annotated[int, Field(ge=2, le=8192)] = 512
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    drop_path: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    head: HeadName = "linear"
    normalize_features: bool = False


class ClassSizeMargin(Part):
    """A margin that follows the number of images of a class: scale * n^-power + offset."""

    scale: Positive = 0.271
    power: NonNegative = 0.364
    offset: NonNegative = 0.05


class MarginConfig(Part):
    """Scale and margin of the heads that compare on the unit sphere."""

    scale: Positive = 30.0
    margin: Annotated[float, Field(ge=0.0, lt=3.1416)] = 0.5
    multiplier: Annotated[float, Field(ge=1.0, le=4.0)] = 1.0
    cosine_margin: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    centers: Annotated[int, Field(ge=1, le=16)] = 3
    easy: bool = False
    warmup_epochs: TimeOrZero = 0.0
    start_scale: Positive | None = None
    by_class_size: ClassSizeMargin | None = None
    sampled_classes: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0


class TripletConfig(Part):
    """Which triplets count, and by how much the same person must be nearer."""

    selection: Literal["semi_hard", "hard", "all"] = "semi_hard"
    distance: Literal["euclidean", "cosine"] = "euclidean"
    margin: Positive = 0.2


class SupconConfig(Part):
    """The supervised contrastive loss."""

    temperature: Positive = 0.1


class CenterConfig(Part):
    """The center loss."""

    rate: Annotated[float, Field(gt=0.0, le=1.0)] = 0.5


class MultiSimilarityConfig(Part):
    """The multi-similarity loss; its defaults are those of Wang et al. 2019 with their code's offset."""

    positive_scale: Positive = 2.0
    negative_scale: Positive = 50.0
    offset: float = 0.5
    mining_margin: NonNegative = 0.1


class DistillConfig(Part):
    """What is learnt from the out-of-fold answers of other runs."""

    runs: Names = ()
    logits_weight: NonNegative = 1.0
    temperature: Positive = 2.0
    cosines_weight: NonNegative = 0.0


class LossConfig(Part):
    """What is minimised: classification_weight * cross entropy + metric_weight * metric loss."""

    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    classification_weight: NonNegative = 1.0
    metric: Literal["none", "triplet", "supcon", "center", "multi_similarity"] = "none"
    metric_weight: Positive = 1.0
    normalize_embeddings: bool = True
    triplet: TripletConfig = TripletConfig()
    supcon: SupconConfig = SupconConfig()
    center: CenterConfig = CenterConfig()
    multi_similarity: MultiSimilarityConfig = MultiSimilarityConfig()
    distill: DistillConfig = DistillConfig()

    @model_validator(mode="after")
    def _something_teaches_the_backbone(self) -> LossConfig:
        if self.classification_weight == 0.0 and self.metric == "none" and not self.distill.runs:
            raise ValueError("loss.classification_weight=0 leaves no loss; set loss.metric, such as triplet")
        if self.distill.runs and self.distill.logits_weight == self.distill.cosines_weight == 0.0:
            raise ValueError("loss.distill.logits_weight and cosines_weight are both 0; raise one of them")
        return self


class OptimConfig(Part):
    """The optimiser."""

    name: str = "sgd"
    lr: Positive = 0.1
    weight_decay: NonNegative = 5e-4
    momentum: Decay = 0.9
    nesterov: bool = False
    betas: Annotated[tuple[Decay, Decay], Strict(False)] | None = None
    options: Mapping[str, Any] = Field(default_factory=dict)
    decay_norms_and_biases: bool = False
    layer_decay: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    head_lr_factor: Positive = 1.0


class ScheduleConfig(Part):
    """The learning rate over time; all lengths are in epochs."""

    name: Literal["constant", "cosine", "warm_restarts", "step", "plateau", "one_cycle"] = "cosine"
    warmup_epochs: TimeOrZero = 0.0
    warmup_start: Fraction = 0.01
    final_lr: NonNegative = 0.0
    restart_epochs: Time = 10.0
    restart_multiplier: Annotated[float, Field(ge=1.0, le=LONGEST)] = 2.0
    step_epochs: Times = ()
    step_factor: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1
    patience_epochs: Count = 3
    peak_fraction: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.3
    start_divisor: Annotated[float, Field(ge=1.0)] = 25.0


class SamplerConfig(Part):
    """Which images an epoch takes, and in which order."""

    name: Literal["shuffled", "balanced", "square_root", "identities"] = "shuffled"
    images_per_identity: Annotated[int, Field(ge=2, le=MOST)] = 4


class TrainConfig(Part):
    """The training loop."""

    epochs: Count = 30
    batch_size: Annotated[int, Field(ge=2, le=MOST)] = 128
    last_batch: Literal["drop", "fill"] = "drop"
    freeze_backbone_epochs: CountOrZero = 0
    start_image_size: Annotated[int, Field(ge=8, le=1024)] | None = None
    grow_epochs: CountOrZero = 0
    amp: Literal["auto", "off", "bf16", "fp16"] = "auto"
    threads: Annotated[Count | Literal["auto", "all"], MayChange("resume")] = "auto"
    channels_last: bool = True
    compile: bool | Literal["auto"] = False
    clip_grad_norm: Positive | None = None
    accumulate_steps: Count = 1
    ema_decay: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    ema_warmup_epochs: TimeOrZero = 1.0
    swa_epochs: Count | None = None
    early_stop_epochs: Count | None = None
    early_stop_metric: Literal["accuracy", "verification", "score"] = "accuracy"
    verification_metric: Literal["eer", "auc"] = "eer"
    score: str | None = None
    measure_every_epochs: Count = 1
    max_hours: Annotated[Time | None, MayChange("resume")] = None
    checkpoint_minutes: Annotated[Time, MayChange("resume")] = 5.0
    max_nonfinite_steps: Count = 20
    tensorboard: bool = True
    eval_batch_size: Count | Literal["auto"] = "auto"

    @model_validator(mode="after")
    def _growing_takes_time(self) -> TrainConfig:
        if self.start_image_size is not None and not 0 < self.grow_epochs <= self.epochs:
            raise ValueError(
                f"train.grow_epochs must be > 0 and <= train.epochs ({self.epochs}) with "
                f"train.start_image_size, got {self.grow_epochs}"
            )
        return self

    @model_validator(mode="after")
    def _early_stop_has_its_score(self) -> TrainConfig:
        if self.early_stop_metric == "score" and self.score is None:
            raise ValueError("train.early_stop_metric=score needs train.score, a formula of the figures")
        return self


class PredictConfig(Part):
    """How embeddings and logits are computed after training."""

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
    """How submissions are written and uploaded."""

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
    packs: str = "packs"


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

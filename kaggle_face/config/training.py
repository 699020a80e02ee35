"""Settings of training: network, augmentation, losses, optimiser, schedule and loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, Strict, model_validator

from kaggle_face.config.comparing import MayChange
from kaggle_face.config.values import (
    LONGEST,
    MOST,
    Count,
    CountOrZero,
    Decay,
    Fraction,
    Names,
    NonNegative,
    Part,
    Positive,
    Time,
    TimeOrZero,
    Times,
)

HeadName = Literal[
    "linear",
    "cosface",
    "arcface",
    "adaface",
    "curricularface",
    "subcenter_arcface",
    "combined_margin",
]


class MixConfig(Part):
    """CutMix or Mixup of the images of a batch."""

    probability: Fraction = 0.0
    alpha: Positive = 1.0


MixedMargin = Literal["two_term", "unmixed_only"]


class AugmentConfig(Part):
    """Augmentation of the training images."""

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


CropShare = Annotated[float, Field(ge=0.25, le=1.0)]
"""The share of each side of an image."""


class ModelConfig(Part):
    """The network: backbone, pooling, neck and head."""

    backbone: str = "resnet18"
    backbone_options: Mapping[str, Any] = Field(default_factory=dict)
    pretrained: bool = False
    weights: str | None = None
    weights_key: str | None = None
    init_from: str | None = None
    small_stem: Literal["auto", "on", "off"] = "auto"
    center_crop: CropShare = 1.0
    further_center_crops: Annotated[tuple[CropShare, ...], Strict(False)] = ()
    pooling: Literal["avg", "max", "gem", "gdc", "flatten"] = "avg"
    neck: Literal["none", "bn", "linear", "linear_bn", "dropout_linear_bn", "bn_dropout_linear_bn"] = (
        "linear_bn"
    )
    embedding_size: Annotated[int, Field(ge=2, le=8192)] = 512
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    drop_path: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    head: HeadName = "linear"
    normalize_features: bool = False

    def of_fold(self, fold: int) -> ModelConfig:
        """The network of a fold: the first sees `center_crop`, those after it the further ones, in turn.

        >>> model = ModelConfig(further_center_crops=(0.5, 0.8))
        >>> [model.of_fold(fold).center_crop for fold in range(5)]
        [1.0, 0.5, 0.8, 1.0, 0.5]
        """
        shares = (self.center_crop, *self.further_center_crops)
        return self.model_copy(update={"center_crop": shares[fold % len(shares)]})


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
    sharded: Annotated[Literal["auto", "on", "off"], MayChange("resume", "predict")] = "auto"


class TripletConfig(Part):
    """Selection, distance and margin of the triplet loss."""

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
    """Distillation from the out-of-fold predictions of other runs."""

    runs: Names = ()
    logits_weight: NonNegative = 1.0
    temperature: Positive = 2.0
    cosines_weight: NonNegative = 0.0


class LossConfig(Part):
    """The loss: classification_weight * cross entropy + metric_weight * metric loss."""

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
    """The images of an epoch and their order."""

    name: Literal["shuffled", "balanced", "square_root", "identities"] = "shuffled"
    images_per_identity: Annotated[int, Field(ge=2, le=MOST)] = 4


LoggerName = Literal["wandb", "mlflow"]
"""Services that a training is recorded in, by the name of their package and of the extra that installs it."""

GradientCompression = Literal["none", "fp16", "bf16", "powersgd"]


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
    sync_batchnorm: bool = False
    gradient_compression: GradientCompression = "none"
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
    tensorboard: Annotated[bool, MayChange("resume")] = True
    loggers: Annotated[tuple[LoggerName, ...], Strict(False), MayChange("resume")] = ()
    eval_batch_size: Count | Literal["auto"] = "auto"

    @model_validator(mode="after")
    def _loggers_differ(self) -> TrainConfig:
        if len(set(self.loggers)) < len(self.loggers):
            raise ValueError(f"train.loggers names one twice: {', '.join(self.loggers)}")
        return self

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

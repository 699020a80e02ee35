"""Typed settings: their schema, and how they are read from YAML and the command line."""

from __future__ import annotations

from kaggle_face.config.competition import CompetitionConfig
from kaggle_face.config.loading import (
    LoadedConfig,
    dump_config,
    load_config,
    parse_config,
    with_overrides,
)
from kaggle_face.config.schema import (
    Config,
    DataConfig,
    FoldsConfig,
    PathsConfig,
    PredictConfig,
    SubmitConfig,
)
from kaggle_face.config.training import (
    AugmentConfig,
    LossConfig,
    MarginConfig,
    MixConfig,
    ModelConfig,
    OptimConfig,
    SamplerConfig,
    ScheduleConfig,
    TrainConfig,
)

__all__ = [
    "AugmentConfig",
    "CompetitionConfig",
    "Config",
    "DataConfig",
    "FoldsConfig",
    "LoadedConfig",
    "LossConfig",
    "MarginConfig",
    "MixConfig",
    "ModelConfig",
    "OptimConfig",
    "PathsConfig",
    "PredictConfig",
    "SamplerConfig",
    "ScheduleConfig",
    "SubmitConfig",
    "TrainConfig",
    "dump_config",
    "load_config",
    "parse_config",
    "with_overrides",
]

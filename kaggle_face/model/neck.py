"""From pooled features to the embedding.

Letters: B images, F pooled features, D embedding size.
"""

from __future__ import annotations

from typing import assert_never

from torch import nn

from kaggle_face.config import ModelConfig
from kaggle_face.errors import ConfigError


def create_neck(config: ModelConfig, num_features: int) -> tuple[nn.Module, int]:
    """The layers between (B, F) and (B, D), and D.

    `none` and `bn` keep the F features and ignore `model.embedding_size`. `dropout_linear_bn` is the output
    that ArcFace recommends (Deng et al. 2019, arXiv:1801.07698, section 3.1, option E); `bn` is the BNNeck of
    Luo et al. 2019 (arXiv:1903.07071).

    Raises:
        ConfigError: A dropout is set and the neck has no place for it.
    """
    if config.dropout > 0.0 and "dropout" not in config.neck:
        raise ConfigError(
            f"model.dropout={config.dropout:g} has no place in model.neck={config.neck}; "
            "set model.neck=dropout_linear_bn or model.dropout=0"
        )
    size = config.embedding_size
    match config.neck:
        case "none":
            return nn.Identity(), num_features
        case "bn":
            return nn.BatchNorm1d(num_features), num_features
        case "linear":
            return nn.Linear(num_features, size), size
        case "linear_bn":
            return nn.Sequential(nn.Linear(num_features, size), nn.BatchNorm1d(size)), size
        case "dropout_linear_bn":
            layers = (nn.Dropout(config.dropout), nn.Linear(num_features, size), nn.BatchNorm1d(size))
            return nn.Sequential(*layers), size
        case "bn_dropout_linear_bn":
            layers = (nn.Dropout(config.dropout), nn.Linear(num_features, size), nn.BatchNorm1d(size))
            return nn.Sequential(nn.BatchNorm1d(num_features), *layers), size
        case _:
            assert_never(config.neck)

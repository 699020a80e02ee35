"""Pooling and neck: from a feature map to the embedding.

Letters: B images, C channels, h and w of the map, F pooled features, D embedding size.
"""

from __future__ import annotations

from typing import Literal, assert_never

import torch
from torch import Tensor, nn

from kaggle_face.config import ModelConfig
from kaggle_face.errors import ConfigError
from kaggle_face.model.heads.head import in_full_precision

PoolingName = Literal["avg", "max", "gem", "gdc", "flatten"]

_SMALLEST_ACTIVATION = 1e-6


def create_pooling(name: PoolingName, num_channels: int, map_size: tuple[int, int]) -> tuple[nn.Module, int]:
    """The pooling of the settings and the number of features that it gives.

    `flatten` and `gdc` bind the network to the map size, and so to the image size.
    """
    match name:
        case "avg":
            return AveragePooling(), num_channels
        case "max":
            return MaxPooling(), num_channels
        case "gem":
            return GeMPooling(), num_channels
        case "gdc":
            return DepthwisePooling(num_channels, map_size), num_channels
        case "flatten":
            return nn.Flatten(), num_channels * map_size[0] * map_size[1]
        case _:
            assert_never(name)


class AveragePooling(nn.Module):
    """The mean over the map."""

    def forward(self, map_BChw: Tensor) -> Tensor:
        """Features (B, C), float32."""
        return map_BChw.mean(dim=(2, 3), dtype=torch.promote_types(map_BChw.dtype, torch.float32))


class MaxPooling(nn.Module):
    """The largest value of each channel."""

    def forward(self, map_BChw: Tensor) -> Tensor:
        """Features (B, C)."""
        return map_BChw.amax(dim=(2, 3))


class GeMPooling(nn.Module):
    """Generalised mean with a learnt exponent (Radenovic et al. 2018, arXiv:1711.02512, equation 3).

    p = 1 is the mean and p -> infinity the maximum of the positive activations; negative ones count as 0.
    Powers are taken in float32 also under autocast.
    """

    def __init__(self, p: float = 3.0) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.tensor([p]))

    def forward(self, map_BChw: Tensor) -> Tensor:
        """Features (B, C), float32."""
        with torch.autocast(map_BChw.device.type, enabled=False):
            positive = in_full_precision(map_BChw).clamp(min=_SMALLEST_ACTIVATION)
            pooled: Tensor = positive.pow(self.p).mean(dim=(2, 3)).pow(1.0 / self.p)
            return pooled


class DepthwisePooling(nn.Module):
    """A depthwise convolution over the whole map and batch norm: a learnt weight for every place and channel.

    The "global depthwise convolution" of Chen et al. 2018 (arXiv:1804.07573, section 3.2).
    """

    def __init__(self, num_channels: int, map_size: tuple[int, int]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(num_channels, num_channels, map_size, groups=num_channels, bias=False)
        self.bn = nn.BatchNorm2d(num_channels)

    def forward(self, map_BChw: Tensor) -> Tensor:
        """Features (B, C)."""
        pooled: Tensor = self.bn(self.conv(map_BChw))
        return pooled.flatten(1)


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

"""Pooling against its definitions; necks: the embedding's size and settings that contradict each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from kaggle_face.config import ModelConfig
from kaggle_face.errors import ConfigError
from kaggle_face.model.pooling import GeMPooling, PoolingName, create_neck, create_pooling

MAP = torch.rand(2, 5, 3, 4, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("name", "num_features"), [("avg", 5), ("max", 5), ("gem", 5), ("gdc", 5), ("flatten", 60)]
)
def test_the_number_of_features_is_the_announced_one(name: PoolingName, num_features: int) -> None:
    pooling, announced = create_pooling(name, 5, (3, 4))
    assert announced == num_features
    assert pooling(MAP).shape == (2, num_features)


def test_gem_is_the_power_mean() -> None:
    values = MAP.double().numpy()
    expected = np.mean(values**3, axis=(2, 3)) ** (1 / 3)  # Radenovic et al. 2018, equation 3
    np.testing.assert_allclose(GeMPooling(p=3.0)(MAP).detach().numpy(), expected, rtol=1e-5)


def test_gem_with_exponent_1_is_the_mean() -> None:
    torch.testing.assert_close(GeMPooling(p=1.0)(MAP), MAP.mean(dim=(2, 3)))


def test_gem_is_float32_under_autocast() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        pooled = GeMPooling()(MAP.bfloat16())
    assert pooled.dtype == torch.float32


def test_gem_of_a_dead_channel_has_finite_gradients() -> None:
    pooling, dead = GeMPooling(), torch.zeros(1, 2, 3, 3, requires_grad=True)
    pooling(dead).sum().backward()
    assert dead.grad is not None
    assert pooling.p.grad is not None
    assert bool(dead.grad.isfinite().all() and pooling.p.grad.isfinite().all())


def test_max_pooling_is_the_maximum() -> None:
    pooling, _ = create_pooling("max", 5, (3, 4))
    torch.testing.assert_close(pooling(MAP), F.adaptive_max_pool2d(MAP, 1).flatten(1))


def test_gdc_weighs_every_place_of_every_channel() -> None:
    pooling, _ = create_pooling("gdc", 5, (3, 4))
    assert pooling.conv.weight.shape == (5, 1, 3, 4)
    weighted = (MAP * pooling.conv.weight[:, 0]).sum(dim=(2, 3))
    torch.testing.assert_close(pooling.conv(MAP).flatten(1), weighted)


@pytest.mark.parametrize(
    ("neck", "size"),
    [
        ("none", 24),
        ("bn", 24),
        ("linear", 8),
        ("linear_bn", 8),
        ("dropout_linear_bn", 8),
        ("bn_dropout_linear_bn", 8),
    ],
)
def test_the_embedding_has_the_announced_size(neck: Any, size: int) -> None:
    module, announced = create_neck(ModelConfig(neck=neck, embedding_size=8), 24)
    assert announced == size
    assert module(torch.rand(3, 24)).shape == (3, size)


def test_a_dropout_without_a_place_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"model\.dropout=0\.2 has no place in model\.neck=linear_bn"):
        create_neck(ModelConfig(neck="linear_bn", dropout=0.2), 24)


def test_dropout_is_as_strong_as_set() -> None:
    module, _ = create_neck(ModelConfig(neck="dropout_linear_bn", dropout=0.4), 24)
    assert [layer.p for layer in module if isinstance(layer, torch.nn.Dropout)] == [0.4]

"""Necks: the embedding's size and the settings that contradict each other."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from kaggle_face.config import ModelConfig
from kaggle_face.errors import ConfigError
from kaggle_face.model.neck import create_neck


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

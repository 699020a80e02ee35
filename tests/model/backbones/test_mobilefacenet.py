"""MobileFaceNet against the paper's figures (Chen et al. 2018, arXiv:1804.07573)."""

from __future__ import annotations

import pytest
import torch

from kaggle_face.model.backbones.mobilefacenet import create_mobilefacenet

# Global depthwise convolution 7x7 with batch norm, 1x1 convolution to 128 with batch norm (table 1).
OUTPUT_PARAMETERS = 512 * 49 + 2 * 512 + 512 * 128 + 2 * 128


def test_the_parameter_count_is_the_published_one() -> None:
    total = sum(parameter.numel() for parameter in create_mobilefacenet().module.parameters())
    assert total + OUTPUT_PARAMETERS == pytest.approx(0.99e6, rel=0.02)  # table 2: 0.99 million


def test_an_image_of_112_pixels_gives_a_map_of_7_by_7() -> None:
    features = create_mobilefacenet().module.eval()(torch.zeros(1, 3, 112, 112))
    assert features.shape == (1, 512, 7, 7)

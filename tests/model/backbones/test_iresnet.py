"""The size of each IResNet against published figures."""

from __future__ import annotations

import pytest
import torch

from kaggle_face.model.backbones.iresnet import IResNetName, create_iresnet

# The output layers of the published networks: a linear layer from 7x7x512 to 512 with bias, and batch norm.
OUTPUT_PARAMETERS = 7 * 7 * 512 * 512 + 512 + 2 * 512


@pytest.mark.parametrize(
    ("name", "published"),
    [
        # insightface's PyTorch IResNets as counted in the literature on compact face networks.
        ("iresnet18", 24.02e6),
        ("iresnet50", 43.59e6),
        # OpenVINO Open Model Zoo, face-recognition-resnet34-arcface (LResNet34E-IR) and
        # face-recognition-resnet100-arcface (LResNet100E-IR).
        ("iresnet34", 34.129e6),
        ("iresnet100", 65.131e6),
    ],
)
def test_the_parameter_count_is_the_published_one(name: IResNetName, published: float) -> None:
    with torch.device("meta"):
        body = create_iresnet(name).module
    total = sum(parameter.numel() for parameter in body.parameters()) + OUTPUT_PARAMETERS
    # The zoo folds some scales of batch norm into convolutions: at most 0.05 % fewer.
    assert total == pytest.approx(published, rel=5e-4)


def test_an_image_of_112_pixels_gives_a_map_of_7_by_7() -> None:
    with torch.device("meta"):
        features = create_iresnet("iresnet18").module(torch.empty(1, 3, 112, 112))
    assert features.shape == (1, 512, 7, 7)

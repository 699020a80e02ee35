"""Growing image sizes."""

from __future__ import annotations

import pytest
import torch

from kaggle_face.config import MarginConfig, ModelConfig, TrainConfig
from kaggle_face.errors import ConfigError
from kaggle_face.model.network import create_network
from kaggle_face.train.image_sizes import image_size_at, require_growing_is_possible, resized


def test_sizes_grow_from_start_to_full_in_multiples_of_eight() -> None:
    train = TrainConfig(start_image_size=32, grow_epochs=5)
    sizes = [image_size_at(train, 100, epoch) for epoch in range(8)]
    # 32 + 68 * epoch / 5 = 32, 45.6, 59.2, 72.8, 86.4, to the next multiple of 8.
    assert sizes == [32, 48, 56, 72, 88, 100, 100, 100]


def test_without_a_start_every_epoch_has_the_full_size() -> None:
    assert image_size_at(TrainConfig(), 64, 0) == 64


def test_half_the_size_averages_over_neighbours() -> None:
    images = torch.zeros(1, 1, 8, 8)
    images[..., ::2] = 1.0  # stripes: their mean is one half
    inner = resized(images, 4)[0, 0, :, 1:3]
    torch.testing.assert_close(inner, torch.full((4, 2), 0.5))


def test_images_of_their_own_size_stay_as_they_are() -> None:
    images = torch.rand(2, 3, 8, 8)
    assert resized(images, 8) is images


def test_a_network_for_one_size_refuses_to_grow() -> None:
    model = ModelConfig(backbone="mobilefacenet", pooling="gdc", embedding_size=8)
    network = create_network(model, MarginConfig(), 2, 64)
    train = TrainConfig(start_image_size=32, grow_epochs=2)
    with pytest.raises(ConfigError, match="images of 64 pixels alone"):
        require_growing_is_possible(network, train, 64)
    with pytest.raises(ConfigError, match=r"must be < data\.image_size \(32\), got 32"):
        require_growing_is_possible(network, train, 32)

"""Growing image sizes."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from kaggle_face.config import MarginConfig, ModelConfig, TrainConfig
from kaggle_face.errors import ConfigError
from kaggle_face.model.network import create_network
from kaggle_face.train.optim.image_sizes import image_size_at, require_growing_is_possible, resized


def test_sizes_grow_from_start_to_full_in_multiples_of_eight() -> None:
    train = TrainConfig(start_image_size=32, grow_epochs=5)
    sizes = [image_size_at(train, 100, epoch) for epoch in range(8)]
    # 32 + 68 * epoch / 5 = 32, 45.6, 59.2, 72.8, 86.4, to the next multiple of 8.
    assert sizes == [32, 48, 56, 72, 88, 100, 100, 100]


def test_without_a_start_every_epoch_has_the_full_size() -> None:
    assert image_size_at(TrainConfig(), 64, 0) == 64


def test_half_the_size_averages_over_neighbours() -> None:
    images_BHWC = torch.zeros(1, 8, 8, 3, dtype=torch.uint8)
    images_BHWC[:, :, ::2] = 100  # stripes: their mean is half of that
    smaller_BHWC = resized(images_BHWC, 4)
    assert smaller_BHWC.shape == (1, 4, 4, 3)
    torch.testing.assert_close(smaller_BHWC[0, :, 1:3], torch.full((4, 2, 3), 50, dtype=torch.uint8))


def test_whole_numbers_are_those_of_float32_to_within_one() -> None:
    images_BHWC = torch.randint(256, (2, 16, 16, 3), generator=torch.Generator().manual_seed(0)).byte()
    as_float_BCHW = F.interpolate(
        images_BHWC.permute(0, 3, 1, 2).float(), (12, 12), mode="bilinear", antialias=True
    )
    difference = resized(images_BHWC, 12).permute(0, 3, 1, 2).float() - as_float_BCHW
    assert difference.abs().max() <= 1.0


def test_images_of_their_own_size_stay_as_they_are() -> None:
    images = torch.zeros(2, 8, 8, 3, dtype=torch.uint8)
    assert resized(images, 8) is images


def test_a_network_for_one_size_refuses_to_grow() -> None:
    model = ModelConfig(backbone="mobilefacenet", pooling="gdc", embedding_size=8)
    network = create_network(model, MarginConfig(), 2, 64)
    train = TrainConfig(start_image_size=32, grow_epochs=2)
    with pytest.raises(ConfigError, match="images of 64 pixels alone"):
        require_growing_is_possible(network, train, 64)
    with pytest.raises(ConfigError, match=r"must be < data\.image_size \(32\), got 32"):
        require_growing_is_possible(network, train, 32)

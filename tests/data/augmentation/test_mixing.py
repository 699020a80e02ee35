"""CutMix and Mixup: what is pasted is what the weight says."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from kaggle_face.config.training import AugmentConfig, MixConfig
from kaggle_face.data.augmentation.mixing import Mix, apply_mix, draw_mix

SIZE = 16


def config(cutmix: float = 0.0, mixup: float = 0.0, alpha: float = 1.0) -> AugmentConfig:
    return AugmentConfig(
        cutmix=MixConfig(probability=cutmix, alpha=alpha), mixup=MixConfig(probability=mixup, alpha=alpha)
    )


def draw(settings: AugmentConfig, batch_size: int, seed: int) -> Mix:
    mix = draw_mix(settings, batch_size, SIZE, np.random.default_rng(seed))
    assert mix is not None
    return mix


def numbered(batch_size: int) -> torch.Tensor:
    """Image b holds the number b everywhere."""
    return torch.arange(batch_size, dtype=torch.float32).reshape(-1, 1, 1, 1).expand(-1, 3, SIZE, SIZE)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("batch_size", [2, 7])
def test_cutmix_keeps_the_share_of_pixels_that_its_weight_says(seed: int, batch_size: int) -> None:
    mix = draw(config(cutmix=1), batch_size, seed)
    mixed = apply_mix(numbered(batch_size), mix)
    for image in range(batch_size):
        partner = int(mix.permutation[image])
        values = Counter(mixed[image, 0].flatten().tolist())
        assert set(values) <= {float(image), float(partner)}
        if partner != image:
            assert values[float(image)] / SIZE**2 == pytest.approx(mix.weight_of_first)


@pytest.mark.parametrize("seed", range(20))
def test_cutmix_keeps_its_share_of_the_pixels_that_a_network_sees(seed: int) -> None:
    border = 5
    mix = draw_mix(config(cutmix=1), 2, SIZE, np.random.default_rng(seed), border)
    assert mix is not None
    mixed = apply_mix(numbered(2), Mix(np.array([1, 0]), mix.weight_of_first, mix.box))[0, 0]
    inside = mixed[border : SIZE - border, border : SIZE - border]
    assert (inside == 0).float().mean().item() == pytest.approx(mix.weight_of_first)
    assert mixed.sum() == inside.sum(), "nothing is pasted where nobody looks"


@pytest.mark.parametrize("seed", range(5))
def test_mixup_averages_with_its_weight(seed: int) -> None:
    mix = draw(config(mixup=1), 5, seed)
    images = torch.rand(5, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))
    expected = mix.weight_of_first * images + (1 - mix.weight_of_first) * images[mix.permutation.tolist()]
    torch.testing.assert_close(apply_mix(images, mix), expected)


@pytest.mark.parametrize("settings", [config(cutmix=1), config(mixup=1)])
def test_the_batch_handed_in_is_left_alone(settings: AugmentConfig) -> None:
    images = numbered(4).clone()
    apply_mix(images, draw(settings, 4, 3))
    assert (images == numbered(4)).all()


@pytest.mark.parametrize("settings", [config(cutmix=1), config(mixup=1)])
def test_an_image_alone_is_mixed_with_itself(settings: AugmentConfig) -> None:
    assert (apply_mix(numbered(1) + 5, draw(settings, 1, 0)) == 5).all()


@pytest.mark.parametrize("settings", [config(cutmix=1), config(mixup=1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_type_and_memory_format_stay(settings: AugmentConfig, dtype: torch.dtype) -> None:
    images = torch.rand(4, 3, SIZE, SIZE).to(dtype, memory_format=torch.channels_last)
    mixed = apply_mix(images, draw(settings, 4, 1))
    assert mixed.dtype == dtype and mixed.is_contiguous(memory_format=torch.channels_last)


def test_the_same_generator_draws_the_same_mix() -> None:
    one, two = (draw(config(cutmix=0.5, mixup=0.5), 9, 7) for _ in range(2))
    assert one.box == two.box and one.weight_of_first == two.weight_of_first
    assert (one.permutation == two.permutation).all()


def test_batches_are_mixed_as_often_as_the_probabilities_say() -> None:
    random = np.random.default_rng(0)
    kinds: Counter[str] = Counter()
    for _ in range(4000):
        mix = draw_mix(config(cutmix=0.3, mixup=0.2), 4, SIZE, random)
        kinds["none" if mix is None else "mixup" if mix.box is None else "cutmix"] += 1
    # Four standard deviations of a binomial of 4000 at 0.3 are 116.
    assert abs(kinds["cutmix"] - 1200) < 116 and abs(kinds["mixup"] - 800) < 116


def test_boxes_cover_half_the_picture_on_average_before_clipping_and_less_after() -> None:
    weights = [draw(config(cutmix=1), 2, seed).weight_of_first for seed in range(2000)]
    # Beta(1, 1) is even, so the box covers 1/2 on average; an even centre clips a box of side r to
    # (r - r^2/4)^2, whose mean over r^2 even in 0..1 is 1/2 - 1/5 + 1/48 * ... worked out by integration:
    # E[(r - r^2/4)^2] = E[r^2] - E[r^3]/2 + E[r^4]/16 = 1/2 - (2/5)/2 + (1/3)/16 = 0.3208.
    assert np.mean(weights) == pytest.approx(1 - 0.3208, abs=0.02)


def test_a_large_alpha_mixes_evenly() -> None:
    # Beta(200, 200) has mean 1/2 and standard deviation 0.025.
    weights = [draw(config(mixup=1, alpha=200), 2, seed).weight_of_first for seed in range(50)]
    assert all(abs(weight - 0.5) < 0.15 for weight in weights)

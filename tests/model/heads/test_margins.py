"""Margins against their formulas in float64, with an arc cosine instead of the addition theorem."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kaggle_face.model.heads import margins

# Angles over the whole range, and both ends of it.
COSINES = np.concatenate([np.cos(np.linspace(0.0, np.pi, 1001)), [1.0, -1.0, 0.0]]).astype(np.float32)
THETA = np.arccos(COSINES.astype(np.float64))


def margin(value: float) -> torch.Tensor:
    return torch.tensor([value])


@pytest.mark.parametrize("m", [0.0, 0.1, 0.35, 0.5, 1.0])
def test_arcface_is_the_published_formula(m: float) -> None:
    ours = margins.additive_angle(torch.from_numpy(COSINES), margin(m), easy=False).numpy()
    m = float(np.float32(m))
    published = np.where(THETA + m < np.pi, np.cos(THETA + m), np.cos(THETA) - m * np.sin(m))
    near_the_jump = np.abs(THETA + m - np.pi) < 1e-5  # there rounding decides which formula holds
    np.testing.assert_allclose(ours[~near_the_jump], published[~near_the_jump], rtol=0, atol=1e-6)


@pytest.mark.parametrize("m", [0.1, 0.5])
def test_easy_margin_leaves_angles_beyond_90_degrees_alone(m: float) -> None:
    ours = margins.additive_angle(torch.from_numpy(COSINES), margin(m), easy=True).numpy()
    m = float(np.float32(m))
    published = np.where(COSINES > 0, np.cos(THETA + m), np.cos(THETA))
    np.testing.assert_allclose(ours, published, rtol=0, atol=1e-6)


def test_a_harder_image_never_gets_a_larger_logit() -> None:
    falling = torch.from_numpy(COSINES[:1001])
    harder = margins.additive_angle(falling, margin(0.5), easy=False)
    assert bool((harder.diff() <= 1e-6).all())


@pytest.mark.parametrize(
    ("m1", "m2", "m3"), [(1.0, 0.3, 0.2), (1.35, 0.0, 0.0), (1.2, 0.4, 0.1), (4.0, 0.0, 0.0)]
)
def test_combined_margin_is_the_published_formula(m1: float, m2: float, m3: float) -> None:
    ours = margins.combined(torch.from_numpy(COSINES), m1, margin(m2), m3, easy=False).numpy()
    angle = m1 * THETA + float(np.float32(m2))
    half_turns = np.floor(angle / np.pi)
    published = (-1.0) ** half_turns * np.cos(angle) - 2.0 * half_turns - m3
    np.testing.assert_allclose(ours, published, rtol=0, atol=2e-6)


def test_combined_margin_falls_all_the_way() -> None:
    harder = margins.combined(torch.from_numpy(COSINES[:1001]), 3.0, margin(0.5), 0.1, easy=False)
    assert bool((harder.diff() <= 1e-6).all())


@pytest.mark.parametrize("cosine", [1.0, -1.0, 1.0 - 6e-8, 0.0])
def test_gradients_are_finite_at_the_ends(cosine: float) -> None:
    for easy in (False, True):
        value = torch.tensor([cosine], requires_grad=True)
        total = margins.additive_angle(value, margin(0.5), easy) + margins.combined(
            value, 1.3, margin(0.5), 0.1, easy
        )
        total.sum().backward()
        assert value.grad is not None
        assert bool(value.grad.isfinite().all())

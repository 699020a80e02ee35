"""Margin functions of the target cosine; elementwise, without parameters.

Every function takes cosines (B) in [-1, 1] and margins that broadcast with them, and has finite gradients
everywhere, at cosines of 1 and -1 too.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def angle_of(cosine_B: Tensor) -> Tensor:
    """The angle in [0, pi]; at its ends, where the arc cosine has no finite slope, its gradient is 0."""
    is_inside_B = cosine_B.abs() < 1.0
    inside_B = torch.acos(torch.where(is_inside_B, cosine_B, 0.0))
    return torch.where(is_inside_B, inside_B, torch.where(cosine_B > 0.0, 0.0, math.pi))


def subtracted(cosine_B: Tensor, margin: Tensor) -> Tensor:
    """cos(theta) - m (CosFace, Wang et al. 2018, arXiv:1801.09414, equation 4)."""
    return cosine_B - margin


def rotated(cosine_B: Tensor, margin_radians: Tensor) -> Tensor:
    """cos(theta + m), without an inverse cosine.

    The sine is the root of (1 - c)(1 + c), whose factors are exact in floating point; 1 - c*c loses half of
    the digits near 1. At cosines of 1 and -1, where the root has no finite slope, its gradient is 0.
    """
    squared_sine_B = (1.0 - cosine_B) * (1.0 + cosine_B)
    is_inside_B = squared_sine_B > 0.0
    root_B = torch.sqrt(torch.where(is_inside_B, squared_sine_B, 1.0))
    sine_B = torch.where(is_inside_B, root_B, 0.0)
    return cosine_B * torch.cos(margin_radians) - sine_B * torch.sin(margin_radians)


def additive_angle(cosine_B: Tensor, margin_radians: Tensor, easy: bool) -> Tensor:
    """ArcFace (Deng et al. 2019, arXiv:1801.07698, equation 3) with the continuations of its authors' code.

    cos(theta + m) falls only up to theta = pi - m. Beyond, the cosine less m * sin(m) is taken, so that a
    harder image never gets a larger logit. With `easy`, angles beyond 90 degrees get no margin at all.
    """
    rotated_B = rotated(cosine_B, margin_radians)
    if easy:
        return torch.where(cosine_B > 0.0, rotated_B, cosine_B)
    beyond_B = cosine_B - margin_radians * torch.sin(margin_radians)
    return torch.where(cosine_B > -torch.cos(margin_radians), rotated_B, beyond_B)


def combined(
    cosine_B: Tensor, multiplier: float, margin_radians: Tensor, cosine_margin: float | Tensor, easy: bool
) -> Tensor:
    """cos(m1 * theta + m2) - m3 (Deng et al. 2019, arXiv:1801.07698, equation 4).

    Where the angle m1 * theta + m2 exceeds pi, the cosine is continued so that it goes on falling, as
    SphereFace does: (-1)^k cos(angle) - 2k in the k-th half turn (Liu et al. 2017, arXiv:1704.08063,
    equation 7).
    """
    angle_B = multiplier * angle_of(cosine_B) + margin_radians
    half_turns_B = torch.floor(angle_B.detach() / math.pi)
    sign_B = 1.0 - 2.0 * torch.remainder(half_turns_B, 2.0)
    harder_B = sign_B * torch.cos(angle_B) - 2.0 * half_turns_B - cosine_margin
    return torch.where(cosine_B > 0.0, harder_B, cosine_B) if easy else harder_B

"""Student's t distribution with any positive number of degrees of freedom, from an integral of cosines.

With t = sqrt(nu) tan(angle) the density is proportional to cos(angle)^(nu - 1), which Gauss's quadrature
integrates to twelve digits (Abramowitz and Stegun 1964, 26.7).
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from kaggle_face.metrics.inputs import FloatArray

_HALVINGS = 60


def t_tail(value: float, freedom: float) -> float:
    """The chance that t exceeds a value of at least 0.

    With one degree of freedom (Cauchy) 1 is exceeded by a quarter:

    >>> round(t_tail(1.0, 1.0), 12)
    0.25
    """
    if math.isinf(value):
        return 0.0
    return _tail_beyond(math.atan(value / math.sqrt(freedom)), freedom)


@cache
def t_quantile(share: float, freedom: float) -> float:
    """The value below which t lies with the chance `share` of at least 0.5.

    >>> round(t_quantile(0.975, 9.0), 3)
    2.262
    """
    low, high = 0.0, math.pi / 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _tail_beyond(middle, freedom) > 1 - share else (low, middle)
    return math.sqrt(freedom) * math.tan((low + high) / 2)


def _tail_beyond(angle: float, freedom: float) -> float:
    """The share of cos^(nu - 1) on [0, pi / 2] beyond an angle, halved."""
    log_scale = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2) - math.log(math.pi) / 2
    nodes, weights = _gauss_nodes()
    angles = angle * (nodes + 1) / 2
    inside = float(weights @ np.exp((freedom - 1) * np.log(np.cos(angles)))) * angle / 2
    return max(0.5 - math.exp(log_scale) * inside, 0.0)


@cache
def _gauss_nodes() -> tuple[FloatArray, FloatArray]:
    nodes, weights = np.polynomial.legendre.leggauss(96)
    return nodes, weights

"""Student's t distribution with any positive number of degrees of freedom.

scipy.special is imported at the first call: it takes 0.4 s, five times as long as all metrics together.
"""

from __future__ import annotations

from functools import cache


def t_tail(value: float, freedom: float) -> float:
    """The chance that t exceeds a value.

    With one degree of freedom (Cauchy) 1 is exceeded by a quarter:

    >>> round(t_tail(1.0, 1.0), 12)
    0.25
    """
    from scipy.special import stdtr

    return float(stdtr(freedom, -value))


@cache
def t_quantile(share: float, freedom: float) -> float:
    """The value below which t lies with the chance `share`.

    >>> round(t_quantile(0.975, 9.0), 3)
    2.262
    """
    from scipy.special import stdtrit

    return float(stdtrit(freedom, share))

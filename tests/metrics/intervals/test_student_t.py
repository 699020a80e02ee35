from __future__ import annotations

import pytest

from kaggle_face.metrics.intervals.student_t import t_quantile, t_tail


@pytest.mark.parametrize(
    ("share", "freedom", "expected"),
    # printed tables of Student's distribution; 1.959964 is the normal quantile
    [(0.975, 1, 12.7062), (0.95, 2, 2.9200), (0.975, 9, 2.2622), (0.995, 29, 2.7564), (0.975, 1e7, 1.959964)],
)
def test_quantiles_are_those_of_tables(share: float, freedom: float, expected: float) -> None:
    assert t_quantile(share, freedom) == pytest.approx(expected, rel=2e-5)


@pytest.mark.parametrize("freedom", [2.0, 4.7, 29.0, 1000.0])
def test_a_quantile_is_exceeded_by_the_rest(freedom: float) -> None:
    assert t_tail(t_quantile(0.9, freedom), freedom) == pytest.approx(0.1, abs=1e-12)
    assert t_tail(0.0, freedom) == pytest.approx(0.5)


def test_nothing_lies_beyond_infinity() -> None:
    assert t_tail(float("inf"), 5.0) == 0.0

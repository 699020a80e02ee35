"""The correlation of two members on what both have."""

from __future__ import annotations

import numpy as np
import pytest

from kaggle_face.errors import RunError
from kaggle_face.evaluation.imported.comparison import correlation_of


def test_the_correlation_is_that_of_what_both_have() -> None:
    first = {(0, "a"): 1.0, (0, "b"): 2.0, (1, "a"): 4.0, (1, "z"): 9.0}
    second = {(1, "a"): 0.5, (0, "b"): 3.0, (0, "a"): 2.0, (1, "y"): -9.0}
    assert correlation_of(first, second) == pytest.approx(np.corrcoef([1, 2, 4], [2, 3, 0.5])[0, 1])
    assert np.isnan(correlation_of(first, dict.fromkeys(first, 1.0)))
    with pytest.raises(RunError, match="only 0 of the held-out"):
        correlation_of(first, {(0, "q"): 1.0})

from __future__ import annotations

import sys

import numpy as np
import pytest

from kaggle_face.errors import MissingExtraError
from kaggle_face.metrics.similarity import normalized
from kaggle_face.recognition.faiss_index import FaissIndex
from kaggle_face.recognition.search import ExactIndex


def test_the_nearest_of_known_people_is_found_as_exactly_as_by_a_full_search() -> None:
    # 400 people, 10 each around their own direction: what a query near one of them is like.
    rng = np.random.default_rng(0)
    middles = rng.normal(size=(400, 32))
    vectors = normalized(np.repeat(middles, 10, axis=0) + 0.3 * rng.normal(size=(4000, 32)))
    queries = normalized(middles[:100] + 0.3 * rng.normal(size=(100, 32)))
    scores, rows = FaissIndex(vectors).search(queries, 1)
    exact_scores, exact_rows = ExactIndex(vectors).search(queries, 1)
    right = rows[:, 0] == exact_rows[:, 0]
    assert right.mean() >= 0.95
    assert scores[right] == pytest.approx(exact_scores[right], abs=1e-5)


def test_without_faiss_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingExtraError, match=r"kaggle-face\[index\]"):
        FaissIndex(np.eye(4, dtype=np.float32))

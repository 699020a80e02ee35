"""Scores of trials: the cosine, whatever the order, the chunks and the threads."""

from __future__ import annotations

import numpy as np
import pytest

from kaggle_face.metrics import similarity, threads
from kaggle_face.metrics.similarity import (
    add_by_group,
    mean_directions,
    normalized,
    paired_cosines,
    score_pairs,
)
from kaggle_face.records import Embeddings, Pairs

DRAW = np.random.default_rng(0)
VECTORS = DRAW.standard_normal((40, 24))
FIRST, SECOND = DRAW.integers(0, 40, 700), DRAW.integers(0, 40, 700)


def expected_cosines() -> np.ndarray:
    """Each trial by itself, in float64."""
    lengths = np.sqrt((VECTORS**2).sum(1))
    dots = [VECTORS[a] @ VECTORS[b] / lengths[a] / lengths[b] for a, b in zip(FIRST, SECOND, strict=True)]
    return np.array(dots)


@pytest.mark.parametrize("cores", [1, 3])
def test_chunks_and_threads_change_no_score(cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "available_cpus", lambda: cores)
    monkeypatch.setattr(similarity, "_PAIRS_OF_A_THREAD", 90)
    monkeypatch.setattr(similarity, "_GATHERED_BYTES", 5000)
    found = paired_cosines(normalized(VECTORS), FIRST, SECOND)
    np.testing.assert_allclose(found, expected_cosines(), rtol=0, atol=1e-6)


def test_a_score_belongs_to_its_trial() -> None:
    ids = np.array([f"{number}.jpg" for number in range(40)])
    names = np.array([str(number) for number in range(700)])
    pairs = Pairs(names, ids[FIRST], ids[SECOND], (FIRST == SECOND).astype(np.int64))
    found = score_pairs(Embeddings(ids, VECTORS), pairs)
    assert found.pair_ids.tolist() == names.tolist() and found.labels.tolist() == pairs.labels.tolist()
    np.testing.assert_allclose(found.scores, expected_cosines(), rtol=0, atol=1e-6)
    assert (found.scores[FIRST == SECOND] <= 1.0).all()


GROUPS = np.arange(40) % 3


def test_mean_direction_of_a_group_is_the_normalised_sum_of_its_unit_vectors() -> None:
    unit = VECTORS / np.sqrt((VECTORS**2).sum(1, keepdims=True))  # in float64, group by group
    sums = np.array([unit[group == GROUPS].sum(0) for group in range(3)])
    expected = sums / np.sqrt((sums**2).sum(1, keepdims=True))
    found = mean_directions(normalized(VECTORS), GROUPS, 4)
    np.testing.assert_allclose(found[:3], expected, rtol=0, atol=1e-6)
    assert found[3].tolist() == [0.0] * 24, "nobody is in the last group"


def test_sums_of_groups_are_added_up_vector_by_vector_whatever_the_blocks() -> None:
    unit, one_by_one, in_blocks = normalized(VECTORS), *np.zeros((2, 3, 24), np.float32)
    for vector, group in zip(unit, GROUPS, strict=True):
        one_by_one[group] += vector
    for start in range(0, 40, 7):
        add_by_group(in_blocks, unit[start : start + 7], GROUPS[start : start + 7])
    assert in_blocks.tobytes() == one_by_one.tobytes()

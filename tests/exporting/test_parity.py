"""How far a file's outputs may lie from torch's."""

from __future__ import annotations

import numpy as np
import pytest

from kaggle_face.errors import InputError
from kaggle_face.exporting.parity import (
    Parity,
    compute_all,
    images_per_second,
    measure_parity,
    require_parity,
)


def test_distances_are_those_worked_out_by_hand() -> None:
    first = {0: np.array([[1.0, 0.0], [0.6, 0.8]], np.float32), 1: np.log(np.array([[0.5, 0.5]], np.float32))}
    second = {
        0: np.array([[1.0, 0.0], [0.8, 0.6]], np.float32),
        1: np.log(np.array([[0.9, 0.1]], np.float32)),
    }
    found = measure_parity(("embeddings", "logits"), first, second)
    assert found.cosine_distance == pytest.approx(1 - 0.96, abs=1e-6)  # 0.6*0.8 + 0.8*0.6
    assert found.probability == pytest.approx(0.4, abs=1e-6)
    assert measure_parity(("logits",), {0: first[1]}, {0: first[1]}) == Parity(None, 0.0)


def test_classes_without_a_chance_differ_by_nothing_and_nan_by_the_most() -> None:
    unknown = np.array([[0.0, -np.inf]], np.float32)
    assert measure_parity(("logits",), {0: unknown}, {0: unknown}).probability == 0.0
    broken = np.array([[np.nan, 1.0]], np.float32)
    found = measure_parity(("embeddings", "logits"), {0: broken, 1: broken}, {0: unknown + 1, 1: unknown})
    assert found == Parity(2.0, 1.0)


@pytest.mark.parametrize(
    ("parity", "precision", "message"),
    [
        (Parity(2e-4, None), "fp32", "cosine distance of an embedding is 0.0002, at most 1e-04 is allowed"),
        (Parity(2e-3, None), "fp16", "is 0.002, at most 1e-03 is allowed"),
        (Parity(0.0, 0.01), "fp32", "difference of a probability is 0.01, at most 1e-03"),
        (Parity(float("nan"), None), "fp32", "is nan"),
    ],
)
def test_a_file_above_the_bound_is_refused(parity: Parity, precision: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        require_parity(parity, precision, 500)  # type: ignore[arg-type]


def test_what_is_within_the_bound_passes() -> None:
    require_parity(Parity(9e-5, 9e-4), "fp32", 500)
    require_parity(Parity(9e-4, 1e-2), "fp16", 500)
    require_parity(Parity(0.5, 0.5), "int8", 500)  # measured by its loss


def test_batches_come_back_in_order() -> None:
    images = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 1, 3), np.uint8)
    found = compute_all(lambda batch: [batch[:, 0, 0, :1].astype(np.float32)], images, 2)
    assert found[0].flatten().tolist() == [0, 1, 2, 3, 4]
    assert images_per_second(lambda batch: [], images) > 0

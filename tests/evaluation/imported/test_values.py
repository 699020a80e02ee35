"""Numbers made elsewhere: what they are taken for, and the orders and signs that cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kaggle_face.errors import DataError, InputError
from kaggle_face.evaluation.imported.values import (
    as_logits,
    kind_of_classes,
    require_class_order,
    require_direction,
)

PATH, IDS = Path("oof.csv"), np.array(["a", "b"])


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([[0.2, 0.8], [1.0, 0.0]], "probabilities"),
        ([[-1.0, 0.5], [2.0, 1.0]], "logits"),
        ([[-0.1, -2.3], [-0.7, -0.69]], "logits"),
    ],
)
def test_what_values_are_is_seen(values: list[list[float]], kind: str) -> None:
    assert kind_of_classes(PATH, IDS, np.array(values), None) == kind


def test_what_cannot_be_is_refused() -> None:
    flat = np.array([[0.2, 0.8], [0.9, 0.9]])
    with pytest.raises(DataError, match=r"1 of 2 rows of probabilities does not sum to 1, first: b \(1.8\)"):
        kind_of_classes(PATH, IDS, flat, None)
    assert kind_of_classes(PATH, IDS, flat, "logits") == "logits"
    with pytest.raises(DataError, match="beyond 0 and 1, first: b"):
        kind_of_classes(PATH, IDS, np.array([[0.2, 0.8], [1.5, -0.5]]), "probabilities")
    with pytest.raises(InputError, match="scores are for verification"):
        kind_of_classes(PATH, IDS, flat, "scores")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[20.0, 80.0], [99.6, 0.0]], "every row sums to 100: are they per cent? Divide by 100 for"),
        ([[3, 2], [5, 0], [0, 5]], "every row sums to 5: are they shares? Divide by 5 for probabilities"),
        ([[200.1, 800], [999.9, 0]], "every row sums to 1000: are they shares?"),
        ([[12.5, 87.5]], "every row sums to 100: are they per cent?"),
    ],
)
@pytest.mark.parametrize("wanted", [None, "probabilities"])
def test_per_cent_and_votes_are_no_logits(values: list[list[float]], message: str, wanted: None) -> None:
    ids, rows = np.arange(len(values)).astype(str), np.array(values, np.float64)
    with pytest.raises(DataError) as caught:
        kind_of_classes(PATH, ids, rows, wanted)
    assert message in str(caught.value) and str(caught.value).endswith("logits: --values logits")
    assert kind_of_classes(PATH, ids, rows, "logits") == "logits"


@pytest.mark.parametrize("values", [[[3.0, 2.0], [5.0, 0.5]], [[90.0, 20.0], [1.0, 99.0]], [[4.0, 2.0]]])
def test_logits_above_zero_are_still_logits(values: list[list[float]]) -> None:
    assert kind_of_classes(PATH, np.arange(len(values)).astype(str), np.array(values), None) == "logits"


def test_a_rounded_zero_is_no_unknown_class() -> None:
    logits = as_logits(np.array([[0.5, 0.5, 0.0]]), "probabilities")
    assert np.isfinite(logits).all() and logits.dtype == np.float32
    small = as_logits(np.array([[1.0, 1e-12, 0.0]]), "probabilities")
    assert small[0, 1] == small[0, 2]


@pytest.mark.parametrize("seed", range(20))
def test_another_order_of_the_classes_is_found_and_the_right_one_is_left(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(12), 6)
    names = np.array([f"n{number}" for number in range(12)])
    good = rng.normal(size=(72, 12))
    for strength in (0.0, 1.0, 2.0):  # a member that knows nothing or little is not refused for it
        weak = good.copy()
        weak[np.arange(72), labels] += strength
        require_class_order(PATH, weak, labels, names)
    good[np.arange(72), labels] += 4
    order = [*sorted(range(12), key=str)]  # 0, 1, 10, 11, 2, ...: as text sorts numbers
    with pytest.raises(DataError, match="are in another order: 'n"):
        require_class_order(PATH, good[:, order], labels, names)
    two = np.arange(12)
    two[[3, 8]] = 8, 3
    with pytest.raises(DataError, match=r"'n3' is highest for images of 'n8'"):
        require_class_order(PATH, (good + 3 * np.eye(12)[labels])[:, two], labels, names)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("is_moved", [False, True])
def test_distances_to_classes_are_found_in_any_order(seed: int, is_moved: bool) -> None:
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(10), 8)
    distances = rng.normal(size=(80, 10)) - 4 * np.eye(10)[labels]
    found = int((distances.argmin(axis=1) == labels).sum())
    order = np.roll(np.arange(10), 3) if is_moved else np.arange(10)
    with pytest.raises(DataError) as caught:
        require_class_order(PATH, distances[:, order], labels, np.arange(10).astype(str))
    assert "oof.csv: lower is better here: " in str(caught.value)
    assert f"by the highest value and {found} by the lowest" in str(caught.value)


def test_of_two_classes_the_other_sign_is_the_other_order() -> None:
    labels = np.arange(40) % 2
    values = np.random.default_rng(0).normal(size=(40, 2)) + 4 * np.eye(2)[labels]
    require_class_order(PATH, values, labels, np.array(["a", "b"]))
    with pytest.raises(DataError, match=r"in another order: .* or, if lower is better, write the"):
        require_class_order(PATH, -values, labels, np.array(["a", "b"]))


def test_distances_are_not_taken_for_scores() -> None:
    labels = np.arange(40) % 2
    scores = 2 * labels + np.random.default_rng(0).normal(size=40)
    require_direction(PATH, scores, labels)
    require_direction(PATH, -scores[:8], labels[:8])  # too few to be sure
    with pytest.raises(DataError, match="are they distances"):
        require_direction(PATH, -scores, labels)

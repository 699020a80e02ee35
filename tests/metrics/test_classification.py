from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, recall_score, top_k_accuracy_score
from sklearn.metrics import log_loss as sklearn_log_loss

from kaggle_face.errors import InputError
from kaggle_face.metrics import inputs
from kaggle_face.metrics.classification import (
    ConfusionPair,
    confusion_pairs,
    expected_calibration_error,
    hits_at_ranks,
    log_loss,
    per_class_accuracy,
    top_k_accuracy,
    top_k_labels,
    true_class_ranks,
)

Arrays = tuple[npt.NDArray[Any], npt.NDArray[np.int64]]


@pytest.fixture
def untied() -> Arrays:
    """Logits of 300 images and 40 classes, all different, somewhat higher at the true class."""
    rng = np.random.default_rng(3)
    labels = rng.integers(40, size=300)
    logits = rng.permutation(300 * 40).reshape(300, 40) / 1000.0
    logits[np.arange(300), labels] += 4.0005
    return logits, labels


@pytest.fixture
def tied() -> Arrays:
    """Logits of 300 images and 12 classes with only four different values, -inf among them."""
    rng = np.random.default_rng(4)
    return rng.choice([-np.inf, 0.0, 1.0, 2.0], size=(300, 12)), rng.integers(12, size=300)


def softmax(logits: npt.NDArray[Any]) -> npt.NDArray[Any]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("block_bytes", [1, 5000, 1 << 22])
def test_top_k_accuracy_equals_scikit_learn(
    untied: Arrays, block_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "BLOCK_BYTES", block_bytes)
    logits, labels = untied
    found = top_k_accuracy(logits, labels, ks=(1, 3, 10))
    assert found == {
        k: pytest.approx(top_k_accuracy_score(labels, logits, k=k, labels=range(40)), abs=1e-12)
        for k in (1, 3, 10)
    }


def test_a_class_tied_with_earlier_ones_ranks_after_them() -> None:
    # four equal logits: class 2 comes third, as in a stable sort
    assert top_k_accuracy(np.zeros((1, 4)), [2], ks=(2, 3)) == {2: 0.0, 3: 1.0}


def test_ranks_follow_a_stable_sort_of_tied_logits(tied: Arrays) -> None:
    logits, labels = tied
    order = np.argsort(-logits, axis=1, kind="stable")
    assert (true_class_ranks(logits, labels) == np.argmax(order == labels[:, None], axis=1) + 1).all()


@pytest.mark.parametrize("k", [1, 2, 5, 12])
def test_top_k_labels_follow_a_stable_sort_of_tied_logits(tied: Arrays, k: int) -> None:
    logits = tied[0]
    assert (top_k_labels(logits, k) == np.argsort(-logits, axis=1, kind="stable")[:, :k]).all()


def test_top_one_label_is_the_argmax(tied: Arrays) -> None:
    assert (top_k_labels(tied[0])[:, 0] == tied[0].argmax(axis=1)).all()


def test_top_k_accuracy_is_the_accuracy_of_the_labels_that_are_submitted(tied: Arrays) -> None:
    logits, labels = tied
    hits = (top_k_labels(logits, 3) == labels[:, None]).any(axis=1)
    assert top_k_accuracy(logits, labels, ks=(3,)) == {3: hits.mean()}


def test_accuracy_stays_when_logits_are_shifted_and_scaled_by_row(untied: Arrays) -> None:
    logits, labels = untied
    changed = logits * np.linspace(1, 2, 300)[:, None] - np.arange(300)[:, None]
    assert top_k_accuracy(changed, labels) == top_k_accuracy(logits, labels)


def test_accuracy_stays_when_images_change_their_order(untied: Arrays) -> None:
    logits, labels = untied
    assert top_k_accuracy(logits[::-1], labels[::-1]) == top_k_accuracy(logits, labels)


def test_memory_mapped_float16_logits_are_read_in_little_memory(tmp_path: Path) -> None:
    num_images, num_classes = 4000, 2000  # 16 MB on disk, 32 MB as float32
    path = tmp_path / "logits.npy"
    written = np.lib.format.open_memmap(path, "w+", np.float16, (num_images, num_classes))
    written[:] = np.arange(num_classes, dtype=np.float16) / 16
    written.flush()
    logits = np.load(path, mmap_mode="r")
    tracemalloc.start()
    # float16 tells the last three classes apart (steps of 1/16 below 128), so each image's best is the last
    accuracy = top_k_accuracy(logits, np.full(num_images, num_classes - 1))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert accuracy == {1: 1.0, 5: 1.0}
    assert peak_bytes < 12 << 20


def test_integer_logits_are_ranked_like_numbers() -> None:
    assert true_class_ranks(np.array([[3, 9, 5]], np.uint8), [2]).tolist() == [2]


@pytest.mark.parametrize("metric", [top_k_accuracy, log_loss, expected_calibration_error])
def test_nan_logits_are_refused_with_their_row(metric: Any) -> None:
    logits = np.zeros((5, 3))
    logits[3, 1] = np.nan
    with pytest.raises(InputError, match="logits must not be NaN, got NaN in row 3"):
        metric(logits, [0] * 5)


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        (np.zeros((2, 3)), [0, 3], "labels must be in 0..2, got 3 at position 1"),
        (np.zeros((2, 3)), [-1, 0], "labels must be in 0..2, got -1 at position 0"),
        (np.zeros((2, 3)), [0.0, 1.0], r"labels must be class indices \(integers\), got float64"),
        (np.zeros((2, 3)), [0], "logits and labels must have one length, got 2 and 1"),
        (np.zeros((0, 3)), [], r"logits must be a table \(images, classes\), got shape \(0, 3\)"),
        (np.zeros(3), [0, 1, 2], r"logits must be a table \(images, classes\), got shape \(3,\)"),
    ],
)
def test_logits_and_labels_that_do_not_fit_are_refused(
    logits: npt.NDArray[Any], labels: list[int], message: str
) -> None:
    with pytest.raises(InputError, match=f"^{message}$"):
        top_k_accuracy(logits, labels)


def test_a_k_below_one_is_refused() -> None:
    with pytest.raises(InputError, match="k of a top-k accuracy must be at least 1, got 0"):
        top_k_accuracy(np.zeros((1, 2)), [0], ks=(0, 1))


@pytest.mark.parametrize("k", [0, 4])
def test_more_labels_than_classes_are_refused(k: int) -> None:
    with pytest.raises(InputError, match=f"k must be between 1 and the 3 classes, got {k}"):
        top_k_labels(np.zeros((1, 3)), k)


def test_per_class_accuracy_equals_scikit_learn_recall(untied: Arrays) -> None:
    logits, labels = untied
    predicted = logits.argmax(axis=1)
    expected = recall_score(labels, predicted, average=None, labels=range(40), zero_division=np.nan)
    assert per_class_accuracy(predicted, labels, 40) == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_per_class_accuracies_weighted_by_their_images_are_the_accuracy(untied: Arrays) -> None:
    predicted, labels = untied[0].argmax(axis=1), untied[1]
    images = np.bincount(labels, minlength=40)
    overall = np.nansum(per_class_accuracy(predicted, labels, 40) * images) / images.sum()
    assert overall == pytest.approx(accuracy_score(labels, predicted), abs=1e-12)


def test_confusion_pairs_are_the_off_diagonal_of_the_confusion_matrix(untied: Arrays) -> None:
    predicted, labels = untied[0].argmax(axis=1), untied[1]
    matrix = confusion_matrix(labels, predicted, labels=range(40))
    np.fill_diagonal(matrix, 0)
    pairs = confusion_pairs(predicted, labels, 40, limit=1000)
    assert {(pair.true_label, pair.predicted_label): pair.count for pair in pairs} == {
        (int(true), int(seen)): int(matrix[true, seen]) for true, seen in np.argwhere(matrix)
    }


def test_equally_frequent_confusions_come_in_the_order_of_their_labels() -> None:
    pairs = confusion_pairs([0, 2, 0, 1], [2, 1, 1, 0], num_classes=3, limit=3)
    assert pairs == [ConfusionPair(0, 1, 1, 1.0), ConfusionPair(1, 0, 1, 0.5), ConfusionPair(1, 2, 1, 0.5)]


def test_confusions_of_a_million_classes_need_no_square_matrix() -> None:
    found = confusion_pairs([999_999, 5], [0, 5], num_classes=1_000_000)  # the square would take 8 TB
    assert found == [ConfusionPair(0, 999_999, 1, 1.0)]


def test_a_perfect_prediction_has_no_confusions() -> None:
    assert confusion_pairs([0, 1], [0, 1], num_classes=2) == []


def test_log_loss_equals_scikit_learn(untied: Arrays) -> None:
    logits, labels = untied
    expected = sklearn_log_loss(labels, softmax(logits), labels=range(40))
    assert log_loss(logits, labels) == pytest.approx(expected, abs=1e-12)


def test_log_loss_of_float16_logits_is_exact_to_six_digits(untied: Arrays) -> None:
    rounded = untied[0].astype(np.float16)
    assert log_loss(rounded, untied[1]) == pytest.approx(log_loss(rounded.astype(float), untied[1]), rel=1e-6)


def test_log_loss_does_not_overflow() -> None:
    # exp(-1000) is 0 in any precision: the loss is the whole distance of 1000
    assert log_loss(np.array([[1000.0, 0.0]]), [1]) == 1000.0


def test_log_loss_of_an_impossible_class_is_infinite() -> None:
    assert log_loss(np.array([[0.0, -np.inf]]), [1]) == np.inf


def test_the_loss_of_each_image_may_be_bounded() -> None:
    # ln 2 of even odds, and 5 in place of infinity
    logits = np.array([[0.0, 0.0], [0.0, -np.inf]])
    assert log_loss(logits, [0, 1], most=5.0) == pytest.approx((np.log(2) + 5) / 2)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_a_softmax_without_a_finite_highest_logit_is_refused(value: float) -> None:
    with pytest.raises(InputError, match="a softmax needs a finite highest logit"):
        log_loss(np.full((1, 2), value), [0])


def test_calibration_error_equals_a_loop_over_bins(untied: Arrays) -> None:
    logits, labels = untied
    confidence, is_right = softmax(logits).max(axis=1), logits.argmax(axis=1) == labels
    expected = 0.0
    for b in range(15):
        members = (confidence > b / 15) & (confidence <= (b + 1) / 15)
        if members.any():
            expected += members.mean() * abs(is_right[members].mean() - confidence[members].mean())
    assert expected_calibration_error(logits, labels) == pytest.approx(expected, abs=1e-12)


def test_certain_and_right_is_perfectly_calibrated() -> None:
    assert expected_calibration_error(np.array([[1000.0, 0.0]]), [0]) == 0.0


def test_certain_and_wrong_is_the_worst_calibration() -> None:
    assert expected_calibration_error(np.array([[1000.0, 0.0]]), [1]) == 1.0


def test_calibration_needs_a_bin() -> None:
    with pytest.raises(InputError, match="num_bins must be at least 1, got 0"):
        expected_calibration_error(np.zeros((1, 2)), [0], num_bins=0)


@pytest.mark.parametrize("metric", ["top3", "log_loss", ""])
def test_a_metric_that_is_not_one_of_ranks_is_refused(metric: str) -> None:
    with pytest.raises(InputError, match=f"metric must be accuracy, top5, map@5, got '{metric}'"):
        hits_at_ranks([1, 4], metric)

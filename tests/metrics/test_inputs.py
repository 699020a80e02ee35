from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
import torch

from kaggle_face import metrics
from kaggle_face.errors import InputError
from kaggle_face.metrics.inputs import as_flags, as_ids, as_scores, require_share, row_blocks


def test_float16_scores_are_widened_to_float32() -> None:
    assert as_scores(np.array([0.5], np.float16)).dtype == np.float32


def test_float32_scores_are_not_copied() -> None:
    scores = np.array([0.5, -np.inf, np.inf], np.float32)
    assert as_scores(scores) is scores


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0.1, float("nan")], "scores must not be NaN, got NaN at position 1"),
        ([[0.1], [0.2]], r"scores must be one-dimensional, got shape \(2, 1\)"),
        ([], "scores must not be empty"),
        (["0.5"], "scores must be numbers, got <U3"),
    ],
)
def test_wrong_scores_are_refused_by_name(values: list[object], message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}$"):
        as_scores(np.array(values))


@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.uint8, np.int64, np.float32])
def test_flags_of_every_number_type_are_read(dtype: type[np.generic]) -> None:
    assert as_flags(np.array([1, 0, 1], dtype)).tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0, 1, -1], "labels must be 0 or 1, got -1 at position 2"),
        ([0.5, 1.0], "labels must be 0 or 1, got 0.5 at position 0"),
        ([float("nan")], "labels must be 0 or 1, got nan at position 0"),
        (["1"], "labels must be 0 or 1, got <U1"),
    ],
)
def test_wrong_flags_are_refused_by_value(values: list[object], message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}$"):
        as_flags(np.array(values))


def test_empty_ids_are_refused() -> None:
    with pytest.raises(InputError, match="people must not be empty"):
        as_ids([], "people")


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_a_share_outside_zero_to_one_is_refused(value: float) -> None:
    with pytest.raises(InputError, match="fpr must be between 0 and 1"):
        require_share(value, "fpr")


def test_a_row_larger_than_a_block_is_a_block_of_its_own() -> None:
    assert [rows.stop - rows.start for rows in row_blocks(3, 1 << 40)] == [1, 1, 1]


def test_tensors_of_a_training_loop_are_read_without_their_gradient() -> None:
    scores, is_same = torch.tensor([0.75, 0.5, 0.25, 0.125], requires_grad=True), torch.tensor([1, 1, 0, 0])
    assert metrics.roc_auc(scores, is_same) == 1.0
    assert metrics.roc_auc(scores.bfloat16(), is_same.bool()) == 1.0
    assert metrics.roc_auc(list(scores), list(is_same)) == 1.0


def test_the_mask_of_an_array_is_not_dropped() -> None:
    masked = np.ma.array([0.5, 0.25], mask=[0, 1])
    with pytest.raises(InputError, match="scores must not be masked"):
        as_scores(masked)
    assert type(as_scores(np.ma.array([0.5, 0.25]))) is np.ndarray


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([1.0, float("nan")], "people must not be missing, got nan at position 1"),
        (["ann", None], "people must not be missing, got None at position 1"),
        (np.array(["ann", 3], object), "people must be ids of one kind, numbers or text, and none missing"),
        ([1j, 2j], "people must be numbers or text, got complex128"),
    ],
)
def test_ids_that_cannot_be_told_apart_are_refused(ids: list[object], message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}$"):
        as_ids(ids, "people")


TRIALS = ([0.9, 0.1], [1, 0])
PROBES = ([0.9, 0.1], [1, 0], [1, 0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.roc_auc(torch.zeros(2, device="meta"), [1, 0]), "dense tensor with values"),
        (lambda: metrics.error_rates(*TRIALS, float("nan")), "threshold must not be NaN"),
        (lambda: metrics.error_rates(*TRIALS, "0.5"), "threshold must be a number, got '0.5'"),
        (lambda: metrics.gallery_accuracy(*PROBES, None), "threshold must be a number, got None"),
        (lambda: metrics.rank_with_unknown(np.eye(2), float("nan"), 1), "threshold must not be NaN"),
        (lambda: metrics.tpr_at_fpr(*TRIALS, "1e-3"), "fpr must be a number, got '1e-3'"),
        (lambda: metrics.top_k_labels(np.eye(2), 1.5), "k must be a whole number, got 1.5"),
        (
            lambda: metrics.top_k_accuracy(np.eye(2), [0, 1], 1),
            "top-k accuracy must be in a list, got 1",
        ),
        (lambda: metrics.calibration_error([0.5], [1], "15"), "num_bins must be a whole number, got '15'"),
        (lambda: metrics.confusion_pairs([0], [0], 2, -1), "limit must be at least 0, got -1"),
        (lambda: metrics.per_class_accuracy([0], [0], None), "num_classes must be a whole number, got None"),
        (
            lambda: metrics.map_at_k([[1, 2]], ["1"], 1),
            "predictions and truth must be labels of one kind, got int64 and <U1",
        ),
        (
            lambda: metrics.episode_accuracy([[np.nan]] * 4, [0, 0, 1, 1], 2),
            "must be finite, got nan",
        ),
        (lambda: metrics.episode_accuracy(np.eye(4), [0, 0, 1, 1], 2, seed=-1), "seed must be at least 0"),
        (lambda: metrics.clustered_mean_interval([1, 0], [0, 1], None), "resampling must be a Resampling"),
        (lambda: metrics.default_formula("acuracy"), "there is no metric 'acuracy'; did you mean 'accuracy'"),
        (lambda: metrics.parse_composite(None), "parse_composite(expression=...) must be text, got None"),
        (lambda: metrics.is_higher_better(["eer"]), "is_higher_better(metric=...) must be text, got ['eer']"),
    ],
)
def test_other_arguments_of_metrics_are_checked(call: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        call()
    assert "\n" not in str(caught.value)

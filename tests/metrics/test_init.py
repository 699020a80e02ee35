"""The metrics as they are used from outside: plain lists in, one line out where they do not fit."""

from __future__ import annotations

import inspect

import pytest

from kaggle_face import metrics
from kaggle_face.errors import InputError

CALLS = {
    "accuracy": ([[0.1, 0.9], [0.8, 0.2]], [1, 1]),
    "best_gallery_threshold": ([0.9, 0.5], [1, 0], [1, 0]),
    "calibration_error": ([0.5, 0.75], [1, 0]),
    "choose_unknown_threshold": ([[0.9, 0.1], [0.2, 0.8]], [0, 1], 0.5, 1),
    "confusion_pairs": ([0, 1], [1, 1], 2),
    "clustered_mean_interval": ([1, 0], ["a", "b"]),
    "clustered_mean_difference": ([1, 0], [0, 0], ["a", "b"]),
    "dir_at_fpir": ([0.9, 0.5], [1, 0], [1, 0], 0.5),
    "episode_accuracy": ([[1.0, 0], [1, 0], [0, 1], [0, 1]], ["a", "a", "b", "b"], 2),
    "equal_error_rate": ([0.9, 0.1], [1, 0]),
    "error_rates": ([0.9, 0.1], [1, 0], 0.5),
    "expected_calibration_error": ([[0.1, 0.9], [0.8, 0.2]], [1, 1]),
    "first_mate_ranks": ([[0.9, 0.1]], ["a"], ["a", "b"]),
    "gallery_accuracy": ([0.9, 0.5], [1, 0], [1, 0], 0.7),
    "log_loss": ([[0.1, 0.9], [0.8, 0.2]], [1, 1]),
    "map_at_k": ([[1, 2], [2, 1]], [1, 1], 2),
    "per_class_accuracy": ([0, 1], [1, 1], 2),
    "rank_k_identification": ([[1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]], ["a"], ["a", "b"]),
    "rank_with_unknown": ([[0.9, 0.1]], 0.5, 2),
    "roc_auc": ([0.9, 0.1], [1, 0]),
    "roc_points": ([0.9, 0.1], [1, 0]),
    "top_k_accuracy": ([[0.1, 0.9], [0.8, 0.2]], [1, 1]),
    "top_k_labels": ([[0.1, 0.9], [0.8, 0.2]], 1),
    "tpr_at_fpr": ([0.9, 0.1], [1, 0], 0.5),
    "true_class_ranks": ([[0.1, 0.9], [0.8, 0.2]], [1, 1]),
    "verification_accuracy": ([0.9, 0.1, 0.8, 0.2], [1, 0, 1, 0], [0, 0, 1, 1]),
    "verification_summary": ([0.9, 0.1], [1, 0]),
}
FUNCTIONS = [name for name in metrics.__all__ if inspect.isfunction(getattr(metrics, name))]
OF_NAMES = {"default_formula", "is_higher_better", "parse_composite"}
OF_MANY_PEOPLE = {"verification_difference", "verification_intervals"}  # their doctests call them with lists


def test_every_function_of_arrays_is_called_here() -> None:
    assert set(FUNCTIONS) == set(CALLS) | OF_NAMES | OF_MANY_PEOPLE


@pytest.mark.parametrize("name", CALLS)
def test_a_function_takes_plain_lists(name: str) -> None:
    assert getattr(metrics, name)(*CALLS[name]) is not None


@pytest.mark.parametrize("name", CALLS)
def test_arguments_that_do_not_fit_are_refused_in_one_line(name: str) -> None:
    first, *others = CALLS[name]
    for wrong in ([[1.0], [2.0, 3.0]], [["a", "b"]], 3.5):
        with pytest.raises(InputError) as caught:
            getattr(metrics, name)(wrong, *others)
        assert "\n" not in str(caught.value), (first, wrong)


@pytest.mark.parametrize("name", metrics.__all__)
def test_a_public_name_is_documented_with_an_example(name: str) -> None:
    documented = getattr(metrics, name)
    assert documented.__doc__
    if name in FUNCTIONS:
        assert ">>> " in documented.__doc__, f"{name} has no doctest"
        assert "Raises:" in documented.__doc__ or name == "default_formula"

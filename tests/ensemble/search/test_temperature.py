from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaggle_face.ensemble.search.temperature import fit_temperature, fit_temperatures
from kaggle_face.metrics.classification import log_loss
from tests.support.worlds import random_held_out


@given(seed=st.integers(0, 1000), scale=st.sampled_from([0.3, 1.0, 4.0]))
@settings(max_examples=30)
def test_no_temperature_on_a_fine_grid_has_a_lower_log_loss(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, 60)
    logits = rng.normal(size=(60, 4))
    logits[np.arange(60), labels] += 1
    logits *= scale
    found = log_loss(logits / fit_temperature(logits, labels), labels)
    assert found <= min(log_loss(logits / t, labels) for t in np.geomspace(0.05, 20, 200)) + 1e-9


def test_scaled_logits_have_the_scaled_temperature() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 200)
    logits = rng.normal(size=(200, 3)) + 1.5 * np.eye(3)[labels]
    assert fit_temperature(3 * logits, labels) == pytest.approx(3 * fit_temperature(logits, labels), rel=1e-4)


def test_the_temperature_of_a_network_that_is_always_right_or_wrong_stays_within_bounds() -> None:
    labels = np.zeros(5, np.int64)
    assert 0.05 <= fit_temperature(np.array([[9.0, 0.0]] * 5), labels) < 1
    assert fit_temperature(np.array([[0.0, 9.0]] * 5), labels) == pytest.approx(20, rel=1e-3)


def test_classes_held_out_of_a_fold_do_not_count() -> None:
    fold = random_held_out(0, num_folds=1)[0]
    logits = fold.member_scores[0].values
    without = np.delete(logits, 0, axis=1)
    assert fit_temperature(logits, fold.labels) == pytest.approx(fit_temperature(without, fold.labels - 1))


def test_images_of_a_class_without_training_images_do_not_count() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(1, 4, 200)
    logits = rng.normal(size=(200, 4)) + 1.5 * np.eye(4)[labels]
    logits[:, 0] = -np.inf
    more = np.concatenate([logits, rng.normal(size=(1, 4)) - [np.inf, 0, 0, 0]])
    assert fit_temperature(more, np.append(labels, 0)) == fit_temperature(logits, labels) < 2
    assert fit_temperature(logits[:2], np.zeros(2, np.int64)) == 1.0


def test_no_images_leave_the_logits_as_they_are() -> None:
    held_out = random_held_out(0)
    nothing = [np.zeros(len(fold.image_ids), np.bool_) for fold in held_out]
    assert fit_temperatures(held_out, nothing) == (1.0, 1.0, 1.0)

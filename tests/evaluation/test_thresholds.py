from __future__ import annotations

import numpy as np
import pytest

from kaggle_face.evaluation.thresholds import gallery_threshold, simulate_gallery, verification_thresholds
from kaggle_face.metrics.intervals.bootstrap import Resampling
from kaggle_face.metrics.verification import equal_error_rate, tpr_at_fpr


def drawn_trials(seed: int = 0, people: int = 30) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    pairs = np.array([(p, q) for p in range(people) for q in range(p, people)])
    labels = (pairs[:, 0] == pairs[:, 1]).astype(np.int64)
    return rng.normal(size=len(pairs)) * 0.2 + 0.3 * labels, labels, pairs


def test_thresholds_are_those_of_the_metrics() -> None:
    scores, labels, people = drawn_trials()
    found = {each.rule: each for each in verification_thresholds(scores, labels, people)}
    assert found["eer"].threshold == equal_error_rate(scores, labels).threshold
    assert found["fpr=0.01"].threshold == tpr_at_fpr(scores, labels, 0.01).threshold
    assert found["fpr=0.01"].fpr <= 0.01


def test_no_threshold_is_more_accurate() -> None:
    scores, labels, people = drawn_trials()
    best = next(t for t in verification_thresholds(scores, labels, people) if t.rule == "accuracy")
    others = [np.mean((scores >= threshold) == labels) for threshold in scores]
    assert best.accuracy == pytest.approx(max(others))
    assert best.accuracy == pytest.approx(np.mean((scores >= best.threshold) == labels))


def test_the_interval_covers_the_threshold_and_shrinks_with_people() -> None:
    widths = []
    for people in (10, 60):
        threshold = verification_thresholds(*drawn_trials(people=people))[0]
        assert threshold.low <= threshold.threshold <= threshold.high
        widths.append(threshold.high - threshold.low)
    assert widths[1] < widths[0]


def test_a_rate_that_cannot_be_kept_is_left_out() -> None:
    scores, labels = np.array([0.5, 0.5, 0.5]), np.array([1, 0, 0])
    people = np.array([[0, 0], [0, 1], [1, 2]])
    rules = [each.rule for each in verification_thresholds(scores, labels, people, fprs=[0.1])]
    assert "fpr=0.1" not in rules and "eer" in rules


def test_a_simulated_gallery_has_one_image_of_each_known_person() -> None:
    people = np.repeat(np.arange(10), 4)
    ids = np.array([f"{i}.jpg" for i in range(40)])
    gallery = simulate_gallery(ids, people)
    assert len(gallery.enrolled) == len(set(people[gallery.enrolled].tolist())) == 7
    assert len(gallery.probes) == 33 and not set(gallery.probes) & set(gallery.enrolled)
    known = set(people[gallery.enrolled].tolist())
    assert [p in known for p in people[gallery.probes].tolist()] == gallery.has_match.tolist()


def test_a_simulated_gallery_does_not_depend_on_row_order() -> None:
    people = np.repeat(np.arange(10), 4)
    ids = np.array([f"{i}.jpg" for i in range(40)])
    order = np.random.default_rng(0).permutation(40)
    straight, shuffled = simulate_gallery(ids, people), simulate_gallery(ids[order], people[order])
    assert set(ids[straight.enrolled].tolist()) == set(ids[order][shuffled.enrolled].tolist())


def test_a_person_with_one_image_is_unknown() -> None:
    gallery = simulate_gallery(np.array(["a", "b", "c"]), np.array([0, 0, 1]))
    assert gallery.enrolled.tolist() in ([0], [1])
    assert gallery.has_match.tolist() == [True, False]


def test_the_gallery_threshold_lies_between_unknown_people_and_matches() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.3, 0.2, 0.1])
    matched = np.array([1, 1, 1, 0, 0, 0]) > 0
    rule = gallery_threshold(scores, matched, matched, np.arange(6), 3, Resampling(50))
    assert rule.threshold == pytest.approx(0.5) and rule.accuracy == 1.0
    assert rule.num_enrolled == 3 and rule.num_probes == 6

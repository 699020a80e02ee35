"""Evidence from facts: the numbers that rules go by."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kaggle_face.metrics.classification import calibration_error
from kaggle_face.report.facts import CutOff, ReportFacts
from kaggle_face.report.findings import evidence_of, missing_to, next_cutoff, weakest_identities


def test_the_evidence_is_that_of_the_facts(made_up: ReportFacts) -> None:
    found = evidence_of(made_up)
    assert made_up.classes is not None
    answers = made_up.classes.answers
    right = answers.predicted == answers.labels
    assert found.num_images == 60 and found.num_doubtful == 3
    assert found.fold_values == {k: right[answers.folds == k].mean() for k in (0, 1)}
    assert found.calibration_error == calibration_error(answers.confidences, right)
    assert found.class_sizes == (30, 20, 10, 10, 5)
    # Of the sizes 5, 10, 10, 20, 30 the middle is 10: only Eve's 12 images are of a rarer identity.
    assert found.accuracy_rare == right[answers.labels == 4].mean()
    assert found.accuracy_frequent == right[answers.labels != 4].mean()
    assert (found.refused_genuine, found.threshold_rule) == (0.8, "fpr=0.001")
    assert found.half_width == pytest.approx(0.1)
    assert (found.num_uploads, found.agreement, found.has_blend) == (5, 0.9, True)
    assert (found.num_copies, found.finished_folds, found.planned_folds) == (5, 3, 5)


def test_curves_end_with_what_was_measured(made_up: ReportFacts) -> None:
    curve = evidence_of(made_up).curves[0]
    assert curve.scores == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])  # of accuracy, without a score
    assert curve.log_losses[-1] == pytest.approx(0.6)
    assert (curve.train_accuracy, curve.held_out_accuracy) == (pytest.approx(6 / 9), pytest.approx(0.6))


def test_pairs_alone_are_judged_by_their_folds(made_up: ReportFacts) -> None:
    found = evidence_of(replace(made_up, classes=None))
    assert made_up.pairs is not None
    eer = made_up.pairs.estimates[0][0]
    assert found.metric == "eer" and tuple(found.fold_values.values()) == eer.folds


def test_the_nearest_cutoff_that_is_not_reached_is_next(made_up: ReportFacts) -> None:
    cutoffs = tuple(CutOff(str(score), score, "classification", "x") for score in (0.7, 0.99, 0.85))
    facts = replace(made_up, question=replace(made_up.question, cutoffs=cutoffs))
    assert next_cutoff(facts) == ("0.85", 0.85, pytest.approx(0.05))
    assert missing_to(facts, cutoffs[0]) == pytest.approx(-0.1)
    assert missing_to(facts, CutOff("x", 0.5, "verification", "x")) is None


def test_a_lower_error_rate_reaches_a_cutoff(made_up: ReportFacts) -> None:
    assert made_up.score is not None
    score = replace(made_up.score, value=0.02, higher_is_better=False)
    facts = replace(made_up, task_scores={"verification": score})
    assert missing_to(facts, CutOff("x", 0.03, "verification", "x")) == pytest.approx(-0.01)


def test_the_weakest_identities_are_those_with_most_mistakes(made_up: ReportFacts) -> None:
    assert made_up.classes is not None
    answers = made_up.classes.answers
    wrong = answers.predicted != answers.labels
    names, share, count = weakest_identities(made_up.classes)
    mistakes = np.bincount(answers.labels[wrong], minlength=5)
    assert count == wrong.sum() and share == pytest.approx(mistakes.max() / count)
    assert names == (str(made_up.classes.class_names[mistakes.argmax()]),)

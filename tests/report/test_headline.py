"""The score of one task or of both, with its interval."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kaggle_face.competitions.catalogue.ranking import OwnMetrics
from kaggle_face.report.facts import ReportFacts, Score
from kaggle_face.report.headline import headline, task_scores

BOTH = OwnMetrics("accuracy", "eer")
SCORES = {
    "classification": Score("accuracy", 0.8, 0.7, 0.9, True, "a"),
    "verification": Score("EER", 0.1, 0.06, 0.14, False, "b"),
}


def test_the_score_of_both_tasks_adds_their_errors_as_independent() -> None:
    found = headline(SCORES, BOTH, None)  # type: ignore[arg-type]
    assert found is not None
    # 0.5 * 0.8 + 0.5 * 0.9; half widths 0.5 * 0.1 and 0.5 * 0.04, the root of the sum of their squares.
    assert found.value == pytest.approx(0.85)
    assert (found.high - found.value, found.value - found.low) == pytest.approx((0.0538516, 0.0538516))  # type: ignore[operator]
    assert found.of == "a and b" and found.higher_is_better


def test_a_competition_of_one_task_has_its_metric() -> None:
    found = headline(SCORES, OwnMetrics("accuracy", "eer", ("verification",)), None)  # type: ignore[arg-type]
    assert found == SCORES["verification"]


def test_without_an_interval_of_a_task_there_is_none_of_both() -> None:
    scores = {**SCORES, "verification": replace(SCORES["verification"], low=None, high=None)}
    found = headline(scores, BOTH, None)  # type: ignore[arg-type]
    assert found is not None and found.low is None and "too few identities" in found.note
    assert headline({}, BOTH, None) is None


def test_tasks_are_judged_by_the_metrics_of_the_competition(made_up: ReportFacts) -> None:
    found = task_scores(made_up.classes, made_up.pairs, made_up.gallery, OwnMetrics("accuracy", "auc"))
    assert made_up.classes is not None and made_up.pairs is not None
    assert found["classification"].value == made_up.classes.estimates[0][0].value
    auc = next(each for each in made_up.pairs.estimates[0] if each.metric == "auc")
    assert (found["verification"].title, found["verification"].value) == ("AUC", auc.value)


def test_names_from_a_gallery_are_judged_by_their_accuracy(made_up: ReportFacts) -> None:
    own = OwnMetrics("accuracy", "eer", names_people=True)
    found = task_scores(None, made_up.pairs, made_up.gallery, own)["verification"]
    assert found.title == "accuracy of names" and 0 < found.value <= 1 and found.low is None

from __future__ import annotations

import pytest

from kaggle_face.errors import ConfigError
from kaggle_face.evaluation.objective import task_objective, usable_formula


def test_a_task_sees_the_others_metrics_as_they_are() -> None:
    objective = task_objective("accuracy * (1-eer)", "verification", {"accuracy": 0.8})
    assert objective.main_metric == "eer"
    assert objective({"eer": 0.25}) == pytest.approx(0.6)


def test_a_formula_of_the_other_task_alone_leaves_the_usual_metric() -> None:
    assert task_objective("accuracy", "verification", {})({"eer": 0.1}) == 0.9
    assert task_objective("auc", "classification", {})({"accuracy": 0.7}) == 0.7


def test_an_unknown_metric_is_named() -> None:
    with pytest.raises(ConfigError, match="acuracy"):
        task_objective("acuracy", "classification", {})


def test_a_training_formula_is_used_if_a_blend_can_be_measured_by_it() -> None:
    assert usable_formula("0.3*accuracy + 0.7*auc") == "0.3*accuracy + 0.7*auc"
    assert usable_formula(None) is None

"""The composite score of a training."""

from __future__ import annotations

import math

import pytest

from kaggle_face.config import TrainConfig
from kaggle_face.errors import ConfigError
from kaggle_face.train.scoring import read_score, score_figures

FIGURES = {"accuracy": 0.8, "top5": 0.9, "log_loss": 1.0, "eer": 0.1, "auc": 0.95}


def test_without_a_formula_both_tasks_count_the_same() -> None:
    # (0.8 + 0.9) / 2
    assert score_figures(read_score(TrainConfig(), True), FIGURES) == pytest.approx(0.85)


def test_without_trials_accuracy_is_the_score() -> None:
    assert score_figures(read_score(TrainConfig(), False), FIGURES) == 0.8


def test_a_formula_is_evaluated_on_the_figures() -> None:
    assert score_figures(read_score(TrainConfig(score="auc - 0.5*log_loss"), True), FIGURES) == pytest.approx(
        0.45
    )


def test_a_figure_that_nobody_measures_is_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean 'accuracy'"):
        read_score(TrainConfig(score="acuracy"), True)
    with pytest.raises(ConfigError, match=r"train\.score names 'eer', and there are no labelled pairs"):
        read_score(TrainConfig(score="accuracy - eer"), False)


def test_a_division_by_zero_is_no_score() -> None:
    assert math.isnan(score_figures(read_score(TrainConfig(score="1/(accuracy-0.8)"), True), FIGURES))

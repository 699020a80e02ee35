"""ROC and histograms as pictures: a line where the values are."""

from __future__ import annotations

import numpy as np

from kaggle_face.metrics.trials import sort_trials
from kaggle_face.train.loggers.charts import draw_histogram, draw_roc
from kaggle_face.train.loggers.logger import TrialScores

BLUE, ORANGE = (11, 87, 164), (179, 82, 11)


def scores(genuine: list[float], impostor: list[float]) -> TrialScores:
    labels = [1] * len(genuine) + [0] * len(impostor)
    roc = sort_trials([*genuine, *impostor], labels).roc_points()
    return TrialScores(3, np.array(genuine), np.array(impostor), roc, 0.5)


def drawn(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return (picture == colour).all(axis=2)


def test_the_roc_of_one_accepted_impostor_rises_at_its_rate() -> None:
    # Thresholds 0.9, 0.8, 0.7: (0, 1/2), (1/10, 1/2), (1/10, 1); 1/10 lies at three quarters of four decades.
    lines = drawn(draw_roc(scores([0.9, 0.7], [0.8, *[0.1] * 9])), BLUE)
    x, half = round(58 + 0.75 * (500 - 58)), round((34 + 350) / 2)
    assert lines[half - 40, x - 2 : x + 3].any() and not lines[half + 40, x - 2 : x + 3].any()
    assert lines[half - 2 : half + 3, x - 60].any() and not lines[half - 2 : half + 3, x + 60].any()


def test_both_kinds_of_pairs_are_in_the_histogram() -> None:
    picture = draw_histogram(scores([0.9, 0.9, 0.8], [0.1, 0.0]))
    genuine, impostor = drawn(picture, BLUE), drawn(picture, ORANGE)
    above = slice(40, 330)
    assert genuine[above, 400:].any() and not genuine[above, 58:280].any()
    assert impostor[above, 58:280].any() and not impostor[above, 400:500].any()

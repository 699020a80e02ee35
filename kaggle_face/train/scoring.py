"""The one number that a network is judged by, out of the figures of both tasks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from kaggle_face.competitions.catalogue.ranking import OwnMetrics, PairMetric
from kaggle_face.config import TrainConfig
from kaggle_face.errors import ConfigError
from kaggle_face.metrics.score import Composite, parse_composite
from kaggle_face.metrics.trials import VERIFICATION_METRICS

CLASS_FIGURES = ("accuracy", "top5", "log_loss")
_CLASSES_ALONE: Literal["accuracy"] = "accuracy"


def read_score(train: TrainConfig, has_trials: bool, pair_metric: PairMetric | None = None) -> Composite:
    """The formula of `train.score`; without one, the mean of both tasks, or accuracy where there is one task.

    `pair_metric` is what the competition judges pairs by; None: what `best_ver` is chosen by.

    Raises:
        ConfigError: The formula cannot be read, or names a figure that is not measured.
    """
    if train.score is None:
        both = OwnMetrics(_CLASSES_ALONE, pair_metric or train.verification_metric)
        return parse_composite(both.formula if has_trials else _CLASSES_ALONE)
    composite = parse_composite(train.score, [*CLASS_FIGURES, *VERIFICATION_METRICS])
    unmeasured = [name for name in composite.names if name in VERIFICATION_METRICS]
    if unmeasured and not has_trials:
        raise ConfigError(
            f"train.score names '{unmeasured[0]}', and there are no labelled pairs to measure it on; "
            "set folds.verification=identities, or a score of accuracy"
        )
    return composite


def score_figures(composite: Composite, figures: Mapping[str, float]) -> float:
    """The score of a network, higher is better; NaN where a division by zero leaves none."""
    try:
        return composite.evaluate(figures)
    except ConfigError:
        return math.nan

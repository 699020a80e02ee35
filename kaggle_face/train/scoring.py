"""The one number that a network is judged by, out of the figures of both tasks."""

from __future__ import annotations

import math
from collections.abc import Mapping

from kaggle_face.competitions.catalogue.ranking import PairMetric
from kaggle_face.config import TrainConfig
from kaggle_face.errors import ConfigError
from kaggle_face.metrics.score import Composite, default_formula, parse_composite
from kaggle_face.metrics.table import MetricName
from kaggle_face.metrics.trials import VERIFICATION_METRICS

CLASS_FIGURES: tuple[str, ...] = ("accuracy", "top5", "log_loss")
"""What training measures of classes."""


def read_score(train: TrainConfig, has_trials: bool, pair_metric: PairMetric | None = None) -> Composite:
    """The formula of `train.score`; without one, the mean of both tasks, or accuracy where there is one task.

    `pair_metric` is what the competition judges pairs by; None: what `best_ver` is chosen by.

    Raises:
        ConfigError: The formula cannot be read, or names a figure that is not measured.
    """
    if train.score is None:
        tasks: list[MetricName] = ["accuracy"]
        if has_trials:
            tasks.append(pair_metric or train.verification_metric)
        return parse_composite(default_formula(*tasks))
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

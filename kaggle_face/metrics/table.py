"""The table of metrics: function, direction and inputs of each.

Everything that compares values, names a metric to people or reads a formula goes by it. To add a metric, add
its function to a module of this folder and its line here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from kaggle_face.metrics.classification import hits_at_ranks, log_loss, true_class_ranks
from kaggle_face.metrics.episodes import episode_accuracy
from kaggle_face.metrics.identification import best_gallery_threshold
from kaggle_face.metrics.trials import VerificationMetric
from kaggle_face.metrics.verification import equal_error_rate, roc_auc, tpr_at_fpr

ClassMetric = Literal["accuracy", "top5", "map@5", "log_loss"]
MetricName = Literal[ClassMetric, VerificationMetric, "gallery accuracy", "one-shot accuracy"]
Needs = Literal["labels", "pairs", "gallery", "people"]
"""What a metric's function takes, as arrays:

- `labels`: logits (N, C) and the true classes (N,);
- `pairs`: scores (P,), higher = more alike, and whether each pair shows the same person (P,);
- `gallery`: for each probe (Q,) the score of its best match, whether that is right, whether there is one;
- `people`: embeddings (N, D) and the person of each (N,).
"""


@dataclass(frozen=True)
class Metric:
    """A metric of predictions, called with the arrays that it `needs`.

    Attributes:
        name: As formulas, settings, records and tables have it.
        function: From plain arrays to a number.
        higher_is_better: The direction.
        needs: What the function takes, see `Needs`.
        title: As a table's heading has it.
        meaning: In words.
    """

    name: MetricName
    function: Callable[..., float]
    higher_is_better: bool
    needs: Needs
    title: str
    meaning: str

    def __call__(self, *arrays: npt.ArrayLike) -> float:
        """The value.

        Raises:
            InputError: The arrays do not fit together, or hold NaN.

        >>> METRICS["eer"]([0.9, 0.8, 0.3, 0.1], [1, 0, 1, 0])
        0.5
        """
        return self.function(*arrays)

    @property
    def sign(self) -> int:
        """1 where higher is better, else -1: the factor with which values are maximised."""
        return 1 if self.higher_is_better else -1

    @property
    def goodness(self) -> str:
        """The term of a formula that is higher for a better value, in [0, 1] for shares.

        >>> METRICS["eer"].goodness, METRICS["auc"].goodness
        ('1-eer', 'auc')
        """
        return self.name if self.higher_is_better else f"1-{self.name}"

    @property
    def description(self) -> str:
        """Its meaning and its direction, in words.

        >>> METRICS["eer"].description
        'equal error rate (lower is better)'
        """
        return f"{self.meaning} ({'higher' if self.higher_is_better else 'lower'} is better)"


def _of_ranks(name: ClassMetric) -> Callable[..., float]:
    def value(logits: npt.ArrayLike, labels: npt.ArrayLike) -> float:
        return float(np.mean(hits_at_ranks(true_class_ranks(logits, labels), name)))

    return value


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", _of_ranks("accuracy"), True, "labels", "accuracy", "accuracy"),
        Metric("top5", _of_ranks("top5"), True, "labels", "top5", "accuracy of the five likeliest classes"),
        Metric("map@5", _of_ranks("map@5"), True, "labels", "MAP@5", "mean average precision at 5"),
        Metric("log_loss", log_loss, False, "labels", "log loss", "mean cross-entropy in nats"),
        Metric("eer", lambda *p: equal_error_rate(*p).eer, False, "pairs", "EER", "equal error rate"),
        Metric("auc", roc_auc, True, "pairs", "AUC", "area under the ROC curve"),
        Metric(
            "tpr@1e-2",
            lambda scores, is_same: tpr_at_fpr(scores, is_same, 1e-2).tpr,
            True,
            "pairs",
            "TPR@1e-2",
            "TPR at a FPR of 0.01",
        ),
        Metric(
            "tpr@1e-3",
            lambda scores, is_same: tpr_at_fpr(scores, is_same, 1e-3).tpr,
            True,
            "pairs",
            "TPR@1e-3",
            "TPR at a FPR of 0.001",
        ),
        Metric(
            "gallery accuracy",
            lambda *q: best_gallery_threshold(*q).accuracy,
            True,
            "gallery",
            "gallery accuracy",
            "accuracy of naming probes at the best threshold",
        ),
        Metric(
            "one-shot accuracy",
            lambda *e: episode_accuracy(*e).value,
            True,
            "people",
            "one-shot accuracy",
            "accuracy among five people of whom one image each is known",
        ),
    )
}

FORMULA_METRICS: tuple[str, ...] = tuple(
    metric.name for metric in METRICS.values() if metric.needs in ("labels", "pairs")
)
"""What a formula may name."""

assert set(METRICS) == set(get_args(MetricName))


def higher_is_better(metric: str) -> bool:
    """Whether more of a metric is better, or of a score by a checked formula, of which more always is.

    >>> higher_is_better("log_loss"), higher_is_better("0.5*accuracy + 0.5*(1-eer)")
    (False, True)
    """
    return metric not in METRICS or METRICS[metric].higher_is_better


def verdict_of(metric: str, difference: float, low: float, high: float) -> str:
    """Whether a difference of a metric, with the ends of its interval, is more than noise, in words.

    >>> verdict_of("eer", -0.02, low=-0.03, high=-0.01), verdict_of("auc", 0.01, low=-0.01, high=0.03)
    ('better', 'not more than noise')
    """
    if low <= 0 <= high:
        return "not more than noise"
    return "better" if (difference > 0) == higher_is_better(metric) else "worse"


def title_of(metric: str) -> str:
    """The heading of a metric in a table; a formula is its own."""
    return METRICS[metric].title if metric in METRICS else metric

"""Metrics of face recognition on plain arrays: exact with ties, and fast on millions of pairs.

- Verification (scores of pairs): `equal_error_rate`, `roc_auc`, `tpr_at_fpr`, `error_rates`, `roc_points`,
  `verification_accuracy` (the LFW protocol), `verification_summary`
- Classification (logits): `accuracy`, `top_k_accuracy`, `log_loss`, `per_class_accuracy`, `confusion_pairs`,
  `expected_calibration_error`, `calibration_error`, `top_k_labels`, `true_class_ranks`
- Identification (a gallery of known people): `rank_k_identification`, `first_mate_ranks`, `dir_at_fpir`,
  `gallery_accuracy`, `best_gallery_threshold`, `map_at_k`, `episode_accuracy`, `rank_with_unknown`,
  `choose_unknown_threshold`
- Intervals for other people: `verification_intervals`, `verification_difference`, `clustered_mean_interval`,
  `clustered_mean_difference`
- By name: `METRICS` (each a `Metric`), `is_higher_better`, `default_formula`, `parse_composite`

>>> from kaggle_face.metrics import METRICS, equal_error_rate
>>> equal_error_rate([0.9, 0.8, 0.3, 0.1], [1, 1, 0, 0]).eer
0.0
>>> METRICS["log_loss"].higher_is_better
False
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kaggle_face.metrics.classification import (
        ConfusionPair,
        accuracy,
        calibration_error,
        confusion_pairs,
        expected_calibration_error,
        log_loss,
        per_class_accuracy,
        top_k_accuracy,
        top_k_labels,
        true_class_ranks,
    )
    from kaggle_face.metrics.episodes import EpisodeAccuracy, episode_accuracy
    from kaggle_face.metrics.identification import (
        DirAtFpir,
        GalleryThreshold,
        best_gallery_threshold,
        dir_at_fpir,
        first_mate_ranks,
        gallery_accuracy,
        map_at_k,
        rank_k_identification,
    )
    from kaggle_face.metrics.intervals.bootstrap import (
        Difference,
        Interval,
        Resampling,
        clustered_mean_difference,
        clustered_mean_interval,
    )
    from kaggle_face.metrics.intervals.verification import verification_difference, verification_intervals
    from kaggle_face.metrics.score import Composite, default_formula, parse_composite
    from kaggle_face.metrics.table import METRICS, Metric
    from kaggle_face.metrics.trials import EqualErrorRate, ErrorRates, RocPoints, TprAtFpr
    from kaggle_face.metrics.unknowns import UnknownThreshold, choose_unknown_threshold, rank_with_unknown
    from kaggle_face.metrics.verification import (
        VerificationAccuracy,
        equal_error_rate,
        error_rates,
        roc_auc,
        roc_points,
        tpr_at_fpr,
        verification_accuracy,
        verification_summary,
    )

__all__ = [
    "METRICS",
    "Composite",
    "ConfusionPair",
    "Difference",
    "DirAtFpir",
    "EpisodeAccuracy",
    "EqualErrorRate",
    "ErrorRates",
    "GalleryThreshold",
    "Interval",
    "Metric",
    "Resampling",
    "RocPoints",
    "TprAtFpr",
    "UnknownThreshold",
    "VerificationAccuracy",
    "accuracy",
    "best_gallery_threshold",
    "calibration_error",
    "choose_unknown_threshold",
    "clustered_mean_difference",
    "clustered_mean_interval",
    "confusion_pairs",
    "default_formula",
    "dir_at_fpir",
    "episode_accuracy",
    "equal_error_rate",
    "error_rates",
    "expected_calibration_error",
    "first_mate_ranks",
    "gallery_accuracy",
    "is_higher_better",
    "log_loss",
    "map_at_k",
    "parse_composite",
    "per_class_accuracy",
    "rank_k_identification",
    "rank_with_unknown",
    "roc_auc",
    "roc_points",
    "top_k_accuracy",
    "top_k_labels",
    "tpr_at_fpr",
    "true_class_ranks",
    "verification_accuracy",
    "verification_difference",
    "verification_intervals",
    "verification_summary",
]

_MODULES = (
    "classification",
    "episodes",
    "identification",
    "intervals.bootstrap",
    "intervals.verification",
    "score",
    "table",
    "trials",
    "unknowns",
    "verification",
)


def __getattr__(name: str) -> Any:
    """Loads a public name when it is first used (PEP 562), so that one module does not load all."""
    if name in __all__:
        for module in _MODULES:
            found = import_module(f"{__name__}.{module}")
            if hasattr(found, name):
                globals()[name] = getattr(found, name)
                return globals()[name]
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    """The public names, for tab completion."""
    return sorted(__all__)

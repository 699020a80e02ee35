"""Metrics of faces: numpy in, floats out, no torch; exact with ties, and fast on millions of pairs."""

from __future__ import annotations

from kaggle_face.metrics.classification import (
    ConfusionPair,
    confusion_pairs,
    expected_calibration_error,
    log_loss,
    per_class_accuracy,
    top_k_accuracy,
    top_k_labels,
    true_class_ranks,
)
from kaggle_face.metrics.identification import (
    DirAtFpir,
    GalleryThreshold,
    best_gallery_threshold,
    dir_at_fpir,
    first_mate_ranks,
    first_mate_ranks_of_embeddings,
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
from kaggle_face.metrics.score import Composite, parse_composite
from kaggle_face.metrics.trials import (
    VERIFICATION_METRICS,
    EqualErrorRate,
    ErrorRates,
    RocPoints,
    SortedTrials,
    TprAtFpr,
    VerificationMetric,
    sort_trials,
)
from kaggle_face.metrics.verification import (
    VerificationAccuracy,
    equal_error_rate,
    error_rates,
    roc_auc,
    roc_points,
    verification_accuracy,
    tpr_at_fpr,
    verification_summary,
)

__all__ = [
    "VERIFICATION_METRICS",
    "Composite",
    "ConfusionPair",
    "DirAtFpir",
    "Difference",
    "EqualErrorRate",
    "ErrorRates",
    "GalleryThreshold",
    "Interval",
    "Resampling",
    "RocPoints",
    "SortedTrials",
    "VerificationAccuracy",
    "TprAtFpr",
    "VerificationMetric",
    "best_gallery_threshold",
    "clustered_mean_difference",
    "clustered_mean_interval",
    "confusion_pairs",
    "dir_at_fpir",
    "equal_error_rate",
    "error_rates",
    "expected_calibration_error",
    "first_mate_ranks",
    "first_mate_ranks_of_embeddings",
    "gallery_accuracy",
    "log_loss",
    "map_at_k",
    "parse_composite",
    "per_class_accuracy",
    "rank_k_identification",
    "roc_auc",
    "roc_points",
    "sort_trials",
    "ten_fold_accuracy",
    "top_k_accuracy",
    "top_k_labels",
    "tpr_at_fpr",
    "true_class_ranks",
    "verification_difference",
    "verification_intervals",
    "verification_summary",
]

"""The numbers that the advice goes by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kaggle_face.artifacts.runs import RunFolder


@dataclass(frozen=True)
class Curve:
    """A fold's training: epochs, losses and scores of the measured epochs, and accuracies at its end."""

    fold: int
    scores: tuple[float, ...] = ()
    log_losses: tuple[float, ...] = ()
    train_accuracy: float | None = None
    held_out_accuracy: float | None = None


@dataclass(frozen=True)
class Shift:
    """Mean and deviation of a property of training pictures, and the mean of the test pictures."""

    train_mean: float
    train_deviation: float
    test_mean: float

    @property
    def deviations(self) -> float:
        """Difference of the means in deviations of the training pictures; 0 where those do not vary."""
        if self.train_deviation <= 0:
            return 0.0
        return (self.test_mean - self.train_mean) / self.train_deviation


@dataclass(frozen=True)
class Evidence:
    """The numbers that the rules go by; None and empty where nothing is known.

    Attributes:
        run: The run that is advised on.
        metric: The metric of `fold_values`.
        fold_values: Of each fold, with the standard error of its own sample in `fold_errors`.
        accuracy_frequent: On the half of the identities with more training images; `accuracy_rare` on the
            other half.
        class_sizes: Training images of each identity.
        weakest_share: Share of all mistakes on the worst twentieth of the identities, `weakest` their names.
        threshold_rule: The chosen threshold, of which `refused_genuine` is the false negative rate.
        next_cutoff: Name, score, and what is missing to it, of the nearest cut-off not yet reached.
    """

    run: RunFolder
    num_images: int = 0
    accuracy: float | None = None
    num_doubtful: int = 0
    metric: str = ""
    fold_values: Mapping[int, float] = field(default_factory=dict)
    fold_errors: Mapping[int, float] = field(default_factory=dict)
    brightness: Shift | None = None
    sharpness: Shift | None = None
    num_copies: int = 0
    num_test_pictures: int = 0
    curves: tuple[Curve, ...] = ()
    class_sizes: tuple[int, ...] = ()
    accuracy_frequent: float | None = None
    accuracy_rare: float | None = None
    weakest: tuple[str, ...] = ()
    weakest_share: float | None = None
    num_mistakes: int = 0
    calibration_error: float | None = None
    threshold_rule: str = ""
    refused_genuine: float | None = None
    agreement: float | None = None
    num_uploads: int = 0
    finished_folds: int = 0
    planned_folds: int | None = None
    half_width: float | None = None
    next_cutoff: tuple[str, float, float] | None = None
    has_blend: bool = False
    num_runs: int = 1

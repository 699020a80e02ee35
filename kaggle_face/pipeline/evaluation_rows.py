"""Results of an evaluation: rows of metrics, differences, thresholds and mistakes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from kaggle_face.ensemble.run_thresholds import RunThresholds
from kaggle_face.evaluation.balance import LeftOut
from kaggle_face.metrics.table import verdict_of
from kaggle_face.tasks import Task


@dataclass(frozen=True)
class MetricRow:
    """A metric of a member on all held-out data, its 95 % interval, and mean and deviation of its parts.

    The parts are folds, or the ten sets of pairs of the ten-fold accuracy. `low` and `high` are None where
    people or pairs are too few for an interval; `note` gives the reason. `deviation` is None for one part.
    """

    task: Task
    member: str
    metric: str
    value: float
    low: float | None
    high: float | None
    mean: float
    deviation: float | None
    note: str = ""


@dataclass(frozen=True)
class DifferenceRow:
    """A metric of a member minus that of the first one, with a 95 % interval."""

    task: Task
    member: str
    first: str
    metric: str
    value: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """Whether the difference is more than noise, in words.

        >>> DifferenceRow("verification", "b", "a", "eer", -0.02, low=-0.03, high=-0.01).verdict
        'better'
        """
        return verdict_of(self.metric, self.value, self.low, self.high)


@dataclass(frozen=True)
class ThresholdRow:
    """A threshold of a member's cosines, its 95 % interval, and its error rates on the same data.

    `rule` is `eer`, `accuracy`, `fpr=<rate>` or `gallery` (best matches, which have no error rates). `low`
    and `high` are None where people are too few for an interval.
    """

    member: str
    rule: str
    threshold: float
    low: float | None
    high: float | None
    fpr: float | None
    fnr: float | None
    accuracy: float

    @classmethod
    def all_of(cls, member: str, thresholds: RunThresholds) -> list[ThresholdRow]:
        """The rows of all thresholds of a member."""
        rows = [
            cls(
                member,
                each.rule,
                each.threshold,
                known_or_none(each.low),
                known_or_none(each.high),
                each.fpr,
                each.fnr,
                each.accuracy,
            )
            for each in thresholds.pairs
        ]
        gallery = thresholds.gallery
        if gallery is not None:
            low, high = known_or_none(gallery.low), known_or_none(gallery.high)
            rows.append(cls(member, "gallery", gallery.threshold, low, high, None, None, gallery.accuracy))
        return rows


@dataclass(frozen=True)
class MistakesRow:
    """The class errors of a member on held-out images.

    Attributes:
        calibration_error: Expected calibration error in [0, 1].
        weakest: The classes of the lowest accuracy, with that accuracy, the lowest first.
        confusions: The most frequent mistakes: true class, predicted class, images.
    """

    member: str
    calibration_error: float
    weakest: tuple[tuple[str, float], ...]
    confusions: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True)
class TaskEvaluation:
    """The results of a task.

    Attributes:
        threshold_files: The path of `thresholds.json` by member.
        imbalances: What is imbalanced about the held-out data, one sentence each.
        left_out: Metrics that mean nothing on these data.
        thresholds_left_out: By member, rules of which no threshold means anything.
    """

    task: Task
    members: tuple[str, ...]
    metrics: tuple[MetricRow, ...]
    differences: tuple[DifferenceRow, ...]
    thresholds: tuple[ThresholdRow, ...] = ()
    threshold_files: Mapping[str, Path] = field(default_factory=dict)
    mistakes: tuple[MistakesRow, ...] = ()
    imbalances: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    thresholds_left_out: Mapping[str, tuple[LeftOut, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class LabelledTestRow:
    """The accuracy of one network, or of the blend of a run, on the test images whose class is known."""

    name: str
    accuracy: float
    num_images: int


@dataclass(frozen=True)
class EvaluationResult:
    """The result of `evaluate_runs`, by task."""

    tasks: tuple[TaskEvaluation, ...]
    labelled_tests: tuple[LabelledTestRow, ...]

    @property
    def metrics(self) -> tuple[MetricRow, ...]:
        """The metrics of all tasks and members."""
        return tuple(chain.from_iterable(each.metrics for each in self.tasks))

    @property
    def differences(self) -> tuple[DifferenceRow, ...]:
        """All differences from the first member."""
        return tuple(chain.from_iterable(each.differences for each in self.tasks))

    @property
    def thresholds(self) -> tuple[ThresholdRow, ...]:
        """The thresholds of all members."""
        return tuple(chain.from_iterable(each.thresholds for each in self.tasks))


def known_or_none(value: float) -> float | None:
    """None in the place of NaN."""
    return None if math.isnan(value) else value

"""Rows of the tables that describe a blend: members, candidates, steps of post-processing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kaggle_face.ensemble.postprocess.class_tuning import ClassTuning
from kaggle_face.ensemble.postprocess.gallery_tuning import GalleryTuning
from kaggle_face.ensemble.postprocess.pair_tuning import PairTuning
from kaggle_face.ensemble.search.candidates import Candidate, Kind
from kaggle_face.ensemble.selection import (
    BlendChoice,
)
from kaggle_face.metrics.intervals.bootstrap import Difference
from kaggle_face.tasks import Task


@dataclass(frozen=True)
class MemberRow:
    """A member of a blend: its folds, and its weight among all members (sum 1)."""

    task: Task
    member: str
    folds: tuple[int, ...]
    weight: float


@dataclass(frozen=True)
class CandidateRow:
    """A candidate for the blend of a task, with its figures on held-out data.

    Attributes:
        metrics: Of the final weights on all held-out data.
        nested: The main metric where the weights were found on other people than they are judged on.
        gain: The nested difference from the best single member, positive = better, with `low` and `high`,
            the ends of its 95 % interval. None for single members, and where too few people are held out.
        in_sample_gain: The same where the weights were found on what they are judged on.
        weights: One for each member, sum 1.
    """

    task: Task
    name: str
    kind: Kind
    is_chosen: bool
    metrics: Mapping[str, float]
    nested: float | None
    gain: float | None
    low: float | None
    high: float | None
    in_sample_gain: float | None
    weights: tuple[float, ...]

    @classmethod
    def of(cls, task: Task, candidate: Candidate, is_chosen: bool) -> CandidateRow:
        """The row of a candidate."""
        gain = candidate.gain
        return cls(
            task=task,
            name=candidate.name,
            kind=candidate.kind,
            is_chosen=is_chosen,
            metrics=candidate.metrics,
            nested=candidate.nested,
            gain=None if gain is None else gain.value,
            low=None if gain is None else gain.low,
            high=None if gain is None else gain.high,
            in_sample_gain=candidate.in_sample_gain,
            weights=candidate.weights,
        )


@dataclass(frozen=True)
class StepRow:
    """A step of post-processing: its best setting and its nested gain over the steps before it."""

    task: Task
    setting: str
    is_on: bool
    gain: float
    low: float
    high: float
    in_sample_gain: float

    @classmethod
    def all_of(cls, task: Task, tuning: ClassTuning | PairTuning | GalleryTuning) -> tuple[StepRow, ...]:
        """The rows of all steps that were tried."""
        steps: list[tuple[str, bool, Difference, float]]
        if isinstance(tuning, ClassTuning):
            steps = [(str(tuning.best), not tuning.recipe.is_plain, tuning.gain, tuning.in_sample_gain)]
        else:
            steps = [(step.setting, step.is_on, step.gain, step.in_sample_gain) for step in tuning.steps]
        return tuple(
            cls(task, setting, is_on, gain.value, gain.low, gain.high, in_sample_gain)
            for setting, is_on, gain, in_sample_gain in steps
        )


@dataclass(frozen=True)
class TaskBlend:
    """The blend of a task and how it was chosen; `candidates` is empty where nothing is held out.

    Attributes:
        metrics: Out-of-fold metrics with all that is done to the blend.
        metric: The main metric that candidates are compared by; like `chosen` and `reason` empty without any.
        steps: Of post-processing, in the order in which they were tried.
        tuned_metrics: Of the blend with the steps that are on; None where no step was tried.
    """

    task: Task
    members: tuple[MemberRow, ...]
    notes: tuple[str, ...]
    metrics: Mapping[str, float]
    metric: str = ""
    chosen: str = ""
    reason: str = ""
    candidates: tuple[CandidateRow, ...] = ()
    steps: tuple[StepRow, ...] = ()
    tuned_metrics: Mapping[str, float] | None = None

    @classmethod
    def of(cls, task: Task, choice: BlendChoice) -> TaskBlend:
        """The blend choice of a task, as rows."""
        blend, selection, tuning = choice.blend, choice.selection, choice.tuning
        members = tuple(
            MemberRow(task, member.name, tuple(fold.fold for fold in member.folds), weight)
            for member, weight in zip(blend.members, blend.weights, strict=True)
        )
        if selection is None:
            return cls(task, members, choice.notes, choice.metrics)
        winner, candidates = selection.winner, selection.candidates
        return cls(
            task=task,
            members=members,
            notes=choice.notes,
            metrics=choice.metrics,
            metric=selection.metric,
            chosen=winner.name,
            reason=selection.reason,
            candidates=tuple(CandidateRow.of(task, each, each is winner) for each in candidates),
            steps=() if tuning is None else StepRow.all_of(task, tuning),
            tuned_metrics=None if tuning is None else tuning.metrics,
        )

"""The form of what is known of a competition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from kaggle_face.competitions.layouts.layout import FamilyKey
from kaggle_face.tasks import Task

MetricName = Literal["accuracy", "auc", "eer", "map@5", "composite"]


@dataclass(frozen=True)
class Rules:
    """What a competition forbids or limits; None and False: no such rule is known.

    `forbids_test_neighbours`: no answer may depend on other test images, as in query expansion, database
    augmentation, neighbourhood blending and re-ranking.
    """

    max_parameters: int | None = None
    limit_covers_ensemble: bool = False
    forbids_attention: bool = False
    forbids_imported_architectures: bool = False
    forbids_pretrained: bool = False
    forbids_outside_data: bool = False
    forbids_mixing_with_arcface: bool = False
    forbids_test_neighbours: bool = False
    submissions_a_day: int | None = None


@dataclass(frozen=True)
class CompetitionFacts:
    """What is known of one competition.

    `metric` is `composite` where one score covers both tasks: 0.5 x accuracy + 0.5 x (1 - EER). `cutoffs` are
    leaderboard scores that a grade asks for, by the grade's name.
    """

    slug: str
    title: str
    family: FamilyKey
    variant: str
    tasks: tuple[Task, ...]
    metric: MetricName
    identities: str
    image_size: int
    rules: Rules = Rules()
    cutoffs: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def lower_is_better(self) -> bool:
        """Whether the leaderboard's best score is its lowest."""
        return self.metric == "eer"

    @property
    def metrics(self) -> Mapping[Task, MetricName]:
        """The metric of each task."""
        if self.metric == "composite":
            return {"classification": "accuracy", "verification": "eer"}
        return dict.fromkeys(self.tasks, self.metric)

"""The spec of a competition, its rules, and the edition that it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from kaggle_face.metrics.table import higher_is_better
from kaggle_face.tasks import Task

LeaderboardMetric = Literal["accuracy", "auc", "eer", "map@5", "composite"]


@dataclass(frozen=True)
class Rules:
    """The bans and limits of a competition; None and False: no such rule is known.

    `forbids_test_neighbours`: no prediction may depend on other test images, as in query expansion, database
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
class CompetitionSpec:
    """The spec of one competition.

    `layout` and `variant` name the layout of its files; `variant` is `auto` where the files show it. `metric`
    is `composite` where one score covers both tasks: 0.5 x accuracy + 0.5 x (1 - EER). `cutoffs` are the
    leaderboard scores that a grade requires, by the grade's name. `one_csv`: a single file answers both
    tasks.
    """

    slug: str
    title: str
    layout: str
    variant: str
    tasks: tuple[Task, ...]
    metric: LeaderboardMetric
    identities: str
    image_size: int
    rules: Rules = Rules()
    cutoffs: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    one_csv: bool = False

    @property
    def lower_is_better(self) -> bool:
        """Whether the leaderboard's best score is its lowest."""
        return not higher_is_better(self.metric)

    @property
    def metrics(self) -> Mapping[Task, LeaderboardMetric]:
        """The metric of each task."""
        if self.metric == "composite":
            return {"classification": "accuracy", "verification": "eer"}
        return dict.fromkeys(self.tasks, self.metric)


@dataclass(frozen=True)
class Edition:
    """A homework's face recognition: one competition per task, or a single one."""

    layout: str
    variant: str
    when: str
    classification: str | None
    verification: str | None
    verification_metric: LeaderboardMetric
    identities: str
    image_size: int
    rules: Rules = Rules()
    cutoffs: Mapping[Task, Mapping[str, float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def specs(self) -> list[CompetitionSpec]:
        """One competition for each task that has its own."""
        tasks: tuple[tuple[str | None, Task, LeaderboardMetric], ...] = (
            (self.classification, "classification", "accuracy"),
            (self.verification, "verification", self.verification_metric),
        )
        return [
            CompetitionSpec(
                slug=slug,
                title=f"face {task}, {self.when}",
                layout=self.layout,
                variant=self.variant,
                tasks=(task,),
                metric=metric,
                identities=self.identities,
                image_size=self.image_size,
                rules=self.rules,
                cutoffs=self.cutoffs.get(task, {}),
                notes=self.notes,
            )
            for slug, task, metric in tasks
            if slug is not None
        ]

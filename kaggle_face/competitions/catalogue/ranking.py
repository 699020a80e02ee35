"""A competition's ranking: the metric of each task, and the formula of both together.

Everything that compares runs or files goes by it: blends, the table of runs, the ledger and its proposals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from kaggle_face.competitions.catalogue.known import CompetitionSpec, find_spec, known_slugs
from kaggle_face.config import Config
from kaggle_face.metrics.score import default_formula
from kaggle_face.tasks import TASKS, Task

ClassMetric = Literal["accuracy", "map@5"]
PairMetric = Literal["eer", "auc"]
PAIR_METRICS: tuple[PairMetric, ...] = get_args(PairMetric)


def spec_for(slug: str, task: Task) -> CompetitionSpec | None:
    """The spec of the competition that takes a task's CSV: it or its sister of one edition."""
    spec = find_spec(slug)
    if spec is None or task in spec.tasks:
        return spec
    for other in map(find_spec, known_slugs()):
        if other is not None and task in other.tasks and other.variant == spec.variant != "auto":
            return other if other.layout == spec.layout else None
    return None


@dataclass(frozen=True)
class OwnMetrics:
    """The metrics of a competition's tasks, and the tasks that its leaderboard ranks by.

    `pairs` is what scored pairs are judged by. With `names_people` verification is answered by names from a
    gallery, and its metric is the accuracy of the names; no training measures that, so checkpoints and
    weights of blends are chosen by pairs there too.
    """

    classes: ClassMetric
    pairs: PairMetric
    ranked: tuple[Task, ...] = TASKS
    names_people: bool = False

    @property
    def formula(self) -> str:
        """The mean of both tasks, higher is better.

        >>> OwnMetrics("accuracy", "eer").formula
        '0.5*accuracy + 0.5*(1-eer)'
        """
        return default_formula(self.classes, self.pairs)


def own_metrics(
    slug: str, fallback: PairMetric, verification_slug: str | None = None, has_pairs: bool = True
) -> OwnMetrics:
    """The metrics of a competition.

    Args:
        slug: The competition of the settings.
        fallback: What pairs are judged by where the competition is not known (`train.verification_metric`).
        verification_slug: The competition that takes the verification CSV, where it is another.
        has_pairs: Whether the files of a competition that is not known hold pairs or a gallery to answer.
    """
    spec = find_spec(slug)
    of_classes = spec_for(slug, "classification")
    of_pairs = spec_for(verification_slug or slug, "verification")
    named = None if of_pairs is None else of_pairs.metrics.get("verification")
    ranks_places = of_classes is not None and of_classes.metrics.get("classification") == "map@5"
    return OwnMetrics(
        "map@5" if ranks_places else "accuracy",
        next((metric for metric in PAIR_METRICS if metric == named), fallback),
        spec.tasks if spec is not None else TASKS if has_pairs else ("classification",),
        named == "accuracy",
    )


def own_metrics_of(config: Config) -> OwnMetrics:
    """The metrics of the competition of the settings; own data without pairs rank classification alone."""
    own, other = config.competition, config.submit.verification.slug
    has_pairs = own.layout != "custom" or bool(own.custom.pairs or own.custom.galleries)
    return own_metrics(own.slug, config.train.verification_metric, other, has_pairs)


def metric_of_leaderboard(slug: str) -> str | None:
    """The metric of a competition's leaderboard; None where it is not known, or a score of both tasks."""
    spec = find_spec(slug)
    return None if spec is None or spec.metric == "composite" else spec.metric

"""The competition on Kaggle that takes each CSV."""

from __future__ import annotations

from kaggle_face.competitions.catalogue.known import find_spec
from kaggle_face.competitions.catalogue.ranking import spec_for
from kaggle_face.config.competition import CompetitionConfig
from kaggle_face.config.schema import SubmitConfig, TableConfig
from kaggle_face.errors import ConfigError
from kaggle_face.tasks import TASKS, Task

DEMO = "demo"


def target_of(task: Task, competition: CompetitionConfig, settings: SubmitConfig) -> str:
    """The slug of the competition that takes the CSV of a task.

    Raises:
        ConfigError: The configured competition is known to take only the other task's.
    """
    table = _table(task, settings)
    if table.slug:
        return table.slug
    spec = find_spec(competition.slug)
    if spec is None or task in spec.tasks:
        return competition.slug
    sister = spec_for(competition.slug, task)
    if sister is None:
        raise ConfigError(
            f"'{competition.slug}' takes no {task} CSV; set submit.{task}.slug to the competition that does"
        )
    return sister.slug


def targets(competition: CompetitionConfig, settings: SubmitConfig) -> list[str]:
    """Every competition that a config belongs to, the configured one first."""
    slugs = [competition.slug]
    for task in TASKS:
        table, spec = _table(task, settings), spec_for(competition.slug, task)
        if table.slug:
            slugs.append(table.slug)
        elif spec is not None:
            slugs.append(spec.slug)
    return list(dict.fromkeys(slugs))


def lower_is_better(slug: str) -> bool | None:
    """Whether the best public score is the lowest; None where the competition is not known."""
    spec = find_spec(slug)
    return None if spec is None else spec.lower_is_better


def _table(task: Task, settings: SubmitConfig) -> TableConfig:
    return settings.classification if task == "classification" else settings.verification

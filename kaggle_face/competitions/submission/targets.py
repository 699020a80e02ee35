"""Which competition on Kaggle takes which CSV."""

from __future__ import annotations

from kaggle_face.competitions.catalogue.known import find_facts
from kaggle_face.competitions.catalogue.ranking import facts_for
from kaggle_face.config.schema import CompetitionConfig, SubmitConfig, TableConfig
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
    facts = find_facts(competition.slug)
    if facts is None or task in facts.tasks:
        return competition.slug
    sister = facts_for(competition.slug, task)
    if sister is None:
        raise ConfigError(
            f"'{competition.slug}' takes no {task} CSV; set submit.{task}.slug to the competition that does"
        )
    return sister.slug


def targets(competition: CompetitionConfig, settings: SubmitConfig) -> list[str]:
    """Every competition that a config belongs to, the configured one first."""
    slugs = [competition.slug]
    for task in TASKS:
        table, facts = _table(task, settings), facts_for(competition.slug, task)
        if table.slug:
            slugs.append(table.slug)
        elif facts is not None:
            slugs.append(facts.slug)
    return list(dict.fromkeys(slugs))


def lower_is_better(slug: str) -> bool | None:
    """Whether the best public score is the lowest; None where the competition is not known."""
    facts = find_facts(slug)
    return None if facts is None else facts.lower_is_better


def _table(task: Task, settings: SubmitConfig) -> TableConfig:
    return settings.classification if task == "classification" else settings.verification

"""The question of a competition, and the scores to reach."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kaggle_face.competitions.catalogue.known import find_spec
from kaggle_face.competitions.catalogue.ranking import OwnMetrics, spec_for
from kaggle_face.config import Config
from kaggle_face.report.facts import CutOff, Question
from kaggle_face.tasks import TASKS, Task


def slugs_of(config: Config) -> tuple[str, ...]:
    """The competitions that settings write for: one, or one for each task."""
    submit = config.submit
    named = (config.competition.slug, submit.classification.slug, submit.verification.slug)
    return tuple(dict.fromkeys(slug for slug in named if slug))


def question_of(config: Config, own: OwnMetrics, looks: Mapping[str, Mapping[str, Any]]) -> Question:
    """Tasks and metrics, with the cut-offs of the settings, of the catalogue and of leaderboards seen before.

    Args:
        config: The settings of a run.
        own: The metrics of its competition.
        looks: The newest look at the leaderboard of each competition, as the ledger keeps it.
    """
    slug, other = config.competition.slug, config.submit.verification.slug
    spec = find_spec(slug)
    cutoffs = [CutOff(name, score, None, "settings") for name, score in config.submit.cutoffs.items()]
    notes: list[str] = []
    for task in TASKS:
        of_task = spec_for(other or slug if task == "verification" else slug, task)
        if of_task is not None:
            known = of_task.cutoffs.items()
            cutoffs += [CutOff(f"{task}: {name}", score, task, "catalogue") for name, score in known]
            notes += [note for note in of_task.notes if note.startswith("best public")]
    for each, look in looks.items():
        if isinstance(look.get("best"), int | float):
            ranked = find_spec(each)
            only = ranked.tasks[0] if ranked is not None and len(ranked.tasks) == 1 else None
            source = f"leaderboard of {each} on {str(look.get('time', ''))[:10]}"
            cutoffs.append(CutOff("first place", float(look["best"]), only, source))
    metrics: dict[Task, str] = {
        "classification": own.classes,
        "verification": "accuracy of names" if own.names_people else own.pairs,
    }
    return Question(
        slug,
        slug if spec is None else spec.title,
        own.ranked,
        metrics,
        own.formula,
        tuple(cutoffs),
        tuple(dict.fromkeys(notes)),
    )

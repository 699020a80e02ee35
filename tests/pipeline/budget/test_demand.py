"""What a competition demands of a run, and what it is ranked by."""

from __future__ import annotations

import pytest

from kaggle_face.config import CompetitionConfig, Config
from kaggle_face.pipeline.budget.demand import purpose_of
from kaggle_face.tasks import TASKS, Purpose, Task


@pytest.mark.parametrize(
    ("slug", "answered", "purpose"),
    [
        ("demo", TASKS, "both"),
        ("demo", ("verification",), "both"),  # its leaderboard ranks both, whatever the files hold
        ("happy-whale-and-dolphin", ("classification",), "accuracy"),
        ("recognizing-faces-in-the-wild", ("verification",), "verification"),
        ("11-785-f23-hw2p2-verification", TASKS, "verification"),
        ("11-785-f23-hw2p2-classification", TASKS, "accuracy"),
        ("mine", TASKS, "both"),
        ("mine", ("verification",), "verification"),
        ("mine", ("classification",), "accuracy"),
    ],
)
def test_the_goal_follows_the_metric_of_the_competition(
    slug: str, answered: tuple[Task, ...], purpose: Purpose
) -> None:
    assert purpose_of(Config(competition=CompetitionConfig(slug=slug)), answered) == purpose

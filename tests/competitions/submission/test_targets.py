"""Which competition takes which CSV."""

from __future__ import annotations

import pytest

from kaggle_face.competitions.submission.targets import lower_is_better, target_of, targets
from kaggle_face.config import CompetitionConfig, SubmitConfig
from kaggle_face.config.schema import TableConfig
from kaggle_face.errors import ConfigError

F23 = CompetitionConfig(slug="11-785-f23-hw2p2-classification")


def test_the_sister_competition_takes_the_other_task():
    assert target_of("classification", F23, SubmitConfig()) == "11-785-f23-hw2p2-classification"
    assert target_of("verification", F23, SubmitConfig()) == "11-785-f23-hw2p2-verification"
    assert targets(F23, SubmitConfig()) == [
        "11-785-f23-hw2p2-classification",
        "11-785-f23-hw2p2-verification",
    ]


def test_the_settings_come_first():
    settings = SubmitConfig(verification=TableConfig(slug="elsewhere"))
    assert target_of("verification", F23, settings) == "elsewhere"
    assert targets(F23, settings) == ["11-785-f23-hw2p2-classification", "elsewhere"]


def test_an_unknown_competition_takes_both():
    unknown = CompetitionConfig(slug="my-own-faces")
    assert target_of("classification", unknown, SubmitConfig()) == "my-own-faces"
    assert targets(unknown, SubmitConfig()) == ["my-own-faces"]
    assert lower_is_better("my-own-faces") is None


def test_a_task_that_nobody_takes_is_told():
    with pytest.raises(ConfigError, match=r"set submit\.classification\.slug"):
        target_of(
            "classification",
            CompetitionConfig(slug="11785-hw-2-p-2-face-verification-fall-2024"),
            SubmitConfig(),
        )


def test_an_eer_competition_is_better_when_lower():
    assert lower_is_better("11785-hw-2-p-2-face-verification-fall-2024") is True
    assert lower_is_better(F23.slug) is False

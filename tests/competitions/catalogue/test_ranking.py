"""What each competition ranks by, as the public descriptions have it."""

from __future__ import annotations

import pytest

from kaggle_face.competitions.catalogue.ranking import (
    OwnMetrics,
    metric_of_leaderboard,
    own_metrics,
    own_metrics_of,
)
from kaggle_face.config import Config
from kaggle_face.tasks import TASKS


@pytest.mark.parametrize(
    ("slug", "metrics"),
    [
        ("hw-2-p-2-fall-2026-student-competition", ("accuracy", "eer", False)),
        ("11785-hw-2-p-2-face-verification-fall-2024", ("accuracy", "eer", False)),
        ("11-785-s20-hw2p2-verification", ("accuracy", "auc", False)),
        ("11-785-s20-hw2p2-classification", ("accuracy", "auc", False)),  # as its sister for verification
        ("recognizing-faces-in-the-wild", ("accuracy", "auc", False)),
        ("happy-whale-and-dolphin", ("map@5", "eer", False)),
        ("11-785-f22-hw2p2-verification", ("accuracy", "eer", True)),
        ("11-785-f23-hw2p2-classification", ("accuracy", "eer", True)),
        ("unheard-of", ("accuracy", "eer", False)),
    ],
)
def test_the_metrics_of_both_tasks(slug: str, metrics: tuple[str, str, bool]) -> None:
    own = own_metrics(slug, "eer")
    assert (own.classes, own.pairs, own.names_people) == metrics


def test_what_is_not_known_is_as_the_settings_say() -> None:
    assert own_metrics("unheard-of", "auc").pairs == "auc"
    assert own_metrics("unheard-of", "eer", "11-785-s20-hw2p2-verification").pairs == "auc"


def test_own_data_without_pairs_ask_who_people_are_alone() -> None:
    images = {"images": [{"class_folders": True, "folder": "faces"}]}
    pairs = {"pairs": [{"file": "pairs.csv", "first": "a", "second": "b"}]}
    for custom, ranked in ((images, ("classification",)), (images | pairs, TASKS)):
        competition = {"slug": "unheard-of", "layout": "custom", "custom": custom}
        assert own_metrics_of(Config.model_validate({"competition": competition})).ranked == ranked
    assert own_metrics("unheard-of", "eer").ranked == TASKS


def test_the_formula_is_one_thing_for_training_and_blends() -> None:
    from kaggle_face.config import TrainConfig
    from kaggle_face.train.scoring import read_score

    for slug, formula in (
        ("11-785-s20-hw2p2-classification", "0.5*accuracy + 0.5*auc"),
        ("unheard-of", "0.5*accuracy + 0.5*(1-eer)"),
    ):
        own = own_metrics(slug, "eer")
        assert own.formula == formula
        assert read_score(TrainConfig(), True, own.pairs).expression == formula
    assert read_score(TrainConfig(verification_metric="auc"), True).expression == "0.5*accuracy + 0.5*auc"
    assert own_metrics("11-785-s20-hw2p2-verification", "eer").formula == "0.5*accuracy + 0.5*auc"
    assert own_metrics("unheard-of", "auc").formula == "0.5*accuracy + 0.5*auc"
    assert OwnMetrics("map@5", "auc").formula == "0.5*map@5 + 0.5*auc"


def test_the_leaderboards_metric() -> None:
    slugs = ("11-785-f22-hw2p2-verification", "11-785-s22-hw2p2-verification", "happy-whale-and-dolphin")
    assert [metric_of_leaderboard(slug) for slug in slugs] == ["accuracy", "auc", "map@5"]
    assert metric_of_leaderboard("demo") is None and metric_of_leaderboard("unheard-of") is None

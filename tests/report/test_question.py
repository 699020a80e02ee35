"""The question and the cut-offs of a competition."""

from __future__ import annotations

from kaggle_face.competitions.catalogue.ranking import own_metrics_of
from kaggle_face.config import load_config
from kaggle_face.report.question import question_of, slugs_of


def test_cutoffs_come_from_settings_catalogue_and_leaderboard() -> None:
    words = ["competition.slug=11-785-f23-hw2p2-classification", "submit.cutoffs={mine: 0.95}"]
    words.append("submit.verification.slug=11-785-f23-hw2p2-verification")
    config = load_config("demo", words).config
    assert slugs_of(config) == ("11-785-f23-hw2p2-classification", "11-785-f23-hw2p2-verification")
    looks = {"11-785-f23-hw2p2-verification": {"best": 0.7, "time": "2026-11-28T10:00:00Z"}}
    found = question_of(config, own_metrics_of(config), looks)
    assert found.tasks == ("classification",) and found.metrics["verification"] == "accuracy of names"
    names = {(cutoff.name, cutoff.score, cutoff.task) for cutoff in found.cutoffs}
    # The grades of the edition as competitions.md has them: 0.90, 0.84, 0.82 and 0.55, 0.49, 0.30.
    assert ("classification: high", 0.90, "classification") in names
    assert ("verification: medium", 0.49, "verification") in names
    assert ("mine", 0.95, None) in names and ("first place", 0.7, "verification") in names
    assert len(names) == 8


def test_a_competition_that_nobody_knows_has_its_slug_as_title() -> None:
    config = load_config("demo", ["competition.slug=somebody-s-faces"]).config
    found = question_of(config, own_metrics_of(config), {})
    assert (found.title, found.tasks, found.cutoffs) == (
        "somebody-s-faces",
        ("classification", "verification"),
        (),
    )


def test_own_data_without_pairs_ask_for_people_alone() -> None:
    words = [
        "competition.slug=mine",
        "competition.layout=custom",
        "competition.custom.images=[{class_folders: true}]",
    ]
    config = load_config("demo", words).config
    assert question_of(config, own_metrics_of(config), {}).tasks == ("classification",)

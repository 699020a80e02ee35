"""Ledger, leaderboard and downloads of a project, with a Kaggle of our own."""

from __future__ import annotations

from pathlib import Path

import pytest

import kaggle_face as kf
from tests.support.kaggle_server import SLUG


def test_the_ledger_is_a_frame_with_what_to_select(kaggle, clock):
    kaggle.add_submission("from the web page", publicScore="0.07")
    project = kf.open_project("faces")
    found = project.submissions(plot="scores.svg")
    assert found[["competition", "public_score"]].to_numpy().tolist() == [[SLUG, "0.07"]]
    assert found["select"].tolist() == [""] and Path("scores.svg").is_file()
    assert len(project.submissions(offline=True)) == 1
    with pytest.raises(kf.InputError, match=r"call it scores.svg, not 'scores.png'"):
        project.submissions(plot="scores.png")


def test_nothing_waits_and_nothing_was_submitted(kaggle, clock):
    project = kf.open_project("faces")
    assert len(project.collect_scores()) == len(project.submissions()) == 0


def test_the_leaderboard_is_a_frame(kaggle, clock):
    kaggle.competition.leaderboard = [
        {"teamId": place, "teamName": f"Team {place}", "score": f"{place / 100}"} for place in (1, 2, 3)
    ]
    found = kf.open_project("faces").leaderboard()
    assert found["rank"].tolist() == [1, 2, 3] and set(found["competition"]) == {SLUG}
    assert found["score"].tolist() == [0.01, 0.02, 0.03] and not found["is_own"].any()


def test_the_demo_has_nothing_to_download(kaggle):
    assert len(kf.open_project("demo").download()) == 0 and kaggle.requests == []

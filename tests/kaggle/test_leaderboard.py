"""`kaggle-face leaderboard`: the own place, what is missing, and how it changed."""

from __future__ import annotations

import pytest

from kaggle_face.cli.main import main
from tests.support.kaggle_server import Competition


@pytest.fixture
def board(kaggle):
    """Forty teams with EER 0.010, 0.011, ...; ours is 17th."""
    names = [f"Team {place}" for place in range(1, 41)]
    names[16] = "Team Alice"
    kaggle.competition.leaderboard = [
        {"teamId": place, "teamName": name, "score": f"{0.009 + place / 1000:.3f}"}
        for place, name in enumerate(names, start=1)
    ]
    return kaggle


def cells(out: str, start: str) -> list[str]:
    return next(line for line in out.splitlines() if line.startswith(start)).split()


def test_the_own_row_is_found_by_the_name_on_the_submissions(board, clock, capsys):
    board.add_submission("mine", publicScore="0.026")
    assert main(["leaderboard", "--top", "3", "submit.cutoffs={high: 0.02, low: 0.05}"]) == 0
    out = capsys.readouterr().out
    assert "40 teams, lower is better" in out
    assert cells(out, "  17") == ["17", "Team", "Alice", "(you)", "0.026"]
    assert cells(out, "first place") == ["first", "place", "0.01", "0.016"]
    assert cells(out, "best 10%") == ["best", "10%", "0.013", "0.013"]
    assert cells(out, "high") == ["high", "0.02", "0.006"]
    assert cells(out, "low") == ["low", "0.05", "reached"]


def test_the_own_row_is_found_by_the_rank_that_kaggle_tells(board, clock, capsys):
    board.competition.user_rank = 4
    assert main(["leaderboard"]) == 0
    assert "Team 4 (you)" in capsys.readouterr().out


def test_a_team_that_is_not_on_it_is_told_so(board, clock, capsys):
    assert main(["leaderboard"]) == 0
    out = capsys.readouterr().out
    assert "your team is not on it yet" in out and cells(out, "first place")[-1] == "-"


def test_the_history_shows_earlier_looks(board, clock, capsys):
    board.add_submission("mine", publicScore="0.026")
    assert main(["leaderboard"]) == 0
    rows = board.competition.leaderboard
    rows.insert(4, {**rows.pop(16), "score": "0.014"})
    clock.sleep(86400)
    capsys.readouterr()
    assert main(["leaderboard"]) == 0
    out = capsys.readouterr().out
    assert cells(out, "2026-11-22T13:00:00Z") == ["2026-11-22T13:00:00Z", "17", "40", "0.026", "0.01"]
    assert cells(out, "2026-11-23T13:00:00Z") == ["2026-11-23T13:00:00Z", "5", "40", "0.014", "0.01"]


def test_a_long_leaderboard_is_read_to_its_end(board, clock, capsys):
    board.competition.leaderboard = [
        {"teamId": place, "teamName": f"Team {place}", "score": f"{1 - place / 1000}"}
        for place in range(1, 451)
    ]
    assert main(["leaderboard"]) == 0
    assert "450 teams, higher is better" in capsys.readouterr().out
    assert len(board.asked("GetLeaderboard")) == 3


def test_an_empty_leaderboard_is_no_error(kaggle, clock, capsys):
    assert main(["leaderboard"]) == 0
    assert "0 teams" in capsys.readouterr().out


def test_each_competition_of_a_semester_has_its_own_cutoffs(board, clock, capsys):
    classes, faces = "11-785-f23-hw2p2-classification", "11-785-f23-hw2p2-verification"
    for slug, score in ((classes, "0.80"), (faces, "0.52")):
        rows = [{"teamId": 1, "teamName": "Team Alice", "score": score}]
        board.competitions[slug] = Competition(slug, leaderboard=rows, user_rank=1)
    assert main(["leaderboard", f"competition.slug={classes}", "submit.cutoffs={mine: 0.95}"]) == 0
    first, second = capsys.readouterr().out.split(f"{faces}: ")
    assert cells(first, "high") == ["high", "0.9", "0.1"] and cells(first, "mine") == ["mine", "0.95", "0.15"]
    assert cells(second, "high") == ["high", "0.55", "0.03"]
    assert cells(second, "low") == ["low", "0.3", "reached"] and "mine" not in second

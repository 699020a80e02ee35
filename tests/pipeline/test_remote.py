"""Downloads, the ledger and the leaderboard from Python: results instead of prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from kaggle_face.cli.terminal import Terminal
from kaggle_face.config import load_config
from kaggle_face.errors import InputError, RemoteError
from kaggle_face.kaggle.client.failures import NO_CONNECTION, Failure
from kaggle_face.pipeline.remote import (
    download_competition,
    leaderboard,
    slugs_of,
    submissions,
    write_agreement_plots,
)
from kaggle_face.progress import SilentProgress
from tests.support.kaggle_server import SLUG, Competition


@pytest.mark.parametrize("slug", ["../elsewhere", ".hidden", "a/b", "a:b", "con"])
def test_a_slug_that_cannot_be_a_folder_is_refused(kaggle, slug):
    with pytest.raises(InputError, match="competition"):
        slugs_of(load_config("faces"), slug)


def test_a_slug_may_be_an_address(kaggle):
    for address in (
        "https://www.kaggle.com/competitions/faces-2030",
        "https://www.kaggle.com/competitions/faces-2030/data?select=train.csv",
        "http://kaggle.com/c/faces-2030/",
        "kaggle.com/competitions/faces-2030#rules",
    ):
        assert slugs_of(load_config("faces"), address) == ["faces-2030"]
    for other in ("https://www.kaggle.com/datasets/me/faces", "https://kaggle.com/competitions/"):
        with pytest.raises(InputError, match="is not the address of a competition"):
            slugs_of(load_config("faces"), other)


def test_the_ledger_is_shown_where_kaggle_cannot_be_asked(kaggle, clock, monkeypatch, capsys):
    kaggle.add_submission("from the web page", publicScore="0.07")
    loaded = load_config("faces")
    (before,) = submissions(loaded, None, False, SilentProgress())
    asked = len(kaggle.requests)

    def without(place: str) -> None:
        assert submissions(loaded, None, False, Terminal()) == [before], place
        (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]
        assert line.endswith("; what follows is the ledger as of the last reading"), place

    with monkeypatch.context() as patched:
        patched.setattr("kaggle_face.kaggle.client.client.find_credentials", list)
        without("credentials")
    assert len(kaggle.requests) == asked
    failure = Failure(NO_CONNECTION, "the connection was refused")
    monkeypatch.setattr("kaggle_face.kaggle.client.client.attempt", lambda *_, **__: failure)
    without("a connection")


def test_a_competition_that_refuses_hides_no_other(kaggle, clock, capsys):
    kaggle.competitions["classes-2026"] = Competition("classes-2026", accepted=False)
    kaggle.add_submission("from the web page", publicScore="0.07")
    loaded = load_config("faces", ["submit.classification.slug=classes-2026"])
    found = {each.slug: each.entries for each in submissions(loaded, None, False, Terminal())}
    assert [entry.message for entry in found[SLUG]] == ["from the web page"]
    assert found["classes-2026"] == ()
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]
    assert "'classes-2026'" in line and line.endswith("; its rows are as of the last reading")
    kaggle.competition.accepted = False
    with pytest.raises(RemoteError, match="accept the rules"):
        submissions(loaded, None, False, SilentProgress())


def test_the_demo_has_nothing_to_download_and_asks_kaggle_nothing(kaggle):
    assert download_competition(load_config("demo"), None, None, SilentProgress()) == []
    assert kaggle.requests == []


def test_the_ledger_comes_as_rows_with_a_proposal(kaggle, clock, capsys):
    kaggle.add_submission("from the web page", publicScore="0.07")
    (history,) = submissions(load_config("faces"), None, False, SilentProgress())
    assert history.slug == SLUG and history.comparable == () and history.agreement is None
    assert [(entry.message, entry.public) for entry in history.entries] == [("from the web page", 0.07)]
    assert history.proposal.choices == ()
    (offline,) = submissions(load_config("faces"), None, True, SilentProgress())
    assert offline == history
    (plot,) = write_agreement_plots([history], Path("plot.svg"))
    assert plot.read_text().startswith("<svg ")
    assert [path.name for path in write_agreement_plots([history, history], Path("p.svg"))] == [
        f"p-{SLUG}.svg"
    ] * 2
    assert capsys.readouterr().out == ""


def test_each_look_at_the_leaderboard_is_kept(kaggle, clock, capsys):
    for number in (1, 2):
        (look,) = leaderboard(load_config("faces"), None, SilentProgress())
        assert look.slug == SLUG and len(look.looks) == number
        assert look.looks[-1]["teams"] == len(look.standing.rows)
    assert capsys.readouterr().out == ""

"""`kaggle-face submissions`: the ledger follows Kaggle, also for files uploaded by other means."""

from __future__ import annotations

import csv
from pathlib import Path

from kaggle_face.cli.main import main
from kaggle_face.evaluation.held_out_figures import Estimate
from kaggle_face.kaggle.client.clock import SystemClock
from kaggle_face.submission.ledger.database import Ledger
from kaggle_face.submission.ledger.entries import Origin, origin_values
from tests.support.kaggle_server import SLUG


def rows() -> list[dict[str, str]]:
    with Path("submissions/ledger.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_file_uploaded_by_other_means_gets_a_row(kaggle, clock, capsys):
    kaggle.add_submission("from the web page", publicScore="0.07")
    assert main(["submissions"]) == 0
    (row,) = rows()
    assert (row["file"], row["message"], row["public_score"], row["reference"]) == (
        "other.csv",
        "from the web page",
        "0.07",
        "1000",
    )
    assert row["time"] == "2026-11-22T13:00:00Z"
    out = capsys.readouterr().out
    assert "other.csv" in out and "from the web page" in out
    assert (
        "has no comparable out-of-fold score, so without a proposal: a public score alone may be luck" in out
    )


def test_a_second_look_adds_nothing(kaggle, clock):
    kaggle.add_submission("from the web page", publicScore="0.07")
    assert main(["submissions"]) == 0
    events = Ledger(Path("submissions")).events()
    assert main(["submissions"]) == 0
    assert Ledger(Path("submissions")).events() == events


def test_scores_that_come_later_are_fetched(kaggle, clock):
    made = kaggle.add_submission("late", publicScore="0.07")
    assert main(["submissions"]) == 0
    made.states = [{"status": "COMPLETE", "publicScore": "0.07", "privateScore": "0.09"}]
    assert main(["submissions"]) == 0
    assert [(row["public_score"], row["private_score"]) for row in rows()] == [("0.07", "0.09")]


def test_a_score_that_kaggle_hides_again_stays_known(kaggle, clock):
    made = kaggle.add_submission("late", publicScore="0.07")
    assert main(["submissions"]) == 0
    made.states = [{"status": "COMPLETE"}]
    assert main(["submissions"]) == 0
    assert [row["public_score"] for row in rows()] == ["0.07"]


def test_all_pages_of_a_long_list_are_read(kaggle, clock):
    for number in range(230):
        kaggle.add_submission(f"number {number}", publicScore="0.1")
    assert main(["submissions"]) == 0
    assert [row["message"] for row in rows()] == [f"number {number}" for number in range(230)]
    assert len(kaggle.asked("ListSubmissions")) == 3


def test_offline_shows_the_ledger_alone(kaggle, clock, capsys):
    kaggle.add_submission("from the web page", publicScore="0.07")
    assert main(["submissions", "--offline"]) == 0
    assert kaggle.requests == []
    assert "nothing was written or submitted yet" in capsys.readouterr().out


def test_correlation_plot_and_final_choice_are_shown(kaggle, clock, capsys):
    ledger = Ledger(Path("submissions"), SystemClock())
    for number, (out_of_fold, public) in enumerate([(0.030, "0.035"), (0.040, "0.044"), (0.050, "0.034")]):
        origin = Origin("verification", ("main",), out_of_fold=Estimate("eer", out_of_fold))
        made = kaggle.add_submission(f"number {number}", publicScore=public)
        values = {
            "competition": SLUG,
            "file": f"{number}.csv",
            "reference": made.ref,
            **origin_values(origin),
        }
        ledger.add("written", values)
    assert main(["submissions", "--plot", "agreement.svg"]) == 0
    out = capsys.readouterr().out
    # ranks of EER 1 2 3 against 2 3 1: 1 - 6 x (1 + 1 + 4) / (3 x 8)
    assert "rank correlation of out-of-fold eer and public score: -0.50 (3 submissions)" in out
    assert "select for the final score: 0.csv - best out-of-fold eer: 0.03 of 3" in out
    assert "select for the final score: 1.csv - best public score (0.044) that the folds support" in out
    assert "belongs to 2.csv (0.034); it is not chosen for that alone" in out
    assert Path("agreement.svg").read_text().count("<circle") == 3

"""Uploads through the command line and the official client, to a server that fails in every known way."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from kaggle_server import KaggleServer

from kaggle_face.cli.main import main

ROWS = "ID,Label\n0,0.75\n1,-0.25\n2,0.5\n"


@pytest.fixture
def csv_file(kaggle: KaggleServer) -> Path:
    path = Path("mine.csv")
    path.write_text(ROWS)
    return path


def submit(*words: str) -> int:
    return main(["submit", "--file", "mine.csv", "--task", "verification", "-m", "first try", *words])


def rows() -> list[dict[str, str]]:
    with Path("submissions/ledger.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_file_is_uploaded_once_and_its_score_is_told(kaggle, clock, csv_file, capsys):
    assert submit() == 0
    (made,) = kaggle.competition.submissions
    assert made.content == ROWS.encode()
    assert made.description.startswith("first try [kf ")
    (row,) = rows()
    assert (row["status"], row["public_score"], row["reference"]) == ("COMPLETE", "0.0312", "5000")
    assert (row["file"], row["rows"], row["task"], row["message"]) == (
        "mine.csv",
        "3",
        "verification",
        "first try",
    )
    assert "mine.csv (reference 5000): public score 0.0312" in capsys.readouterr().out

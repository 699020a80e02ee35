"""The ledger: append-only, complete after a kill, and readable as CSV."""

from __future__ import annotations

import csv
import json
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kaggle_face.errors import RunError
from kaggle_face.evaluation.held_out_figures import Estimate
from kaggle_face.progress import SilentProgress
from kaggle_face.submission.ledger.database import Ledger, new_key, upload_turn
from kaggle_face.submission.ledger.entries import COLUMNS, Origin, origin_values

ORIGIN = Origin(
    "verification",
    ("main",),
    ("best_ver", "last"),
    ("optim.lr=0.1",),
    "abc123",
    Estimate("eer", 0.03),
)


class FixedClock:
    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime(2026, 11, 22, 13, 0, len(self.slept), tzinfo=UTC)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def begin(ledger: Ledger, **values: object):
    return ledger.add("written", {"competition": "faces", "file": "a.csv", **origin_values(ORIGIN), **values})


def test_a_row_is_what_its_events_add_up_to(tmp_path):
    ledger = Ledger(tmp_path, FixedClock())
    entry = begin(ledger, rows=5)
    ledger.append(entry.key, "uploaded", {"reference": 7, "status": "PENDING"})
    ledger.append(entry.key, "status", {"status": "COMPLETE", "public_score": "0.031"})
    (row,) = Ledger(tmp_path).entries("faces")
    assert (row.rows, row.reference, row.status, row.public, row.private) == (5, 7, "COMPLETE", 0.031, None)
    assert (row.runs, row.checkpoints, row.oof_score, row.commit) == (
        ("main",),
        ("best_ver", "last"),
        0.03,
        "abc123",
    )
    assert [event.kind for event in ledger.events()] == ["written", "uploaded", "status"]
    assert row.time == "2026-11-22T13:00:00Z"


def test_rows_of_another_competition_are_left_out(tmp_path):
    ledger = Ledger(tmp_path)
    begin(ledger)
    begin(ledger, competition="dogs")
    assert [entry.competition for entry in ledger.entries("dogs")] == ["dogs"]
    assert len(ledger.entries()) == 2


def test_no_other_process_changes_the_rows_while_one_decides(tmp_path):
    first, second = Ledger(tmp_path), Ledger(tmp_path)

    def begin_if_none(rows):
        time.sleep(0.1)
        return [] if rows else [(new_key(), "written", {"competition": "faces", "file": "a.csv"})]

    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda ledger: ledger.update(begin_if_none), [first, second]))
    assert len(first.entries()) == 1


@pytest.mark.parametrize("statement", ["UPDATE events SET kind = 'x'", "DELETE FROM events"])
def test_the_database_refuses_to_change_or_delete(tmp_path, statement):
    ledger = Ledger(tmp_path)
    begin(ledger)
    connection = sqlite3.connect(ledger.database)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    connection.close()


def test_the_csv_shows_the_state_of_every_row(tmp_path):
    ledger = Ledger(tmp_path)
    begin(ledger, message='says "hi",\nthen goes')
    begin(ledger)
    with ledger.csv.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == COLUMNS
    assert rows[0]["message"] == r'''"says \"hi\",\nthen goes"'''
    assert rows[0]["checkpoints"] == '["best_ver", "last"]' and rows[0]["oof_higher_is_better"] == "false"
    assert len(rows) == 2


def test_the_rows_come_back_from_the_csv_alone(tmp_path):
    ledger = Ledger(tmp_path / "here")
    entry = begin(ledger, rows=3)
    ledger.append(entry.key, "status", {"reference": 9, "status": "COMPLETE", "public_score": "0.5"})
    begin(ledger, competition="dogs")
    other = tmp_path / "there"
    other.mkdir()
    (other / "ledger.csv").write_bytes(ledger.csv.read_bytes())
    assert Ledger(other).entries() == ledger.entries()


ODD = [
    "=cmd|'/c calc'!A1",
    "@SUM(A1)",
    "-1+1",
    "'=quoted",
    "a\rb",
    "first\nsecond",
    "=1\n",
    r'"first\nsecond"',
    r'"\"first\\nsecond\""',
    r"first\nsecond",
    '"plain"',
    '"',
    " , ",
    "\u202e",
    "-0.5",
]


@pytest.mark.parametrize("text", ODD)
def test_any_text_of_kaggle_comes_back_and_is_no_formula(tmp_path, text):
    ledger = Ledger(tmp_path / "here")
    values = {"message": text, "error": text, "public_score": text, "runs": (text,), "file": text}
    ledger.append(new_key(), "found", {"competition": "faces", **values})
    other = tmp_path / "there"
    other.mkdir()
    (other / "ledger.csv").write_bytes(ledger.csv.read_bytes())
    assert Ledger(other).entries() == ledger.entries()
    assert ledger.entries()[0].message == text
    assert ledger.csv.read_bytes().count(b"\n") == 2, "one line for each row"
    with ledger.csv.open(newline="", encoding="utf-8") as stream:
        cells = list(csv.reader(stream))[1]
    assert [cell for cell in cells if cell[:1] in tuple("=+-@\t\r")] == ["-0.5"] * 4 * (text == "-0.5")


def test_bytes_of_the_command_line_that_are_no_text_become_escapes(tmp_path):
    ledger = Ledger(tmp_path)
    begin(ledger, message="first \udcff try", file="\ud800.csv")
    (row,) = Ledger(tmp_path).entries()
    assert (row.message, row.file) == (r"first \udcff try", r"\ud800.csv")
    assert r"first \udcff try" in ledger.csv.read_text(encoding="utf-8")


def test_lines_of_a_csv_that_are_no_rows_are_passed_over(tmp_path):
    ledger = Ledger(tmp_path / "here")
    begin(ledger, rows=3)
    (tmp_path / "there").mkdir()
    other = tmp_path / "there" / "ledger.csv"
    text = ledger.csv.read_text()
    other.write_text(text + "," * text.splitlines()[0].count(",") + "\n")
    assert Ledger(other.parent).entries() == ledger.entries()


def test_standings_come_back_in_the_order_of_the_looks(tmp_path):
    ledger = Ledger(tmp_path)
    for place in (30, 12):
        ledger.add_standing("faces", {"place": place})
    ledger.add_standing("dogs", {"place": 1})
    assert [row["place"] for row in ledger.standings("faces")] == [30, 12]
    assert all(row["time"].startswith("20") for row in ledger.standings("faces"))


def test_text_of_the_database_that_is_not_utf8_is_told(tmp_path):
    ledger = Ledger(tmp_path)
    begin(ledger, message="x" * 50)
    content = ledger.database.read_bytes()
    ledger.database.write_bytes(content.replace(b"x" * 50, b"x" * 25 + b"\xff" * 25))
    with pytest.raises(RunError, match=r"ledger\.sqlite"):
        ledger.entries()


def test_a_damaged_database_is_told_in_one_line(tmp_path):
    (tmp_path / "ledger.sqlite").write_bytes(b"not a database at all" * 100)
    with pytest.raises(
        RunError, match=r"ledger\.sqlite cannot be used: .*its rows come back from ledger\.csv"
    ):
        Ledger(tmp_path)


def test_a_database_of_a_newer_version_is_left_alone(tmp_path):
    ledger = Ledger(tmp_path)
    connection = sqlite3.connect(ledger.database)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(RunError, match="made by a newer kaggle-face"):
        Ledger(tmp_path)


APPEND_MANY = """
import sys
from pathlib import Path
from kaggle_face.submission.ledger.database import Ledger
ledger = Ledger(Path(sys.argv[1]))
for _ in range(8):
    ledger.add("written", {"competition": "faces", "file": sys.argv[2]})
"""


def test_two_processes_lose_no_row(tmp_path):
    words = [sys.executable, "-c", APPEND_MANY, str(tmp_path)]
    writers = [subprocess.Popen([*words, name]) for name in ("a.csv", "b.csv")]
    assert [writer.wait() for writer in writers] == [0, 0]
    ledger = Ledger(tmp_path)
    assert sorted(entry.file for entry in ledger.entries()) == ["a.csv"] * 8 + ["b.csv"] * 8
    with ledger.csv.open(newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 16


APPEND_AND_DIE = """
import os, signal, sys
from pathlib import Path
from kaggle_face.submission.ledger.database import Ledger
ledger = Ledger(Path(sys.argv[1]))
ledger.add("written", {"competition": "faces", "file": "kept.csv"})
with ledger._transaction() as connection:
    ledger._insert(connection, "lost", "written", {"competition": "faces", "time": "now"})
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_kill_inside_a_write_leaves_the_rows_before_it(tmp_path):
    writer = subprocess.run([sys.executable, "-c", APPEND_AND_DIE, str(tmp_path)], check=False)
    assert writer.returncode == -signal.SIGKILL
    assert [entry.file for entry in Ledger(tmp_path).entries()] == ["kept.csv"]


def test_an_upload_waits_for_its_turn(tmp_path):
    clock = FixedClock()
    with upload_turn(tmp_path, clock, SilentProgress()):
        second = upload_turn(tmp_path, clock, SilentProgress(), seconds=3)
        with pytest.raises(RunError, match="has been under way for"), second:
            pass
        assert clock.slept == [1.0, 1.0, 1.0]
    with upload_turn(tmp_path, clock, SilentProgress()):
        assert len(clock.slept) == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": "3"}, "rows must be a whole number, got '3'"),
        ({"runs": "a"}, "runs must be a list, got 'a'"),
        ({"runs": [1]}, "runs.0 must be text, got 1"),
        ({"status": "DONE"}, "status must be 'WRITTEN', 'UPLOADING'"),
        ({"oof_score": [1]}, "oof_score must be a number, got [1]"),
        ({"competition": None}, "competition must be text, got None"),
    ],
)
def test_a_row_of_a_wrong_type_is_told_with_its_column(tmp_path, changes, message):
    ledger = Ledger(tmp_path)
    entry = begin(ledger)
    connection = sqlite3.connect(ledger.database)
    with connection:
        connection.execute(
            "INSERT INTO events (time, entry, kind, changes) VALUES ('now', ?, 'status', ?)",
            (entry.key, json.dumps(changes)),
        )
    connection.close()
    with pytest.raises(RunError, match=r"a row of .*ledger\.sqlite is damaged") as caught:
        ledger.entries()
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["[1]", "null", "{", '{"a": NaN}', "[" * 100_000])
def test_an_event_that_is_not_an_object_is_told(tmp_path, text):
    ledger = Ledger(tmp_path)
    connection = sqlite3.connect(ledger.database)
    with connection:
        connection.execute(
            "INSERT INTO events (time, entry, kind, changes) VALUES ('now', 'a', 'status', ?)", (text,)
        )
        connection.execute(
            "INSERT INTO standings (time, competition, standing) VALUES ('now', 'faces', ?)", (text,)
        )
    connection.close()
    for read in (ledger.entries, lambda: ledger.standings("faces")):
        with pytest.raises(RunError, match=r"a row of .*ledger\.sqlite is damaged"):
            read()


def test_a_row_that_stands_twice_in_the_csv_is_refused(tmp_path):
    ledger = Ledger(tmp_path / "here")
    key = begin(ledger).key
    header, row = ledger.csv.read_text().split("\n", 1)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "ledger.csv").write_text(f"{header}\n{row}{row.replace('a.csv', 'b.csv')}")
    with pytest.raises(RunError, match=f"the key '{key}' appears twice"):
        Ledger(tmp_path / "there")


def test_an_out_of_fold_score_that_is_not_a_number_is_none(tmp_path):
    origin = Origin("verification", out_of_fold=Estimate("eer", float("nan")))
    row = Ledger(tmp_path).add("written", {"competition": "faces", **origin_values(origin)})
    assert (row.oof_metric, row.oof_score) == (None, None)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("WRITTEN", "DONE", "status must be"),
        ('"[""best_ver"", ""last""]"', "5", "checkpoints must be a list, got 5"),
        (",faces,", ",,", "competition must be there"),
        ("false", "maybe", "maybe"),
        (",3,", ",three,", "invalid literal"),
        (",3,", ",3_0,", "rows is not a whole number: '3_0'"),
        (",3,", ",\u0663,", "rows is not a whole number"),
        (",0.03,", ",nan,", "Out of range float values"),
        (",0.03,", ",1e999,", "Out of range float values"),
        ("\n", ",more\n", "cells, its header has"),
    ],
)
def test_a_row_of_the_csv_that_was_changed_is_refused_and_not_dropped(tmp_path, old, new, message):
    ledger = Ledger(tmp_path / "here")
    begin(ledger, rows=3)
    header, row = ledger.csv.read_text().split("\n", 1)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "ledger.csv").write_text(f"{header}\n{row.replace(old, new, 1)}")
    with pytest.raises(RunError, match=r"ledger\.csv cannot be read") as caught:
        Ledger(tmp_path / "there")
    assert message in str(caught.value)


class MovingClock:
    """A clock that sleeps in no time."""

    def __init__(self, now: datetime) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


def test_a_file_of_yesterday_counts_on_the_day_of_its_upload(tmp_path: Path) -> None:
    noon = datetime(2026, 11, 29, 12, tzinfo=UTC)
    clock = MovingClock(noon)
    ledger = Ledger(tmp_path, clock)
    old = ledger.add("written", {"competition": "faces", "file": "a.csv"})
    gone = ledger.add("written", {"competition": "faces", "file": "b.csv"})
    clock.sleep(86_400)
    for entry, status in ((old, "COMPLETE"), (gone, "FAILED")):
        ledger.append(entry.key, "upload_started", {"status": "UPLOADING"})
        ledger.append(entry.key, "status", {"status": status})
    ledger.add("found", {"competition": "faces", "status": "COMPLETE", "time": "2026-11-30T01:00:00Z"})
    ledger.add("found", {"competition": "faces", "status": "COMPLETE", "time": "2026-11-29T23:59:59Z"})
    ledger.add("found", {"competition": "other", "status": "COMPLETE", "time": "2026-11-30T01:00:00Z"})
    assert ledger.uploads_today("faces", clock.now()) == 2  # a.csv, and the one found today
    assert ledger.uploads_today("faces", noon) == 1

"""The CSV file: whole or absent, and read back as it was."""

from __future__ import annotations

import hashlib

import numpy as np

from kaggle_face.competitions.submission.tables import SubmissionTable
from kaggle_face.submission.checks import check_table, read_csv
from kaggle_face.submission.expectations import Expectation
from kaggle_face.submission.writing import write_submission


def checked_table(ids, values):
    table = SubmissionTable(("Id", "Category"), {"Id": np.array(ids), "Category": np.array(values)})
    return check_table(table, Expectation())


def test_the_file_holds_exactly_the_table(tmp_path):
    written = write_submission(checked_table(["a b", "c,d"], ["0.5", "1"]), tmp_path / "new" / "out.csv")
    assert written.path.read_bytes() == b'Id,Category\na b,0.5\n"c,d",1\n'
    assert written.rows == 2
    assert written.sha256 == hashlib.sha256(b'Id,Category\na b,0.5\n"c,d",1\n').hexdigest()


def test_a_written_table_reads_back_equal(tmp_path):
    checked = checked_table(['x"y', "nan-ish", "ä"], ["1", "2", "3"])
    back = read_csv(write_submission(checked, tmp_path / "out.csv").path)
    assert back.columns == checked.table.columns
    assert all((back.cells[name] == checked.table.cells[name]).all() for name in back.columns)


def test_nothing_but_the_file_is_left(tmp_path):
    write_submission(checked_table(["a"], ["1"]), tmp_path / "out.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]

"""The table of budgets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.budgets.table import NOTEBOOK, Row, as_values, equal_notebook, rows_of, sentence, tabulate
from kaggle_face.errors import InputError

NOTEBOOK_ROW = Row(4.0, NOTEBOOK, "", 0, 5.0, 0.7, 0.15, 0.9, 236.0)
RUN_ROW = Row(4.0, "run for both", "cpu-4-both", 0, 8.5, 0.8, 0.12, 0.95, 231.0, "shortened")


def test_rows_stand_by_minutes_with_the_notebook_first_and_the_share_of_their_budget() -> None:
    report = tabulate([replace(RUN_ROW, minutes=8.0), RUN_ROW, NOTEBOOK_ROW], {})
    assert [row[:3] for row in report.rows] == [
        ("4", NOTEBOOK, "-"),
        ("4", "run for both", "cpu-4-both"),
        ("8", "run for both", "cpu-4-both"),
    ]
    # 236 of 240 seconds, and 231 of 240
    assert [row[-2] for row in report.rows[:2]] == ["0.98", "0.96"]


def test_a_run_is_compared_with_the_notebook_of_its_minutes_and_seed() -> None:
    late = replace(RUN_ROW, seed=1, eer=0.2, seconds=250.0)
    words = sentence([RUN_ROW, NOTEBOOK_ROW, late, replace(NOTEBOOK_ROW, seed=1)])
    assert words == (
        "Of 2 runs beside a notebook 2 reached a higher accuracy, 1 a lower EER; "
        "1 of 2 runs took longer than its budget."
    )
    assert sentence([RUN_ROW]).startswith("No run and notebook")


def test_a_notebook_of_as_many_epochs_is_trained_once() -> None:
    # 300 seconds of training and 160 beside it: two epochs need 760 seconds, of 97 % of the budget.
    row = replace(NOTEBOOK_ROW, epochs=1.0, seconds=460.0, epoch_seconds=300.0)
    same = equal_notebook([row], 8.0, 0)
    assert same == replace(row, minutes=8.0, otherwise="the training of 4 minutes")
    assert equal_notebook([row], 13.0, 0) is not None and equal_notebook([row], 13.1, 0) is None
    assert equal_notebook([row], 8.0, 1) is None, "of another seed"
    assert equal_notebook([replace(row, epoch_seconds=0.0), RUN_ROW], 8.0, 0) is None


def test_rows_read_back() -> None:
    assert rows_of(as_values([RUN_ROW, NOTEBOOK_ROW])) == [RUN_ROW, NOTEBOOK_ROW]
    for wrong in ({"rows": 1}, [{"minutes": 4}]):
        with pytest.raises(InputError, match="move it away"):
            rows_of(wrong)

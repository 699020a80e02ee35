"""Summaries as text."""

from __future__ import annotations

from kaggle_face.summaries.summary import TextTable, interval, number, signed


def test_a_table_is_its_rows_and_what_its_columns_mean() -> None:
    table = TextTable({"run": "settings/run", "EER": "of held-out pairs"}, [["a\x1b[2J", "0.1"]])
    assert table.lines[2] == "a\\x1b[2J  0.1"  # a name cannot move the cursor
    assert table.lines[3] == "  run: settings/run; EER: of held-out pairs"


def test_what_is_not_known_is_a_dash_and_a_difference_has_its_sign() -> None:
    assert (signed(None), signed(0.25)) == ("-", "+0.2500")
    assert (signed(-4e-5), signed(-6e-5), number(-4e-5)) == ("+0.0000", "-0.0001", "0.0000")
    assert interval(-4e-5, 4e-5, "+") == "+0.0000 to +0.0000"
    assert interval(0.1, None) == "-" and interval(-0.5, 0.5, "+") == "-0.5000 to +0.5000"

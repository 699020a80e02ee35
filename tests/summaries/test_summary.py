"""Summaries as text."""

from __future__ import annotations

from kaggle_face.summaries.summary import TextTable, as_text, interval, number, signed


def test_a_summary_is_its_lines_and_tables_below_each_other() -> None:
    table = TextTable({"run": "settings/run", "EER": "of held-out pairs"}, [["a\x1b[2J", "0.1"]])
    lines = as_text(["runs:", table, "done"]).splitlines()
    assert lines[0] == "runs:" and lines[-1] == "done"
    assert lines[3] == "a\\x1b[2J  0.1"  # a name cannot move the cursor
    assert lines[4] == "  run: settings/run; EER: of held-out pairs"


def test_what_is_not_known_is_a_dash_and_a_difference_has_its_sign() -> None:
    assert (signed(None), signed(0.25)) == ("-", "+0.2500")
    assert (signed(-4e-5), signed(-6e-5), number(-4e-5)) == ("+0.0000", "-0.0001", "0.0000")
    assert interval(-4e-5, 4e-5, "+") == "+0.0000 to +0.0000"
    assert interval(0.1, None) == "-" and interval(-0.5, 0.5, "+") == "-0.5000 to +0.5000"

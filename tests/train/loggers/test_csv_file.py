"""The history of a training as CSV."""

from __future__ import annotations

from pathlib import Path

from kaggle_face.train.loggers.csv_file import CsvLogger


def test_history_has_a_row_per_epoch(tmp_path: Path) -> None:
    CsvLogger(tmp_path / "h.csv").log_epoch([{"epoch": 1, "eer": 1 / 3}, {"epoch": 2, "eer": 0.25}])
    assert (tmp_path / "h.csv").read_text() == "epoch,eer\n1,0.333333333\n2,0.25\n"


def test_what_an_epoch_was_not_measured_for_is_empty(tmp_path: Path) -> None:
    CsvLogger(tmp_path / "h.csv").log_epoch([{"epoch": 1}, {"epoch": 2, "eer": 0.25}])
    assert (tmp_path / "h.csv").read_text() == "epoch,eer\n1,\n2,0.25\n"

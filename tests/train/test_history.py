"""The course of a training, on disk."""

from __future__ import annotations

from pathlib import Path

from kaggle_face.train.history import EventWriter, write_history


def test_history_has_a_row_per_epoch(tmp_path: Path) -> None:
    write_history(tmp_path / "h.csv", [{"epoch": 1, "eer": 1 / 3}, {"epoch": 2, "eer": 0.25}])
    assert (tmp_path / "h.csv").read_text() == "epoch,eer\n1,0.333333333\n2,0.25\n"


def test_event_files_hold_each_figure_at_its_epoch(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    writer = EventWriter(enabled=True)
    writer.write(tmp_path, {"epoch": 1, "eer": 0.5})
    writer.write(tmp_path, {"epoch": 2, "eer": 0.25})
    writer.close()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert events.Tags()["scalars"] == ["eer"]
    assert [(event.step, event.value) for event in events.Scalars("eer")] == [(1, 0.5), (2, 0.25)]


def test_no_event_file_is_written_where_they_are_off(tmp_path: Path) -> None:
    writer = EventWriter(enabled=False)
    writer.write(tmp_path, {"epoch": 1, "eer": 0.5})
    writer.close()
    assert list(tmp_path.iterdir()) == []


def test_what_an_epoch_was_not_measured_for_is_empty(tmp_path: Path) -> None:
    write_history(tmp_path / "h.csv", [{"epoch": 1}, {"epoch": 2, "eer": 0.25}])
    assert (tmp_path / "h.csv").read_text() == "epoch,eer\n1,\n2,0.25\n"

"""What processes report to the one that started them."""

from __future__ import annotations

import errno
import inspect
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kaggle_face import errors
from kaggle_face.errors import KaggleFaceError, MissingExtraError, OtherProcessError, RunError
from kaggle_face.pipeline.launch.events import EventReader, EventWriter
from kaggle_face.progress import Counter, SilentCounter, SilentProgress
from kaggle_face.stopping import StoppedBySignalError


class Shown(SilentProgress):
    """Remembers lines, warnings and counts."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.warnings: list[str] = []
        self.counted: dict[str, int] = {}
        self.begun: list[tuple[object, ...]] = []

    def log(self, line: str) -> None:
        self.lines.append(line)

    def warn(self, line: str) -> None:
        self.warnings.append(line)

    @contextmanager
    def track(
        self, label: str, total: int, unit: str, done: int = 0, later: float = 0.0
    ) -> Iterator[Counter]:
        self.begun.append((label, total, unit, done, later))
        shown = self

        class Adding(SilentCounter):
            def advance(self, steps: int = 1, note: str = "") -> None:
                shown.counted[label] = shown.counted.get(label, 0) + steps

        yield Adding()


def test_lines_and_counts_arrive_at_the_other_side(tmp_path: Path) -> None:
    writer, shown = EventWriter(tmp_path, 0), Shown()
    reader = EventReader(tmp_path, shown)
    writer.log("fold 0: begins")
    reader.poll()
    assert shown.lines == ["fold 0: begins"]
    with writer.track("epoch 1", 10, "images", done=2, later=5.0) as counter:
        counter.advance(3, "loss 1")
        counter.advance(4)
    writer.warn("careful")
    reader.poll()
    reader.poll()  # nothing is shown twice
    assert shown.lines == ["fold 0: begins"] and shown.warnings == ["careful"]
    assert shown.counted == {"epoch 1": 7} and shown.begun == [("epoch 1", 10, "images", 2, 5.0)]


def test_a_line_that_is_still_being_written_is_read_later(tmp_path: Path) -> None:
    writer, shown = EventWriter(tmp_path, 0), Shown()
    writer.log("é" * 10)
    path = tmp_path / "0.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:15])
    reader = EventReader(tmp_path, shown)
    reader.poll()
    assert shown.lines == []
    path.write_bytes(whole)
    reader.poll()
    assert shown.lines == ["é" * 10]


@pytest.mark.parametrize(
    "kind",
    [
        each
        for _, each in inspect.getmembers(errors, inspect.isclass)
        if issubclass(each, KaggleFaceError) and each is not OtherProcessError
    ],
)
def test_an_error_of_a_process_is_the_same_error_here(kind: type[KaggleFaceError], tmp_path: Path) -> None:
    error = MissingExtraError("torch", "x") if kind is MissingExtraError else kind("two lines\nin one")
    writer, reader = EventWriter(tmp_path, 1), EventReader(tmp_path, Shown())
    with pytest.raises(kind), writer.reporting():
        raise error
    reader.poll()
    assert type(reader.failure) is kind and str(reader.failure) == str(error)


def test_who_only_notices_that_another_failed_reports_nothing(tmp_path: Path) -> None:
    first, second = EventWriter(tmp_path, 0), EventWriter(tmp_path, 1)
    with pytest.raises(OtherProcessError), first.reporting():
        raise OtherProcessError("another process failed")
    with pytest.raises(RunError), second.reporting():
        raise RunError("the reason")
    reader = EventReader(tmp_path, Shown())
    reader.poll()
    assert isinstance(reader.failure, RunError)


def test_a_full_disk_is_one_line_and_a_bug_a_traceback(tmp_path: Path) -> None:
    for rank, error in enumerate([OSError(errno.ENOSPC, "no space"), ZeroDivisionError("oh")]):
        with pytest.raises(type(error)), EventWriter(tmp_path, rank).reporting():
            raise error
    reader = EventReader(tmp_path, Shown())
    reader.poll()
    assert isinstance(reader.failure, errors.DiskError)
    (tmp_path / "0.jsonl").unlink()
    reader = EventReader(tmp_path, Shown())
    reader.poll()
    assert type(reader.failure) is RuntimeError and "ZeroDivisionError: oh" in str(reader.failure)


def test_a_stop_carries_its_line(tmp_path: Path) -> None:
    with pytest.raises(StoppedBySignalError), EventWriter(tmp_path, 0).reporting():
        raise StoppedBySignalError(signal.SIGTERM, "fold 0 is saved")
    reader = EventReader(tmp_path, Shown())
    reader.poll()
    assert isinstance(reader.failure, StoppedBySignalError)
    assert (reader.failure.number, reader.failure.line) == (signal.SIGTERM, "fold 0 is saved")

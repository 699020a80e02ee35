"""Events of a training's processes for their launcher: lines in files, one file for each.

A process appends JSON lines to `<folder>/<rank>.jsonl`; the other side reads what is new there and hands it
to its own `Progress`. A process that is killed leaves whole lines, and nothing waits for it.
"""

from __future__ import annotations

import json
import os
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kaggle_face import errors
from kaggle_face.artifacts.files.disk import state_line
from kaggle_face.errors import DiskError, KaggleFaceError, OtherProcessError
from kaggle_face.progress import Counter, Progress
from kaggle_face.stopping import StoppedBySignalError

if TYPE_CHECKING:
    from kaggle_face.pipeline.train import TrainResult

EVENTS = "KAGGLE_FACE_EVENTS"
"""The variable that names the folder of events to the processes."""
_SECONDS_BETWEEN_COUNTS = 0.2


@contextmanager
def reporting_to_launcher() -> Iterator[EventWriter | None]:
    """Reports to the launcher of this process, if any, also the error that ends the block."""
    folder = os.environ.get(EVENTS)
    if folder is None:
        yield None
        return
    events = EventWriter(Path(folder), int(os.environ.get("RANK", "0")))
    with events.reporting():
        yield events


class EventWriter:
    """A `Progress` whose lines and counts another process shows."""

    def __init__(self, folder: Path, rank: int) -> None:
        self._path, self._num_counters = folder / f"{rank}.jsonl", 0

    def write(self, kind: str, **values: Any) -> None:
        """Appends an event."""
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"kind": kind, **values}) + "\n")

    def log(self, line: str) -> None:
        """Has one line shown that stays."""
        self.write("log", line=line)

    def warn(self, line: str) -> None:
        """Has one warning shown."""
        self.write("warn", line=line)

    @contextmanager
    def track(
        self, label: str, total: int, unit: str, done: int = 0, later: float = 0.0
    ) -> Iterator[Counter]:
        """Has a counter shown."""
        self._num_counters += 1
        counter = _WrittenCounter(self, self._num_counters)
        about = {"label": label, "total": total, "unit": unit, "done": done, "later": later}
        self.write("track", counter=self._num_counters, **about)
        try:
            yield counter
        finally:
            counter.flush()
            self.write("end", counter=counter.number)

    def write_result(self, result: TrainResult) -> None:
        """Reports what became of the folds."""
        outcomes = {str(fold): outcome for fold, outcome in result.outcomes.items()}
        self.write("result", outcomes=outcomes, seconds=result.seconds, next_command=result.next_command)

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Reports what ends the block early, and raises it."""
        try:
            yield
        except OtherProcessError:
            raise  # that one reports it
        except KaggleFaceError as error:
            self.write("error", error=type(error).__name__, line=str(error))
            raise
        except StoppedBySignalError as stop:
            self.write("stopped", number=int(stop.number), line=stop.line)
            raise
        except Exception as error:
            line = state_line(error)
            if line is None:
                self.write("bug", text=traceback.format_exc())
            else:
                self.write("error", error=DiskError.__name__, line=line)
            raise


class _WrittenCounter:
    """Counts, and writes it down a few times a second."""

    def __init__(self, writer: EventWriter, number: int) -> None:
        self.number, self._writer = number, writer
        self._steps, self._note, self._written = 0, "", time.monotonic()

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Counts `steps` more."""
        self._steps, self._note = self._steps + steps, note or self._note
        if time.monotonic() - self._written >= _SECONDS_BETWEEN_COUNTS:
            self.flush()

    def flush(self) -> None:
        """Writes pending events."""
        if self._steps:
            self._writer.write("advance", counter=self.number, steps=self._steps, note=self._note)
        self._steps, self._written = 0, time.monotonic()


class EventReader:
    """Shows what processes report, and keeps how they ended.

    Attributes:
        result: What rank 0 wrote at its end; None: nothing yet.
        failure: The first error that was reported; None: none yet.
    """

    def __init__(self, folder: Path, progress: Progress) -> None:
        self._folder, self._progress = folder, progress
        self._read: dict[Path, int] = {}
        self._counters: dict[int, tuple[ExitStack, Counter]] = {}
        self.result: dict[str, Any] | None = None
        self.failure: BaseException | None = None

    def poll(self) -> None:
        """Shows what is new."""
        for path in sorted(self._folder.glob("*.jsonl")):
            with path.open("rb") as stream:
                stream.seek(self._read.get(path, 0))
                text = stream.read()
            whole = text[: text.rfind(b"\n") + 1]  # the rest is still being written
            self._read[path] = self._read.get(path, 0) + len(whole)
            for line in whole.splitlines():
                self._show(json.loads(line))

    def close(self) -> None:
        """Ends the counters that are still open."""
        for stack, _ in self._counters.values():
            stack.close()
        self._counters.clear()

    def _show(self, event: dict[str, Any]) -> None:
        match event.pop("kind"):
            case "log":
                self._progress.log(event["line"])
            case "warn":
                self._progress.warn(event["line"])
            case "track":
                stack, number = ExitStack(), event.pop("counter")
                self._counters[number] = (stack, stack.enter_context(self._progress.track(**event)))
            case "advance":
                self._counters[event["counter"]][1].advance(event["steps"], event["note"])
            case "end":
                self._counters.pop(event["counter"])[0].close()
            case "result":
                self.result = event
            case "error" | "stopped" | "bug" as kind if self.failure is None:
                self.failure = _failure(kind, event)


def _failure(kind: str, event: dict[str, Any]) -> BaseException:
    if kind == "stopped":
        return StoppedBySignalError(event["number"], event["line"])
    if kind == "bug":
        return RuntimeError(f"a process of the training failed:\n{event['text']}")
    found = getattr(errors, event["error"], KaggleFaceError)
    error: KaggleFaceError = found.__new__(found)  # some are made of other words than their line
    Exception.__init__(error, event["line"])
    return error

"""Enrolls a folder in a process of its own, so that it can be killed.

Words: gallery, folder, `skip` or `refuse`, and the number of the SQL statement at which the process kills
itself (0: never). Prints `ready`, then each name up to which people were enrolled for good, then `done`.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kaggle_face.progress import SilentProgress
from kaggle_face.recognition.detection.pictures import PictureReader
from kaggle_face.recognition.gallery import enrolment
from kaggle_face.recognition.gallery.enrolment import enroll_folder
from kaggle_face.recognition.gallery.people import Gallery
from kaggle_face.recognition.recognizer import Recognizer
from tests.support.gallery_stubs import PixelEmbedder

connect_really = sqlite3.connect


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class Teller(SilentProgress):
    @contextmanager
    def track(self, label: str, total: int, unit: str, done: int = 0, later: float = 0.0) -> Iterator[Teller]:
        yield self

    def advance(self, steps: int = 1, note: str = "") -> None:
        if note:
            tell(note)


def die_at(statement: int) -> None:
    """Lets the process kill itself as it begins the given SQL statement of its writing connections."""
    left = [statement]

    def count(_: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def connect(*arguments: object, **options: object) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect_really(*arguments, **options)  # type: ignore[call-overload]
        connection.set_trace_callback(count)
        return connection

    sqlite3.connect = connect  # type: ignore[assignment]


if __name__ == "__main__":
    gallery, folder, on_conflict, statement = sys.argv[1:5]
    enrolment._IMAGES_AT_ONCE = 8
    tell("ready")
    if int(statement):
        die_at(int(statement))
    recognizer = Recognizer(PixelEmbedder(), Gallery(Path(gallery), create=True))
    enroll_folder(recognizer, Path(folder), PictureReader(None, 112), on_conflict, Teller())  # type: ignore[arg-type]
    tell("done")

"""A progress that remembers."""

from __future__ import annotations

from kaggle_face.progress import SilentProgress


class Told(SilentProgress):
    """Remembers what was told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, line: str) -> None:
        self.lines.append(line)

    def warn(self, line: str) -> None:
        self.lines.append(line)

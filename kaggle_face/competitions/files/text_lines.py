"""Text files line by line: encodings, line ends, blank lines, and labels of 0 or 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kaggle_face.errors import DataError
from kaggle_face.records import IntArray


@dataclass(frozen=True)
class Lines:
    """The lines of a file that are not blank, without their ends, and their numbers from 1."""

    path: Path
    texts: list[str]
    numbers: Sequence[int]


def read_lines(path: Path) -> Lines:
    """The lines of a UTF-8 file that are not blank.

    Raises:
        DataError: The file is missing, empty or no UTF-8 text.
    """
    text = _read_text(path)
    texts = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    while texts and not texts[-1].strip():
        texts.pop()
    numbers: Sequence[int] = range(1, len(texts) + 1)
    if "" in texts or any(text.isspace() for text in texts):
        numbers = [number for number, text in enumerate(texts, 1) if text.strip()]
        texts = [text for text in texts if text.strip()]
    if not texts:
        raise DataError(f"{path} is empty; expected one entry per line, so download it again")
    return Lines(path, texts, numbers)


def first_line(path: Path) -> str:
    """The first line that is not blank, without its end; empty where the file cannot be read."""
    try:
        if path.is_fifo():
            return ""
        with path.open(encoding="utf-8-sig", errors="replace") as stream:
            return next((line.strip() for line in stream if line.strip()), "")
    except OSError:
        return ""


def binary_labels(texts: Sequence[str], path: Path, line_numbers: Sequence[int]) -> IntArray:
    """Labels of 0 or 1.

    Raises:
        DataError: Another label; its line is named.
    """
    values = {"0": 0, "1": 1}
    try:
        return np.asarray([values[text] for text in texts], np.int64)
    except KeyError:
        place = next(place for place, text in enumerate(texts) if text not in values)
        raise DataError(
            f"{path}:{line_numbers[place]}: the label '{texts[place]}' is not 0 (different) or 1 (same)"
        ) from None


def _read_text(path: Path) -> str:
    try:
        if path.is_fifo():
            raise DataError(f"{path} is a pipe, not a file; put the list in its place")
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"the file {path} cannot be read: {error.strerror}") from error
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(f"{path} is UTF-16 text; save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(f"{path}:{line}: this is no UTF-8 text (byte {content[error.start]:#04x})") from error

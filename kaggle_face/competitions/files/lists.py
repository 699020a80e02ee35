"""List files: lines of image names and labels, read strictly where it matters, else leniently.

Harmless: a byte order mark, CRLF, blank lines, a header, commas or tabs between fields, names with spaces
that end in an image suffix. Each is accepted, the odd ones with a note.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np

from kaggle_face.errors import DataError, counted, naming_first
from kaggle_face.file_names import PICTURE_SUFFIXES, is_picture_name
from kaggle_face.records import UNKNOWN, IntArray

_SEPARATOR = re.compile(r"[\s,;]+")
_SUFFIX = "|".join(suffix[1:] for suffix in PICTURE_SUFFIXES)
_SPACED_FIELD = re.compile(rf"(.+?\.(?:{_SUFFIX}))(?:[\s,;]+|$)", re.IGNORECASE)


MOST_DIGITS = 18
"""Of a label or a number that names a picture: what 64 bits hold."""


@dataclass(frozen=True)
class Lines:
    """The lines of a file that are not blank, without their ends, and their numbers from 1."""

    path: Path
    texts: list[str]
    numbers: Sequence[int]


def read_lines(path: Path) -> Lines:
    """The lines of a UTF-8 file that are not blank.

    Raises:
        DataError: The file is missing, empty or not UTF-8 text.
    """
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            what = "a pipe" if path.is_fifo() else "a device"
            raise DataError(f"{path} is {what}, not a file; put the list in its place")
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"the file {path} cannot be read: {error.strerror}") from error
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(f"{path} is UTF-16 text; save it as UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(
            f"{path}:{line}: this is not UTF-8 text (byte {content[error.start]:#04x}); save it as UTF-8"
        ) from error
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
        if not path.is_file():
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


@dataclass(frozen=True, eq=False)
class NameList:
    """The image names of a list file, the line of each, and notes on oddities."""

    path: Path
    names: list[str]
    line_numbers: Sequence[int]
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class LabelList:
    """Image names with an integer label each."""

    path: Path
    names: list[str]
    labels: list[int]
    line_numbers: Sequence[int]
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class PairList:
    """Trials of two image names; labels 1 same, 0 different, -1 unknown; `ids` where the list has some."""

    path: Path
    first: list[str]
    second: list[str]
    labels: IntArray
    line_numbers: Sequence[int]
    notes: tuple[str, ...]
    ids: Sequence[str] | None = None


def read_name_list(path: Path) -> NameList:
    """Reads a file of one image name per line.

    Raises:
        DataError: The file is missing, not text or empty, or a name appears twice.
    """
    lines, notes = _without_header(read_lines(path), lambda text: is_picture_name(text.strip()))
    names = [text.strip() for text in lines.texts]
    if places := repeated(names):
        raise DataError(
            f"{path}:{lines.numbers[places[0]]}: '{names[places[0]]}' appears twice; keep one line per image"
        )
    return NameList(path, names, lines.numbers, notes)


def read_label_list(path: Path) -> LabelList:
    """Reads a file of `name label` lines, the label an integer of at least 0.

    Raises:
        DataError: The file is missing, not text or empty; a line has another number of fields or no such
            label; a name appears twice with different labels.
    """
    (names, texts), lines, notes = _read_fields(path, num_names=1, widths=(2,))
    wrong = [
        place
        for place, text in enumerate(texts)
        if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS)
    ]
    if wrong:
        raise DataError(
            f"{path}:{lines.numbers[wrong[0]]}: the label '{texts[wrong[0]][:40]}' is not a whole number of "
            f"at least 0; each line is: image label"
        )
    labels = [int(text) for text in texts]
    kept, more = without_repeats(names, labels, lines.numbers, path)
    return LabelList(
        path,
        [names[place] for place in kept],
        [labels[place] for place in kept],
        [lines.numbers[place] for place in kept] if more else lines.numbers,
        notes + more,
    )


def read_pair_list(path: Path, labelled: bool) -> PairList:
    """Reads a file of `first second` lines, with a third field 0 or 1 where `labelled`.

    Raises:
        DataError: The file is missing, not text or empty; a line has another number of fields or a label
            that is not 0 or 1.
    """
    columns, lines, notes = _read_fields(path, num_names=2, widths=(3,) if labelled else (2, 3))
    first, second = columns[:2]
    if labelled:
        return PairList(
            path, first, second, binary_labels(columns[2], path, lines.numbers), lines.numbers, notes
        )
    if len(columns) == 3:
        notes += (f"{path.name}: the third field of the test pairs is ignored",)
    unknown = np.full(len(first), UNKNOWN, np.int64)
    return PairList(path, first, second, unknown, lines.numbers, notes)


def repeated(keys: Sequence[str]) -> list[int]:
    """The positions of keys that stood before."""
    if len(set(keys)) == len(keys):
        return []
    seen: set[str] = set()
    places: list[int] = []
    for place, key in enumerate(keys):
        if key in seen:
            places.append(place)
        seen.add(key)
    return places


def _read_fields(
    path: Path, num_names: int, widths: tuple[int, ...]
) -> tuple[list[list[str]], Lines, tuple[str, ...]]:
    """The columns of the lines: `num_names` image names and what follows, in one of the given widths."""
    lines, notes = _without_header(
        read_lines(path), lambda text: any(map(is_picture_name, _SEPARATOR.split(text.strip())))
    )
    if columns := _split_evenly(lines.texts, num_names, widths):
        return columns, lines, notes
    rows = [text.split() for text in lines.texts]
    odd = [
        place
        for place, row in enumerate(rows)
        if len(row) not in widths
        or not all(map(is_picture_name, row[:num_names]))
        or any(mark in field for field in row for mark in ",;")
    ]
    for place in odd:
        rows[place] = _split_oddly(lines, place, num_names, widths)
    if odd:
        clause = "use commas, semicolons or names with spaces"
        first = f"line {lines.numbers[odd[0]]}"
        notes += (f"{path.name}: {naming_first(len(odd), len(rows), 'line', clause, first)}",)
    return [list(column) for column in zip_longest(*rows, fillvalue="")], lines, notes


def _split_evenly(texts: Sequence[str], num_names: int, widths: tuple[int, ...]) -> list[list[str]] | None:
    """The columns of lines with one space between fields; None where a line is not so.

    A list per line would take three times as long: 900,000 of them keep the garbage collector busy.
    """
    spaces = {text.count(" ") for text in texts}
    width = spaces.pop() + 1
    if spaces or width not in widths:
        return None
    joined = "\n".join(texts)
    tokens = joined.split()
    if len(tokens) != width * len(texts) or any(mark in joined for mark in ",;\t\xa0"):
        return None
    columns = [tokens[place::width] for place in range(width)]
    has_odd_names = any(is_picture_name(text) for column in columns[num_names:] for text in set(column))
    return None if has_odd_names else columns


def _split_oddly(lines: Lines, place: int, num_names: int, widths: tuple[int, ...]) -> list[str]:
    text = lines.texts[place].strip()
    names, end = [], 0
    for match in _SPACED_FIELD.finditer(text):
        names.append(match[1])
        end = match.end()
    rest = text[end:].split()
    if len(names) == num_names and len(names) + len(rest) in widths:
        return names + rest
    fields = _SEPARATOR.split(text)
    if len(fields) in widths:
        return fields
    expected = " or ".join(str(width) for width in widths)
    raise DataError(
        f"{lines.path}:{lines.numbers[place]}: expected {expected} fields separated by one space, got "
        f"{len(fields)}: {text[:120]!r}; fix this line or download the file again"
    )


def _without_header(lines: Lines, is_entry: Callable[[str], bool]) -> tuple[Lines, tuple[str, ...]]:
    if is_entry(lines.texts[0]):
        return lines, ()
    if len(lines.texts) == 1 or not is_entry(lines.texts[1]):
        raise DataError(
            f"{lines.path}:{lines.numbers[0]}: expected an image name ({', '.join(PICTURE_SUFFIXES)}), got "
            f"{lines.texts[0][:120]!r}"
        )
    note = f"{lines.path.name}: line {lines.numbers[0]} is taken for a header: {lines.texts[0][:80]!r}"
    return Lines(lines.path, lines.texts[1:], lines.numbers[1:]), (note,)


def without_repeats(
    names: Sequence[str], labels: Sequence[str | int], numbers: Sequence[int], path: Path
) -> tuple[Sequence[int], tuple[str, ...]]:
    """The places of labelled names to keep, and a note where a line stood twice.

    Raises:
        DataError: A name has two labels.
    """
    places = repeated(names)
    if not places:
        return range(len(names)), ()
    first = dict(zip(reversed(names), reversed(labels), strict=True))
    for place in places:
        if labels[place] != first[names[place]]:
            raise DataError(
                f"{path}:{numbers[place]}: '{names[place]}' has the label {labels[place]} here and "
                f"{first[names[place]]} above; remove one of the lines"
            )
    dropped = set(places)
    note = f"{path.name}: {counted(len(places), 'line', 'appear twice')}, first: line {numbers[places[0]]}"
    return [place for place in range(len(names)) if place not in dropped], (note,)

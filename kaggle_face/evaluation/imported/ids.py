"""Ids of files made elsewhere and those of the competition: whole paths, or file names where these differ."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from kaggle_face.errors import DataError, counted, naming_first, part_of
from kaggle_face.records import FloatArray, IntArray, Pairs, StrArray, no_pairs

Keys = Sequence[str]
_NO_PAIRS = no_pairs()
_WHOLE_NUMBER = re.compile(r"[0-9]{1,15}(\.0+)?")


@dataclass(frozen=True, eq=False)
class WayToName:
    """One way in which a file may name rows.

    Attributes:
        name: In words, to be shown.
        wanted: The key of each row that is needed; two rows may share one.
        given: The key of each row of the file.
        allowed: Keys that the file may have beyond.
    """

    name: str
    wanted: Keys
    given: Keys
    allowed: frozenset[str] = frozenset()


def _path(text: str) -> str:
    return text.replace("\\", "/").removeprefix("./")


def _without_suffix(text: str) -> str:
    return str(PurePosixPath(_path(text)).with_suffix("")) if text else text


IMAGE_NAMINGS: Mapping[str, Callable[[str], str]] = {
    "paths": _path,
    "paths without suffix": _without_suffix,
    "file names": lambda text: PurePosixPath(_path(text)).name,
    "file names without suffix": lambda text: PurePosixPath(_path(text)).stem,
}
"""How an image may be named, the most exact first."""


def ways_to_name_images(wanted: StrArray, given: StrArray, allowed: StrArray) -> list[WayToName]:
    """The ways in which all images have names of their own."""
    found = []
    for name, shorten in IMAGE_NAMINGS.items():
        keys, others = (
            [shorten(text) for text in wanted.tolist()],
            [shorten(text) for text in allowed.tolist()],
        )
        if len({*keys, *others}) == len(keys) + len(others):
            found.append(WayToName(name, keys, [shorten(text) for text in given.tolist()], frozenset(others)))
    return found


def ways_to_name_couples(
    first: StrArray,
    second: StrArray,
    given_first: StrArray,
    given_second: StrArray,
    allowed: Pairs = _NO_PAIRS,
) -> list[WayToName]:
    """The ways in which pairs of images may be named, in either order."""
    wanted = (first.tolist(), second.tolist())
    given = (given_first.tolist(), given_second.tolist())
    beyond = (allowed.first_ids.tolist(), allowed.second_ids.tolist())
    images = {text for column in (*wanted, *beyond) for text in column}
    found = []
    for name, shorten in IMAGE_NAMINGS.items():
        if len({shorten(text) for text in images}) == len(images):
            keys, keys_of_file, others = (
                [" | ".join(sorted((shorten(a), shorten(b)))) for a, b in zip(*both, strict=True)]
                for both in (wanted, given, beyond)
            )
            found.append(WayToName(f"images by {name}", keys, keys_of_file, frozenset(others)))
    return found


def each_couple_once(
    path: Path, first: StrArray, second: StrArray, scores: FloatArray
) -> tuple[StrArray, StrArray, IntArray]:
    """The first row (N) of each pair of images, in either order: both images, and its place in the file.

    A list may hold a couple twice, and a file by images then has it twice with one score.

    Raises:
        DataError: Two rows of a couple have different scores.
    """
    place_of: dict[tuple[str, str], int] = {}
    for place, (one, other) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        before = place_of.setdefault((min(one, other), max(one, other)), place)
        if scores[place] != scores[before]:
            raise DataError(
                f"{path}: two rows of the couple {one} | {other} have different scores, {scores[before]:g} "
                f"and {scores[place]:g}; write one score for each couple"
            )
    kept = np.array([*place_of.values()], np.int64)
    return first[kept], second[kept], kept


def match_rows(path: Path, ways: Sequence[WayToName], what: str) -> tuple[IntArray, str]:
    """The row of the file for each wanted row, and in words how the file names them.

    Args:
        path: The file, for errors.
        ways: The ways in which it may name rows.
        what: What is named, for errors, such as "test images".

    Raises:
        DataError: There are no rows; ids appear twice, are unknown or missing, or can be read in two ways
            that differ.
    """
    if not ways:
        raise DataError(f"{path}: the {what} have no names of their own; rename them")
    if not ways[0].given and ways[0].wanted:
        raise DataError(f"{path} has no rows; write one for each of the {what}")
    counts = Counter(ways[0].given)
    if counts[""]:
        raise DataError(f"{path}: {part_of(counts[''], len(ways[0].given), 'row', 'have no id')}")
    twice = [key for key, count in counts.items() if count > 1]
    if twice:
        raise DataError(f"{path}: {naming_first(len(twice), len(counts), 'id', 'appear twice', twice[0])}")
    fitting = [(way, rows) for way in ways if (rows := _rows_of(way)) is not None]
    if not fitting:
        raise _why_none_fits(path, max(ways, key=lambda way: len({*way.given} & {*way.wanted})), what)
    way, rows = fitting[0]
    for other, others in fitting[1:]:
        if not np.array_equal(rows, others):
            raise DataError(
                f"{path}: its ids could be {way.name} or {other.name} of the {what}, with different answers; "
                "name whole paths"
            )
    return rows, way.name


def _rows_of(way: WayToName) -> IntArray | None:
    place_of = {key: place for place, key in enumerate(way.given)}
    wanted = {*way.wanted}
    if len(place_of) < len(way.given) or not wanted <= place_of.keys() <= wanted | way.allowed:
        return None
    return np.array([place_of[key] for key in way.wanted], np.int64)


def _why_none_fits(path: Path, way: WayToName, what: str) -> DataError:
    given, wanted = {*way.given}, {*way.wanted}
    unknown = [key for key in way.given if key not in wanted | way.allowed]
    example = way.wanted[0] if way.wanted else "none"
    if not given & wanted and way.given:
        none = f"{path}: none of its {counted(len(given), 'id')} is among the {what}, first: {way.given[0]}"
        if number := _read_as_number(way):
            return DataError(f"{none}; may it be {number}? Write ids as text, with their zeros")
        return DataError(f"{none}; {way.name} are such as {example}; is it of another competition?")
    if unknown:
        return DataError(
            f"{path}: {naming_first(len(unknown), len(given), 'id', f'are not among the {what}', unknown[0])}"
        )
    missing = [key for key in way.wanted if key not in given]
    if missing:
        lacking = naming_first(len(missing), len(wanted), f"id of the {what}", "are missing", missing[0])
        return DataError(f"{path}: {lacking}")
    return DataError(f"{path}: two of its ids name the same one of the {what}; name whole paths")


def _read_as_number(way: WayToName) -> str | None:
    """The wanted id that the first given one is as a number; None where not all are so."""
    wanted = {int(stem): key for key in way.wanted if (stem := PurePosixPath(key).stem).isdecimal()}
    given = [int(float(key)) if _WHOLE_NUMBER.fullmatch(key) else -1 for key in way.given]
    return wanted[given[0]] if {*given} <= wanted.keys() else None

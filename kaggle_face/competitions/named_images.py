"""Finding the images that list files name, and turning lists of trials into pairs."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kaggle_face.artifacts.tables import as_text
from kaggle_face.competitions.folders import join, name_of
from kaggle_face.competitions.lists import PairList
from kaggle_face.errors import DataError, naming_first
from kaggle_face.records import IntArray, Pairs, StrArray


@dataclass(frozen=True, eq=False)
class Mentions:
    """The names that a list file mentions, and the line of each mention."""

    path: Path
    names: Sequence[str]
    line_numbers: Sequence[int]

    def first_line(self, name: str) -> int:
        """The line on which a name stands first."""
        return self.line_numbers[list(self.names).index(name)]

    def first_of(self, names: frozenset[str]) -> tuple[int, str]:
        """The first line that mentions one of `names`, and that name."""
        mentions = zip(self.line_numbers, self.names, strict=True)
        return min((line, name) for line, name in mentions if name in names)


@dataclass(frozen=True, eq=False)
class ImageFinder:
    """Finds the image that a list file means: names are relative to one of `bases`, tried in order."""

    root: Path
    bases: tuple[str, ...]
    known: frozenset[str]

    def find(self, mentions: Mentions) -> tuple[list[str], tuple[str, ...]]:
        """The id of each mention, and a note where suffixes had to be overlooked.

        Raises:
            DataError: A name leaves the data root, or its image does not exist.
        """
        found, notes = self.find_once(mentions)
        return [found[name] for name in mentions.names], notes

    def find_once(self, mentions: Mentions) -> tuple[dict[str, str], tuple[str, ...]]:
        """The id of each different name in the order of its first mention, and notes, as `find`."""
        found: dict[str, str] = {}
        lost: list[str] = []
        for name in dict.fromkeys(mentions.names):
            image_id = self._look_up(name, mentions)
            if image_id is None:
                lost.append(name)
            found[name] = image_id or ""
        notes = self._find_by_stem(lost, found, mentions.path) if lost else ()
        still_lost = frozenset(name for name in lost if not found[name])
        if still_lost:
            self._refuse(still_lost, len(found), mentions)
        return found, notes

    def _look_up(self, name: str, mentions: Mentions) -> str | None:
        for base in self.bases:
            image_id = join(base, name)
            if image_id in self.known:
                return image_id
        clean = posixpath.normpath(name.replace("\\", "/"))
        if clean.startswith(("/", "..")) or ":" in clean:
            raise DataError(
                f"{mentions.path}:{mentions.first_line(name)}: '{name}' leaves the data folder; "
                f"names must be relative to it"
            )
        tidy = (join(base, clean) for base in self.bases)
        return next((image_id for image_id in tidy if image_id in self.known), None)

    def _find_by_stem(self, lost: Sequence[str], found: dict[str, str], path: Path) -> tuple[str, ...]:
        """Finds images whose suffix is written otherwise: `a.jpg` for `a.JPG` or `a.png`."""
        by_stem = {posixpath.splitext(image_id)[0]: image_id for image_id in self.known}
        mended = []
        for name in lost:
            stems = (posixpath.splitext(join(base, name))[0] for base in self.bases)
            image_id = next((by_stem[stem] for stem in stems if stem in by_stem), None)
            if image_id is not None:
                found[name] = image_id
                mended.append(f"{name} is {name_of(image_id)}")
        if not mended:
            return ()
        what = f"images of {path.name} have another suffix than is written there"
        return (naming_first(len(mended), len(found), what, mended[0]),)

    def _refuse(self, lost: frozenset[str], total: int, mentions: Mentions) -> None:
        line, first = mentions.first_of(lost)
        folders = " or ".join(str(self.root / base) for base in self.bases)
        raise DataError(
            f"{mentions.path}:{line}: {naming_first(len(lost), total, 'images named do not exist', first)} "
            f"(looked in {folders}); unpack the archive again or mend the list"
        )


def pairs_from_list(listed: PairList, finder: ImageFinder, by_text: bool) -> tuple[Pairs, tuple[str, ...]]:
    """The pairs of a list file and what was odd; their ids are `first second`, or the row's number.

    Raises:
        DataError: An image does not exist, or two lines contradict each other.
    """
    lines = [*listed.line_numbers]
    mentions = Mentions(listed.path, [*listed.first, *listed.second], lines + lines)
    found, notes = finder.find_once(mentions)
    place = {name: code for code, name in enumerate(found)}
    first_codes, second_codes = _codes(listed.first, place), _codes(listed.second, place)
    image_ids = as_text(list(found.values()))
    keep = np.ones(len(lines), np.bool_)
    earlier = _earlier_places(first_codes * len(place) + second_codes)
    repeats = np.flatnonzero(earlier < np.arange(len(lines)))
    if len(repeats):
        _refuse_contradictions(listed, repeats, earlier)
        what = "only the first counts" if by_text else "each is scored"
        count, line = len(repeats), lines[repeats[0]]
        notes += (f"{listed.path.name}: {count} pairs stand twice, first: line {line}; {what}",)
        keep[repeats] = not by_text
    pairs = Pairs(
        _texts(listed)[keep] if by_text else np.arange(len(lines)).astype(np.str_),
        image_ids[first_codes[keep]],
        image_ids[second_codes[keep]],
        listed.labels[keep],
    )
    return pairs, (*listed.notes, *notes)


def _codes(names: Sequence[str], place: Mapping[str, int]) -> IntArray:
    return np.fromiter(map(place.__getitem__, names), np.int64, len(names))


def _texts(listed: PairList) -> StrArray:
    return as_text([f"{first} {second}" for first, second in zip(listed.first, listed.second, strict=True)])


def _earlier_places(codes: IntArray) -> IntArray:
    """The position at which each code stands first."""
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    places: IntArray = first[inverse]
    return places


def _refuse_contradictions(listed: PairList, repeats: IntArray, earlier: IntArray) -> None:
    wrong = repeats[listed.labels[repeats] != listed.labels[earlier[repeats]]]
    if len(wrong):
        place, before = int(wrong[0]), int(earlier[wrong[0]])
        raise DataError(
            f"{listed.path}:{listed.line_numbers[place]}: '{listed.first[place]} {listed.second[place]}' has "
            f"the label {listed.labels[place]} here and {listed.labels[before]} in line "
            f"{listed.line_numbers[before]}; remove one of them"
        )

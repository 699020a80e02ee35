"""Finding the images that list files name, and turning lists of trials into pairs."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kaggle_face.artifacts.tables import as_text
from kaggle_face.competitions.files.folders import join, name_of
from kaggle_face.competitions.files.lists import PairList
from kaggle_face.errors import DataError, counted, naming_first
from kaggle_face.file_names import composed
from kaggle_face.records import IntArray, Pairs


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
        """The id of each mention, and notes where suffixes or accents are written otherwise.

        Raises:
            DataError: A name leaves the data root, or its image does not exist.
        """
        found, notes = self.find_once(mentions)
        return [found[name] for name in mentions.names], notes

    def find_once(self, mentions: Mentions) -> tuple[dict[str, str], tuple[str, ...]]:
        """The id of each different name in the order of its first mention, and notes, as `find`.

        What is not there as written is looked for with its accents spelled otherwise, then with another
        suffix (`a.jpg` for `a.JPG` or `a.png`), and taken where exactly one image can be meant that no other
        name means.
        """
        found: dict[str, str] = {}
        lost: list[str] = []
        for name in dict.fromkeys(mentions.names):
            image_id = self._look_up(name, mentions)
            if image_id is None:
                lost.append(name)
            found[name] = image_id or ""
        notes: tuple[str, ...] = ()
        if lost:
            notes += self._find_by(composed, lost, found, mentions, "accents spelled otherwise")
            lost = [name for name in lost if not found[name]]
        if lost:
            notes += self._find_by(_composed_stem, lost, found, mentions, "another suffix")
            lost = [name for name in lost if not found[name]]
        if lost:
            line, first = mentions.first_of(frozenset(lost))
            folders = " or ".join(str(self.root / base) for base in self.bases)
            near = {_composed_stem(image_id).lower(): image_id for image_id in self.known}
            keys = (_composed_stem(join(base, _tidy(first))).lower() for base in self.bases)
            hint = next((f"; did you mean '{near[key]}'?" for key in keys if key in near), "")
            what = naming_first(len(lost), len(found), "named image", "do not exist", first)
            raise DataError(
                f"{mentions.path}:{line}: {what} (looked in {folders})"
                f"{hint or '; unpack the archive again or fix the list'}"
            )
        return found, notes

    def _look_up(self, name: str, mentions: Mentions) -> str | None:
        for base in self.bases:
            image_id = join(base, name)
            if image_id in self.known:
                return image_id
        clean = _tidy(name)
        if clean.startswith(("/", "..")) or ":" in clean:
            raise DataError(
                f"{mentions.path}:{mentions.first_line(name)}: '{name}' leaves the data folder; "
                f"names must be relative to it"
            )
        tidy = (join(base, clean) for base in self.bases)
        return next((image_id for image_id in tidy if image_id in self.known), None)

    def _find_by(
        self,
        key: Callable[[str], str],
        lost: Sequence[str],
        found: dict[str, str],
        mentions: Mentions,
        difference: str,
    ) -> tuple[str, ...]:
        """Finds the images whose ids have the same key, with a note.

        Raises:
            DataError: Several images may be meant, or one by several names.
        """
        by_key: dict[str, list[str]] = {}
        for image_id in self.known:
            by_key.setdefault(key(image_id), []).append(image_id)
        taken = set(found.values())
        fixed = []
        for name in lost:
            keys = (key(join(base, _tidy(name))) for base in self.bases)
            meant = next((by_key[one] for one in keys if one in by_key), [])
            if len(meant) > 1:
                raise DataError(
                    f"{mentions.path}:{mentions.first_line(name)}: '{name}' does not exist and may be "
                    f"{' or '.join(sorted(meant))}; write which, or remove the others"
                )
            if meant and meant[0] in taken:
                raise DataError(
                    f"{mentions.path}:{mentions.first_line(name)}: '{name}' does not exist; "
                    f"{meant[0]} is named by itself or by another line; unpack the archive again"
                )
            if meant:
                found[name] = meant[0]
                taken.add(meant[0])
                fixed.append(f"{name} is {name_of(meant[0])}")
        if not fixed:
            return ()
        image, what = f"image of {mentions.path.name}", f"have {difference} than is written there"
        return (naming_first(len(fixed), len(found), image, what, fixed[0]),)


def pairs_from_list(listed: PairList, finder: ImageFinder, by_text: bool) -> tuple[Pairs, tuple[str, ...]]:
    """The pairs of a list file, and notes on oddities; their ids are `first second`, or the row's number.

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
    _, firsts, inverse = np.unique(
        first_codes * len(place) + second_codes, return_index=True, return_inverse=True
    )
    earlier: IntArray = firsts[inverse]
    repeats = np.flatnonzero(earlier < np.arange(len(lines)))
    if len(repeats):
        _refuse_contradictions(listed, repeats, earlier)
        what = "only the first counts" if by_text else "each is scored"
        count, line = len(repeats), lines[repeats[0]]
        times = counted(count, "pair", "appear twice")
        notes += (f"{listed.path.name}: {times}, first: line {line}; {what}",)
        keep[repeats] = not by_text
    if by_text:
        both = zip(listed.first, listed.second, strict=True)
        ids = as_text([f"{first} {second}" for first, second in both])
    else:
        ids = as_text([*map(str, range(len(lines)))] if listed.ids is None else listed.ids)
    pairs = Pairs(
        ids[keep],
        image_ids[first_codes[keep]],
        image_ids[second_codes[keep]],
        listed.labels[keep],
    )
    return pairs, (*listed.notes, *notes)


def _codes(names: Sequence[str], place: Mapping[str, int]) -> IntArray:
    return np.fromiter(map(place.__getitem__, names), np.int64, len(names))


def _tidy(name: str) -> str:
    return posixpath.normpath(name.replace("\\", "/"))


def _composed_stem(image_id: str) -> str:
    return composed(posixpath.splitext(image_id)[0])


def _refuse_contradictions(listed: PairList, repeats: IntArray, earlier: IntArray) -> None:
    wrong = repeats[listed.labels[repeats] != listed.labels[earlier[repeats]]]
    if len(wrong):
        place, before = int(wrong[0]), int(earlier[wrong[0]])
        raise DataError(
            f"{listed.path}:{listed.line_numbers[place]}: '{listed.first[place]} {listed.second[place]}' has "
            f"the label {listed.labels[place]} here and {listed.labels[before]} in line "
            f"{listed.line_numbers[before]}; remove one of them"
        )

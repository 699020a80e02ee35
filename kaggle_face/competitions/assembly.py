"""What all families share on the way to records: classes numbered, images labelled, named images found."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kaggle_face.artifacts.tables import as_text
from kaggle_face.competitions.folders import join, name_of
from kaggle_face.competitions.lists import PairList, repeated
from kaggle_face.errors import ConfigError, DataError, naming_first, nearest_hint
from kaggle_face.records import UNKNOWN, ClassTable, FaceTable, IntArray, Pairs, Split


@dataclass(frozen=True, eq=False)
class ImageGroup:
    """Images of one split; `class_names` None where their class is not known."""

    split: Split
    image_ids: Sequence[str]
    class_names: Sequence[str] | None = None


def group_of_classes(split: Split, folders: Mapping[str, Sequence[str]]) -> ImageGroup:
    """The images of class folders, named by their folder."""
    ids = [image_id for images in folders.values() for image_id in images]
    names = [name for name, images in folders.items() for _ in images]
    return ImageGroup(split, ids, names)


def integer_classes(names: Iterable[str], where: str) -> ClassTable:
    """Classes whose names are integers, ordered as numbers and submitted as such.

    >>> integer_classes(["10", "9"], "train").names.tolist()
    ['9', '10']

    Raises:
        DataError: A name is no integer.
    """
    found = set(names)
    wrong = sorted(name for name in found if not (name.isascii() and name.isdigit()))
    if wrong:
        raise DataError(
            f"{where}: {naming_first(len(wrong), len(found), 'class folders are no integers', wrong[0])}; "
            f"the submitted label is the integer, so remove or rename them"
        )
    ordered = sorted(found, key=int)
    return ClassTable(as_text(ordered), as_text([str(int(name)) for name in ordered]))


def indexed_classes(names: Iterable[str]) -> ClassTable:
    """Classes ordered by name as text and submitted as their position in that order.

    >>> indexed_classes(["n000009", "n000002"]).submitted.tolist()
    ['0', '1']
    """
    ordered = sorted(set(names))
    return ClassTable(as_text(ordered), as_text([str(index) for index in range(len(ordered))]))


def without_classes(classes: ClassTable, exclude: Sequence[str]) -> ClassTable:
    """The classes without the excluded ones; what is submitted for the others stays as it was.

    Raises:
        ConfigError: An excluded name is no class, or no class is left.
    """
    known = classes.names.tolist()
    for name in exclude:
        if name not in known:
            raise ConfigError(
                f"data.exclude names '{name}', which is no class of the data{nearest_hint(name, known)}"
            )
    kept = ~np.isin(classes.names, as_text(exclude))
    if not kept.any():
        raise ConfigError(f"data.exclude leaves out all {len(classes)} classes")
    return ClassTable(classes.names[kept], classes.submitted[kept])


def label_faces(groups: Sequence[ImageGroup], classes: ClassTable) -> FaceTable:
    """The table of all images; an image whose class is not in `classes` is unlabelled.

    Raises:
        DataError: The name of an image is no text that a CSV file can hold.
    """
    index = {name: position for position, name in enumerate(classes.names.tolist())}
    ids = [image_id for group in groups for image_id in group.image_ids]
    for image_id in _unwritable(ids):
        raise DataError(f"the file name {image_id!r} is no UTF-8 text; rename it")
    labels = [_labels(group, index) for group in groups]
    splits = np.repeat(
        np.asarray([group.split for group in groups], np.str_), [len(group.image_ids) for group in groups]
    )
    return FaceTable(as_text(ids), np.concatenate([np.empty(0, np.int64), *labels]), splits)


def strangers_note(groups: Sequence[ImageGroup], known: Iterable[str]) -> tuple[str, ...]:
    """A note for each split with classes that the training set does not have."""
    trained = {*known, ""}
    notes = []
    for group in groups:
        strangers = sorted(set(group.class_names or ()) - trained)
        if strangers:
            count = sum(name not in trained for name in group.class_names or ())
            notes.append(
                f"{len(strangers)} classes of the {group.split} images are not in the training set, first: "
                f"{strangers[0]}; their {count} images have no label"
            )
    return tuple(notes)


@dataclass(frozen=True, eq=False)
class ImageFinder:
    """Finds the image that a list file means: names are relative to one of `bases`, tried in order."""

    root: Path
    bases: tuple[str, ...]
    known: frozenset[str]

    def find(self, names: Sequence[str], path: Path, lines: Sequence[int]) -> tuple[list[str], str | None]:
        """The id of each name, and a note where suffixes had to be overlooked.

        Raises:
            DataError: A name leaves the data root, or its image does not exist.
        """
        found: dict[str, str] = {}
        lost: list[str] = []
        for name in dict.fromkeys(names):
            image_id = self._look_up(name, path, names, lines)
            if image_id is None:
                lost.append(name)
            else:
                found[name] = image_id
        note = self._find_by_stem(lost, found, path) if lost else None
        if len(lost) and any(name not in found for name in lost):
            self._refuse([name for name in lost if name not in found], names, path, lines)
        return [found[name] for name in names], note

    def _look_up(self, name: str, path: Path, names: Sequence[str], lines: Sequence[int]) -> str | None:
        for base in self.bases:
            image_id = join(base, name)
            if image_id in self.known and "/../" not in f"/{image_id}/":
                return image_id
        clean = name.replace("\\", "/")
        if clean.startswith("/") or ":" in clean or posixpath.normpath(clean).startswith(".."):
            line = lines[list(names).index(name)]
            raise DataError(f"{path}:{line}: '{name}' leaves the data folder; names must be relative to it")
        tidy = (join(base, posixpath.normpath(clean)) for base in self.bases)
        return next((image_id for image_id in tidy if image_id in self.known), None)

    def _find_by_stem(self, lost: Sequence[str], found: dict[str, str], path: Path) -> str | None:
        """Finds images whose suffix is written otherwise: `a.jpg` for `a.JPG` or `a.png`."""
        by_stem = {posixpath.splitext(image_id)[0]: image_id for image_id in self.known}
        mended = []
        for name in lost:
            for base in self.bases:
                image_id = by_stem.get(posixpath.splitext(join(base, name))[0])
                if image_id is not None and name not in found:
                    found[name] = image_id
                    mended.append(name)
        if not mended:
            return None
        return (
            f"{path.name}: {len(mended)} images have another suffix than is written there, first: "
            f"{mended[0]} is {name_of(found[mended[0]])}"
        )

    def _refuse(self, lost: Sequence[str], names: Sequence[str], path: Path, lines: Sequence[int]) -> None:
        unique = len(set(names))
        wanted = set(lost)
        line, first = min((line, name) for name, line in zip(names, lines, strict=True) if name in wanted)
        folders = " or ".join(str(self.root / base) for base in self.bases)
        raise DataError(
            f"{path}:{line}: {naming_first(len(lost), unique, 'images named do not exist', first)} "
            f"(looked in {folders}); unpack the archive again or mend the list"
        )


def pairs_from_list(listed: PairList, finder: ImageFinder, by_text: bool) -> tuple[Pairs, tuple[str, ...]]:
    """The pairs of a list file and what was odd; their ids are `first second`, or the row's number.

    Raises:
        DataError: An image does not exist, or two lines contradict each other.
    """
    both, note = finder.find([*listed.first, *listed.second], listed.path, [*listed.line_numbers] * 2)
    first, second = both[: len(listed.first)], both[len(listed.first) :]
    texts = [f"{a} {b}" for a, b in zip(listed.first, listed.second, strict=True)]
    repeats = repeated(texts)
    notes = (*listed.notes, *((note,) if note else ()))
    if repeats:
        _refuse_contradictions(texts, repeats, listed)
        what = "only the first counts" if by_text else "each is scored"
        line = listed.line_numbers[repeats[0]]
        notes += (f"{listed.path.name}: {len(repeats)} pairs stand twice, first: line {line}; {what}",)
    if not by_text:
        ids = [str(row) for row in range(len(texts))]
        return Pairs(as_text(ids), as_text(first), as_text(second), listed.labels), notes
    keep = np.ones(len(texts), np.bool_)
    keep[repeats] = False
    columns = [as_text(column)[keep] for column in (texts, first, second)]
    return Pairs(columns[0], columns[1], columns[2], listed.labels[keep]), notes


def _refuse_contradictions(texts: Sequence[str], repeats: Sequence[int], listed: PairList) -> None:
    first = {text: place for place, text in reversed(list(enumerate(texts)))}
    for place in repeats:
        earlier = first[texts[place]]
        if listed.labels[place] != listed.labels[earlier]:
            raise DataError(
                f"{listed.path}:{listed.line_numbers[place]}: '{texts[place]}' has the label "
                f"{listed.labels[place]} here and {listed.labels[earlier]} in line "
                f"{listed.line_numbers[earlier]}; remove one of them"
            )


def _labels(group: ImageGroup, index: Mapping[str, int]) -> IntArray:
    if group.class_names is None:
        return np.full(len(group.image_ids), UNKNOWN, np.int64)
    return np.asarray([index.get(name, UNKNOWN) for name in group.class_names], np.int64)


def _unwritable(ids: Sequence[str]) -> list[str]:
    try:
        "\n".join(ids).encode()
    except UnicodeEncodeError:
        return [image_id for image_id in ids if not image_id.isprintable()]
    return []

"""The pictures of a folder or of class folders, and an account of everything that is left out.

An image's id is its path below the root with '/', as it is spelled on the disk. Pictures are found at any
depth, as torchvision's ImageFolder finds them.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from kaggle_face.competitions.files.folders import FolderMap, is_folder, join, scan
from kaggle_face.errors import DataError, counted, naming_first
from kaggle_face.file_names import ANIMATED_SUFFIXES, PICTURE_SUFFIXES, first_clash, is_junk, is_picture_name

_NUMBERED = re.compile(r"(\D*)\d+")
_COPY = re.compile(r"(?i)[ _.(-](backup|bak|copy|kopie|copie|copia|tmp|temp|orig)\b.*|.*\(\d+\)|new folder.*")
_FEWEST_SIBLINGS = 2


class PictureLister:
    """Lists pictures below a root, and counts the files that it leaves out for `notes`."""

    def __init__(self, root: Path, tree: FolderMap | None = None) -> None:
        self._root = root
        self._junk = set(tree.skipped) if tree is not None else set()
        self._pictures: set[str] = set()
        self._others: set[str] = set()
        self._loose: set[str] = set()
        self._loops: set[str] = set()
        self._lines: dict[str, None] = {}

    def below(self, folder: str, lists: Sequence[str] = ()) -> list[str]:
        """The ids of the pictures in a folder and in all folders below it, sorted.

        `lists` names files of the folder that need no account: they are read elsewhere.

        Raises:
            DataError: The folder is missing or cannot be read, or two names differ in accents alone.
        """
        found = sorted(self._walk(folder))
        self._others -= {join(folder, name) for name in lists}
        _refuse_clash(self._root / folder, found)
        self._pictures.update(found)
        return found

    def of_classes(self, folder: str, may_be_empty: bool = False) -> dict[str, list[str]]:
        """Class folder -> the ids of its pictures; both sorted as text.

        Raises:
            DataError: A class folder holds no picture, or there is no class folder (unless `may_be_empty`).
        """
        names = sorted(entry.name for entry in self._entries(folder) if is_folder(entry))
        _refuse_clash(self._root / folder, names)
        found = {name: self.below(join(folder, name)) for name in names}
        if not found and not may_be_empty:
            raise DataError(
                f"{self._root / folder} holds no class folders; expected one folder of images per identity"
            )
        empty = [name for name, images in found.items() if not images]
        if empty and not may_be_empty:
            what = naming_first(
                len(empty),
                len(found),
                "class folder",
                f"hold no image ({', '.join(PICTURE_SUFFIXES)})",
                empty[0],
            )
            raise DataError(
                f"{self._root / folder}: {what}; remove what is empty or unpack the archive again"
            )
        self._account_for_siblings(folder, found)
        return found

    @property
    def left_out(self) -> list[str]:
        """The files whose suffix is not a picture's, and pictures beside class folders; sorted."""
        return sorted(self._others | self._loose)

    def notes(self) -> tuple[str, ...]:
        """The files that were left out or look odd, a line for each kind."""
        lines = list(self._lines)
        if self._junk:
            first = min(self._junk)
            lines.append(f"{counted(len(self._junk), 'junk entry', 'are skipped')}, first: {first}")
        if self._others:
            total = len(self._others) + len(self._pictures)
            lines.append(
                naming_first(
                    len(self._others),
                    total,
                    "file",
                    f"are left out, whose suffix is not a picture's ({' '.join(PICTURE_SUFFIXES)})",
                    min(self._others),
                )
            )
        if self._loops:
            what = counted(len(self._loops), "link", "lead back to a folder above")
            lines.append(f"{what}, first: {min(self._loops)}")
        animated = [name for name in self._pictures if name.lower().endswith(ANIMATED_SUFFIXES)]
        if animated:
            lines.append(
                naming_first(
                    len(animated),
                    len(self._pictures),
                    "picture",
                    "are of a kind that may hold several frames, of which the first is taken",
                    min(animated),
                )
            )
        return tuple(lines)

    def _account_for_siblings(self, folder: str, found: Mapping[str, Sequence[str]]) -> None:
        entries = [entry for entry in self._entries(folder) if not is_folder(entry)]
        loose = sorted(entry.name for entry in entries if is_picture_name(entry.name))
        self._others.update(join(folder, entry.name) for entry in entries if not is_picture_name(entry.name))
        self._loose.update(join(folder, name) for name in loose)
        if loose:
            total = len(loose) + sum(map(len, found.values()))
            what = naming_first(
                len(loose),
                total,
                "picture",
                "are left out, lying beside the class folders and in none of them",
                loose[0],
            )
            self._note(f"{folder or self._root}: {what}")
        odd = odd_siblings(list(found))
        if odd:
            what = naming_first(len(odd), len(found), "class folder", "do not look like the others", odd[0])
            usual = next(name for name in found if name not in odd)
            self._note(
                f"{folder or self._root}: {what} (others: "
                f"{usual}); each is a class of its own, so remove what is not an identity"
            )

    def _note(self, line: str) -> None:
        self._lines[line] = None

    def _walk(self, folder: str, above: tuple[str, ...] = ()) -> Iterator[str]:
        """The pictures below a folder; `above` are the real folders that links led to on the way."""
        for entry in self._entries(folder):
            path = join(folder, entry.name)
            if is_folder(entry):
                trail = above
                if entry.is_symlink():
                    target = os.path.realpath(entry.path)
                    here = os.path.realpath(posixpath.dirname(entry.path))
                    if f"{here}{os.sep}".startswith(f"{target.rstrip(os.sep)}{os.sep}") or target in above:
                        self._loops.add(path)
                        continue
                    trail = (*above, target)
                yield from self._walk(path, trail)
            elif is_picture_name(entry.name):
                yield path
            else:
                self._others.add(path)

    def _entries(self, folder: str) -> Iterator[os.DirEntry[str]]:
        for entry in scan(self._root / folder):
            if entry.name.startswith(".") or is_junk(entry.name):
                self._junk.add(join(folder, entry.name))
            else:
                yield entry


def odd_siblings(names: Sequence[str]) -> list[str]:
    """The class folders that do not look like most of the others, sorted.

    Most look alike where they are numbers, or one word with numbers; elsewhere copies alone are odd.

    >>> odd_siblings(["n000001", "n000007", "a_backup", "n000009"])
    ['a_backup']
    >>> odd_siblings(["Ann", "Bob", "Bob (2)", "Eve_backup"])
    ['Bob (2)', 'Eve_backup']
    """
    usual = usual_shape(names)
    if usual is not None:
        return sorted(name for name in names if shape_of(name) != usual)
    odd = sorted(name for name in names if _COPY.search(name))
    return odd if len(odd) < len(names) else []


def usual_shape(names: Sequence[str]) -> str | None:
    """The shape of most names, or None where most are free."""
    counted = Counter(shape for name in names if (shape := shape_of(name)) is not None)
    shape, count = counted.most_common(1)[0] if counted else (None, 0)
    return shape if count >= _FEWEST_SIBLINGS and 2 * count > len(names) else None


def shape_of(name: str) -> str | None:
    """The text before the number of a name that is a number or ends in one; None for any other.

    >>> shape_of("n000103"), shape_of("7"), shape_of("a_backup")
    ('n', '', None)
    """
    match = _NUMBERED.fullmatch(name)
    return match[1] if match else None


def _refuse_clash(folder: Path, names: Sequence[str]) -> None:
    if clash := first_clash(names):
        raise DataError(
            f"{folder} holds two names that differ in the spelling of accents alone: {clash[0]!a} and "
            f"{clash[1]!a}; rename or remove one of them"
        )

"""The upper levels of a data folder; names are sorted as text, hidden ones and junk ignored."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kaggle_face.errors import DataError, counted
from kaggle_face.file_names import is_junk, is_picture_name

_MAP_DEPTH = 5
_MANY_FOLDERS = 40  # a folder with more subfolders holds classes; the map does not look into those
_CLASS_NAME = re.compile(r"^n?\d+$")


@dataclass
class FolderMap:
    """The upper levels of a data root: folders, files that are not pictures, and junk; shallow ones first."""

    root: Path
    folders: tuple[str, ...]
    files: tuple[str, ...]
    skipped: tuple[str, ...] = ()
    doubts: dict[str, None] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Where several places of the same depth were meant: a line each that names the one that was taken."""

    def __post_init__(self) -> None:
        self._folder_set, self._file_set = frozenset(self.folders), frozenset(self.files)

    def folder(self, *wanted: str) -> str | None:
        """The shallowest folder whose path is or ends with one of `wanted`, tried in order.

        A folder that an archive doubled (`train/train/`) is entered.
        """
        found = self._ending_with(self.folders, wanted)
        return None if found is None else self._undoubled(found)

    def file(self, *wanted: str) -> str | None:
        """The shallowest file whose path is or ends with one of `wanted`, tried in order."""
        return self._ending_with(self.files, wanted)

    def child(self, folder: str, *names: str) -> str | None:
        """The first of `names` that is a folder in `folder`; a doubled one is entered."""
        for name in names:
            if (path := join(folder, name)) in self._folder_set:
                return self._undoubled(path)
        return None

    def parent_of(self, folder: str) -> str:
        """The folder around a folder, where one that an archive doubled counts once; "" is the root.

        >>> FolderMap(Path(), (), ()).parent_of("cls_data/train/train")
        'cls_data'
        """
        name, parent = posixpath.basename(folder), posixpath.dirname(folder)
        while posixpath.basename(parent) == name:
            parent = posixpath.dirname(parent)
        return parent

    def child_file(self, folder: str, *names: str) -> str | None:
        """The first of `names` that is a file in `folder`."""
        return next((path for name in names if (path := join(folder, name)) in self.files), None)

    def parents_of(self, *names: str) -> list[str]:
        """Every folder that holds all of the folders `names`, shallow ones first; "" is the root."""
        return [
            folder
            for folder in ("", *self.folders)
            if all(join(folder, name) in self._folder_set for name in names)
        ]

    def path(self, below: str) -> Path:
        """The path of something below the root."""
        return self.root / below

    def _ending_with(self, paths: tuple[str, ...], wanted: Iterable[str]) -> str | None:
        for name in wanted:
            found = [path for path in paths if path == name or path.endswith(f"/{name}")]
            alike = [path for path in found if path.count("/") == found[0].count("/")]
            if len(alike) > 1:
                others = ", ".join(alike[1:])
                self.doubts[
                    f"{counted(len(alike), 'place', 'are')} called {name}: {alike[0]} is read, not {others}"
                ] = None
            if found:
                return found[0]
        return None

    def _undoubled(self, folder: str) -> str:
        inner = join(folder, posixpath.basename(folder))
        return self._undoubled(inner) if inner in self._folder_set else folder


def map_folder(root: Path) -> FolderMap:
    """Looks at the upper levels of a data root, not into the folders of single classes.

    Raises:
        DataError: The root is missing, is a file or cannot be read.
    """
    folders: list[str] = []
    files: list[str] = []
    skipped: list[str] = []
    level = [""]
    for _ in range(_MAP_DEPTH):
        inner: list[str] = []
        for folder in level:
            names: list[str] = []
            plain: list[str] = []
            junk: list[str] = []
            for entry in scan(root / folder):
                path = join(folder, entry.name)
                if is_junk(entry.name):
                    junk.append(path)
                elif not entry.name.startswith("."):
                    (names if is_folder(entry) else plain).append(path)
            names.sort()
            folders += names
            skipped += sorted(junk)
            files += sorted(path for path in plain if not is_picture_name(posixpath.basename(path)))
            if len(names) <= _MANY_FOLDERS:
                inner += [path for path in names if not _CLASS_NAME.match(posixpath.basename(path))]
        level = inner
    return FolderMap(root, tuple(folders), tuple(files), tuple(skipped))


def join(folder: str, name: str) -> str:
    """The path of `name` in a folder below the root, where "" is the root itself."""
    return f"{folder}/{name}" if folder else name


def by_number(image_ids: Iterable[str]) -> list[str]:
    """Image ids ordered by the number in their file name; as text where a name is not a number.

    >>> by_number(["test/10.jpg", "test/9.jpg"])
    ['test/9.jpg', 'test/10.jpg']
    """
    ids = sorted(image_ids)
    stems = map(stem_of, ids)
    are_numbers = all(stem.isascii() and stem.isdigit() for stem in stems)
    return sorted(ids, key=lambda path: int(stem_of(path))) if are_numbers else ids


def name_of(image_id: str) -> str:
    """The file name of an image id."""
    return image_id.rpartition("/")[2]


def stem_of(image_id: str) -> str:
    """The file name of an image id without its suffix."""
    return name_of(image_id).rpartition(".")[0]


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether a name in a folder is a folder, or a link to one."""
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def scan(path: Path) -> Iterator[os.DirEntry[str]]:
    """Everything in a folder, in no order.

    Raises:
        DataError: The folder is missing, is a file, or cannot be read.
    """
    try:
        with os.scandir(path) as entries:
            yield from entries
    except FileNotFoundError:
        raise DataError(
            f"there is no folder {path}; check data.root, or download and unpack the data"
        ) from None
    except NotADirectoryError:
        raise DataError(f"{path} is a file; expected a folder (an archive must be unpacked first)") from None
    except OSError as error:
        raise DataError(f"the folder {path} cannot be read: {error.strerror}") from error

"""Images below a data root by whatever tables call them: paths, file names, either without suffix."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kaggle_face.competitions.files.named_images import Mentions
from kaggle_face.errors import DataError, naming_first, nearest_hint
from kaggle_face.file_names import composed, is_picture_name

_WAYS = (
    *("as written", "without a suffix", "by their file names", "by their file names without suffix"),
    "with other capital letters",
)


@dataclass(frozen=True)
class Match:
    """The images that a name may mean, and how they were found: 0 as written, higher numbers looser."""

    image_ids: tuple[str, ...] = ()
    way: int = 0
    is_outside: bool = False


class ImageIndex:
    """Finds images by their names in tables.

    A name is a path below one of the folders given, with or without suffix, or else the name of one file at
    any depth below them, or else either of them in other capital letters, if the name has a suffix or a
    digit, as names of people have not. An absolute path is taken where it leads below the data root.
    """

    def __init__(self, root: Path, image_ids: Sequence[str]) -> None:
        self.root = root
        self.image_ids = image_ids
        self._lowered: ImageIndex | None = None
        self._of_lower: dict[str, list[str]] = {}
        here = (root.absolute(), root.resolve())
        self._roots = tuple(dict.fromkeys(posixpath.normpath(path.as_posix()) for path in here))
        self._paths: dict[str, list[str]] = {}
        self._stems: dict[str, list[str]] = {}
        self._names: dict[str, list[str]] = {}
        self._name_stems: dict[str, list[str]] = {}
        for image_id in image_ids:
            key = composed(image_id)
            self._paths.setdefault(key, []).append(image_id)
            self._stems.setdefault(_without_suffix(key), []).append(image_id)
            name = posixpath.basename(key)
            self._names.setdefault(name, []).append(image_id)
            self._name_stems.setdefault(_without_suffix(name), []).append(image_id)

    def match(self, name: str, folders: Sequence[str] = ("",), cut: str = "") -> Match:
        """The images that a name may mean; `cut` is dropped from its beginning."""
        text = _slashes(name)
        text = text[len(cut) :].lstrip("/") if cut and text.startswith(cut) else text
        clean = composed(posixpath.normpath(text)) if text.strip() else ""
        if clean.startswith("/") or clean[1:3] == ":/":
            below = (clean[len(root) + 1 :] for root in self._roots if clean.startswith(f"{root}/"))
            clean, folders = next(below, ""), ("",)
            if not clean:
                return Match(is_outside=True)
        if clean == ".." or clean.startswith("../"):
            return Match(is_outside=True)
        if clean in ("", "."):
            return Match()
        bases = [_folder(base) for base in folders]
        found = self._match_as_written(clean, bases)
        if not found.image_ids and (is_picture_name(clean) or any(map(str.isdigit, clean))):
            return self._match_by_case(clean, bases)
        return found

    def _match_by_case(self, clean: str, bases: Sequence[str]) -> Match:
        """The images that a name means in any capital letters."""
        if self._lowered is None:
            self._lowered = ImageIndex(self.root, [image_id.lower() for image_id in self.image_ids])
            for image_id in self.image_ids:
                self._of_lower.setdefault(image_id.lower(), []).append(image_id)
        found = self._lowered._match_as_written(clean.lower(), [base.lower() for base in bases]).image_ids
        images = tuple(image_id for key in dict.fromkeys(found) for image_id in self._of_lower[key])
        return Match(images, 4 if images else 0)

    def _match_as_written(self, clean: str, bases: Sequence[str]) -> Match:
        stem = _without_suffix(clean)
        for way, table, key in ((0, self._paths, clean), (1, self._stems, stem)):
            for base in bases:
                if found := table.get(base + key):
                    return Match(tuple(found), way)
        last, last_stem = posixpath.basename(clean), posixpath.basename(stem)
        for way, table, key, ending in (
            (2, self._names, last, clean),
            (3, self._name_stems, last_stem, stem),
        ):
            found = [
                image_id
                for image_id in table.get(key, ())
                if any(composed(image_id).startswith(base) for base in bases)
                and f"/{composed(image_id) if way == 2 else _without_suffix(composed(image_id))}".endswith(
                    f"/{ending}"
                )
            ]
            if found:
                return Match(tuple(found), way)
        return Match()

    def find(
        self, mentions: Mentions, folders: Sequence[str] = ("",), cut: str = ""
    ) -> tuple[list[str], tuple[str, ...]]:
        """The image of each name, and a note where names are written otherwise than the paths.

        Raises:
            DataError: A name leads outside the data root, may mean several images, or means none.
        """
        matches = {name: self.match(name, folders, cut) for name in dict.fromkeys(mentions.names)}
        where = f"{mentions.path}:"
        for name, match in matches.items():
            if match.is_outside:
                raise DataError(
                    f"{where}{mentions.first_line(name)}: '{name}' leads outside the data folder "
                    f"{self.root}; write paths below it, or give the beginning to drop as 'cut' of this "
                    f"entry in competition.custom"
                )
            if len(match.image_ids) > 1:
                raise DataError(
                    f"{where}{mentions.first_line(name)}: '{name}' may be "
                    f"{' or '.join(match.image_ids[:3])}; set the folder of this entry in competition.custom"
                )
        lost = [name for name, match in matches.items() if not match.image_ids]
        if lost:
            what = naming_first(len(lost), len(matches), "named image", "do not exist", lost[0])
            places = " or ".join(str(self.root / folder) for folder in folders)
            hint = nearest_hint(posixpath.basename(_slashes(lost[0])), [*self._names][:20_000], 1)
            raise DataError(
                f"{where}{mentions.first_line(lost[0])}: {what} (looked in {places})"
                f"{hint or '; unpack the archive again or fix the table'}"
            )
        notes = []
        for way in (1, 2, 3, 4):
            found = [name for name, match in matches.items() if match.way == way]
            odd = [name for name in found if is_picture_name(name)] if way in (1, 3) else []
            if shown := odd or found:
                what = "have another suffix than is written there" if odd else f"are found {_WAYS[way]}"
                first = f"{shown[0]} is {matches[shown[0]].image_ids[0]}"
                image = f"image of {mentions.path.name}"
                notes.append(naming_first(len(shown), len(matches), image, what, first))
        return [matches[name].image_ids[0] for name in mentions.names], tuple(notes)


def _slashes(text: str) -> str:
    return text.strip().replace("\\", "/")


def _folder(base: str) -> str:
    clean = posixpath.normpath(_slashes(base)) if base.strip() else ""
    return "" if clean in ("", ".") else f"{composed(clean)}/"


def _without_suffix(path: str) -> str:
    """A path without the suffix of a picture; any other dot belongs to the name."""
    return posixpath.splitext(path)[0] if is_picture_name(posixpath.basename(path)) else path

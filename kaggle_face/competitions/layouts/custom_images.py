"""Images of own data: one entry of the settings read to images with their identities and splits."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from kaggle_face.competitions.files.csv_tables import CsvTable, read_csv_table
from kaggle_face.competitions.files.folders import name_of
from kaggle_face.competitions.files.image_index import ImageIndex
from kaggle_face.competitions.files.lists import read_lines
from kaggle_face.competitions.files.named_images import Mentions
from kaggle_face.config.competition import ImagesConfig, ListedSplit
from kaggle_face.errors import DataError, naming_first, part_of
from kaggle_face.records import Split

SPLIT_WORDS: Mapping[str, ListedSplit] = {
    **dict.fromkeys(("train", "training", "trn", "tr"), "train"),
    **dict.fromkeys(("dev", "val", "valid", "validation", "development"), "dev"),
    **dict.fromkeys(("test", "testing", "tst", "te"), "test"),
}
"""The words that name a split in tables and folders, in small letters."""

_WHOLE_NUMBER = re.compile(r"-?[0-9]+(\.0+)?")
_MISSING = frozenset(("", "nan", "null", "none", "<na>", "n/a", "#n/a"))
"""What programs write for a missing value, in small letters; R writes NA, while Na is a name."""

_FIELDS = {"identity": r"(?P<identity>.+)", "n": r"\d+", "any": ".*"}


@dataclass(frozen=True)
class ListedImage:
    """One image: its name in the table, its identity ("": not known), its split, and its line."""

    image_id: str
    called: str
    identity: str
    split: Split
    where: str


@dataclass
class ListedImages:
    """The images of several entries, each once."""

    images: dict[str, ListedImage] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def add(self, other: tuple[list[ListedImage], tuple[str, ...]]) -> None:
        """Adds the images of an entry and its notes.

        Raises:
            DataError: An image has two identities, or is in two splits.
        """
        found, notes = other
        twice = []
        for image in found:
            before = self.images.setdefault(image.image_id, image)
            if before is image:
                continue
            if before.split != image.split:
                raise DataError(
                    f"{image.where}: '{image.called}' is a {image.split} image here and a {before.split} "
                    f"image in {before.where}; take it out of one of them"
                )
            if before.identity and image.identity and before.identity != image.identity:
                raise DataError(
                    f"{image.where}: '{image.called}' is '{image.identity}' here and '{before.identity}' in "
                    f"{before.where}; remove one of the lines"
                )
            if not before.identity:
                self.images[image.image_id] = replace(image, called=before.called)
            twice.append(image)
        if twice:
            notes += (
                naming_first(
                    len(twice), len(found), "image", "are listed twice with the same split", twice[0].where
                ),
            )
        self.notes += notes


def read_images(
    root: Path, entry: ImagesConfig, index: ImageIndex, besides: Sequence[str] = ()
) -> tuple[list[ListedImage], tuple[str, ...]]:
    """The images of an entry in the order of its table, or sorted by path, and notes on oddities.

    A folder's images are those of all folders below it but `besides`, the folders of other entries.

    Raises:
        DataError: A table is missing or broken, or names images that do not exist; there is no image; a
            file does not fit the pattern; a word for a split is not known.
    """
    if entry.table is not None:
        return _read_table(root, entry.table, entry, index)
    folder = posixpath.normpath(entry.folder) if entry.folder else ""
    start = "" if folder in ("", ".") else f"{folder}/"
    skipped = tuple(f"{other}/" for other in besides)
    inside = [
        image_id
        for image_id in index.image_ids
        if image_id.startswith(start) and not image_id.startswith(skipped)
    ]
    where = str(root / folder)
    if not inside:
        raise DataError(
            f"{where} holds no image; fix the folder in competition.custom, or unpack the archive"
        )
    noun, clause = "picture", "lie beside the class folders, in none of them"
    if entry.class_folders:
        names = [image_id[len(start) :].rpartition("/")[0].partition("/")[0] for image_id in inside]
    elif entry.pattern is not None:
        expression = pattern_expression(entry.pattern)
        matches = [expression.fullmatch(name_of(image_id)) for image_id in inside]
        names = ["" if match is None else match["identity"] for match in matches]
        noun, clause = "file name", f"do not fit the pattern '{entry.pattern}'"
    else:
        names = [""] * len(inside)
    loose = [image_id for image_id, name in zip(inside, names, strict=True) if not name]
    if loose and (entry.class_folders or entry.pattern is not None):
        what = naming_first(len(loose), len(inside), noun, clause, loose[0])
        raise DataError(f"{where}: {what}; move what does not belong, or fix the entry in competition.custom")
    split: Split = entry.split
    return [
        ListedImage(image_id, name_of(image_id), name, split, where)
        for image_id, name in zip(inside, names, strict=True)
    ], ()


def pattern_expression(pattern: str) -> re.Pattern[str]:
    """The expression of a pattern for file names; a pattern without suffix fits any.

    >>> pattern_expression("{identity}_{n}.jpg").fullmatch("Ann_Bee_007.jpg")["identity"]
    'Ann_Bee'
    """
    pieces = re.split(r"\{(\w+)\}", pattern)
    unknown = [name for name in pieces[1::2] if name not in _FIELDS]
    if unknown:
        raise DataError(
            f"competition.custom: the pattern '{pattern}' has no field '{{{unknown[0]}}}'; known: "
            f"identity, n, any"
        )
    text = "".join(_FIELDS[piece] if place % 2 else re.escape(piece) for place, piece in enumerate(pieces))
    suffix = "" if "." in pieces[-1] else r"\.\w+"
    return re.compile(text + suffix)


def _read_cells(
    path: Path, wanted: Sequence[str], has_header: bool, entry: ImagesConfig, index: ImageIndex
) -> CsvTable:
    """The table at a path; blanks separate its cells where nothing else does, unless whole lines name images.

    Raises:
        DataError: It is not a table, or lacks a wanted column.
    """
    with suppress(DataError):
        whole = read_csv_table(path, wanted, has_header)
        (cells,) = whole.columns.values() if len(whole.columns) == 1 else ((),)
        named = sum(bool(index.match(cell.strip(), (entry.folder,), entry.cut).image_ids) for cell in cells)
        if 2 * named > len(cells):
            return whole
    return read_csv_table(path, wanted, has_header, may_have_blanks=True)


def _read_table(
    root: Path, name: str, entry: ImagesConfig, index: ImageIndex
) -> tuple[list[ListedImage], tuple[str, ...]]:
    assert entry.image is not None, "checked by the settings"
    path = root / name
    own_split = entry.split_column if entry.split_table is None else None
    wanted = [column for column in (entry.image, entry.identity, entry.id, own_split) if column is not None]
    table = _read_cells(path, wanted, entry.header, entry, index)
    calls = [text.strip() for text in table.columns[entry.image]]
    found, notes = index.find(Mentions(path, calls, table.line_numbers), (entry.folder,), entry.cut)
    called = calls if entry.id is None else [text.strip() for text in table.columns[entry.id]]
    splits: Sequence[Split | None] = [entry.split] * len(found)
    if entry.split_table is not None:
        splits, more = _splits_of_other_table(root / entry.split_table, entry, index, found)
        notes += more
    elif entry.split_column is not None:
        splits = _as_splits(table, entry.split_column, entry.splits)
    elif entry.split_lists:
        splits = _splits_of_lists(root, entry, index, found)
    identities, splits = _identities(table, entry, splits)
    listed = [
        ListedImage(image_id, call, identity, split, f"{path}:{line}")
        for image_id, call, identity, split, line in zip(
            found, called, identities, splits, table.line_numbers, strict=True
        )
        if split is not None
    ]
    if len(listed) < len(found):
        notes += (
            f"{name}: {part_of(len(found) - len(listed), len(found), 'row', 'are left out by the split')}",
        )
    return listed, (*table.notes, *notes)


def _identities(
    table: CsvTable, entry: ImagesConfig, splits: Sequence[Split | None]
) -> tuple[list[str], list[Split | None]]:
    """The identity of each row, empty where nothing names it, and its split.

    Raises:
        DataError: A training or dev image has no identity, and the settings do not name what such rows are.
    """
    if entry.identity is None:
        return [""] * len(splits), [*splits]
    texts = identity_texts(table.columns[entry.identity])
    names = ["" if is_missing_name(text) else text for text in texts]
    nameless = [
        place
        for place, (name, split) in enumerate(zip(names, splits, strict=True))
        if not name and split in ("train", "dev")
    ]
    if nameless and entry.without_identity is None:
        what = naming_first(
            len(nameless),
            len(names),
            "row",
            "have no identity",
            f"'{texts[nameless[0]]}' in '{entry.identity}'",
        )
        raise DataError(
            f"{table.path}:{table.line_numbers[nameless[0]]}: {what}; fix them, or say what they are with "
            f"without_identity: test or skip in competition.custom"
        )
    meaning: Split | None = "test" if entry.without_identity == "test" else None
    places = {*nameless}
    return names, [meaning if place in places else split for place, split in enumerate(splits)]


def is_missing_name(cell: str) -> bool:
    """Whether a cell of an identity column is a usual mark of a missing value.

    >>> is_missing_name("NaN"), is_missing_name("NA"), is_missing_name("Na")
    (True, True, False)
    """
    return cell == "NA" or cell.lower() in _MISSING


def identity_texts(cells: Sequence[str]) -> list[str]:
    """The identities of a column; numbers such as 3.0, as tables with gaps have them, are written as 3.

    >>> identity_texts(["3.0", "", "12.0"]), identity_texts(["3.0", "2.5"])
    (['3', '', '12'], ['3.0', '2.5'])
    """
    texts = [cell.strip() for cell in cells]
    if all(is_missing_name(text) or _WHOLE_NUMBER.fullmatch(text) for text in texts):
        return [text if is_missing_name(text) else text.partition(".")[0] for text in texts]
    return texts


def _as_splits(table: CsvTable, column: str, words: Mapping[str, str]) -> list[Split | None]:
    """The split of each row; None where the settings leave its word out.

    Raises:
        DataError: A word names no split.
    """
    known: dict[str, Split | None] = {**SPLIT_WORDS}
    for word, meaning in words.items():
        known[word.lower()] = SPLIT_WORDS.get(meaning)
    texts = [text.strip() for text in table.columns[column]]
    for place, text in enumerate(texts):
        if text.lower() not in known:
            raise DataError(
                f"{table.path}:{table.line_numbers[place]}: '{text}' of the column '{column}' is not train, "
                f"dev or test; give its meaning as 'splits' in competition.custom, such as {{{text}: train}}"
            )
    return [known[text.lower()] for text in texts]


def _splits_of_other_table(
    path: Path, entry: ImagesConfig, index: ImageIndex, found: Sequence[str]
) -> tuple[list[Split | None], tuple[str, ...]]:
    """The split of each image by another table, which may hold more images.

    Raises:
        DataError: The table names an image twice with two splits, or lacks one.
    """
    assert entry.split_image is not None and entry.split_column is not None, "checked by the settings"
    wanted = [entry.split_image, entry.split_column]
    table = _read_cells(path, wanted, entry.split_header, entry, index)
    numbers = table.line_numbers
    mentions = Mentions(path, table.columns[entry.split_image], numbers)
    images, notes = index.find(mentions, (entry.folder,), entry.cut)
    split_of: dict[str, Split | None] = {}
    words = _as_splits(table, entry.split_column, entry.splits)
    for image_id, split, line in zip(images, words, numbers, strict=True):
        if split_of.setdefault(image_id, split) != split:
            raise DataError(f"{path}:{line}: {image_id} has two splits; remove one of the lines")
    lost = [image_id for image_id in found if image_id not in split_of]
    if lost:
        what = naming_first(len(lost), len(found), f"image of {entry.table}", "have no split here", lost[0])
        raise DataError(f"{path}: {what}; add the missing lines")
    return [split_of[image_id] for image_id in found], notes


def _splits_of_lists(
    root: Path, entry: ImagesConfig, index: ImageIndex, found: Sequence[str]
) -> list[Split | None]:
    """The split of each image by the list that names it, and that of the entry where none does.

    Raises:
        DataError: A list names an image that does not exist, or one that another list has too.
    """
    split_of: dict[str, Split] = {}
    for name, split in entry.split_lists.items():
        path = root / name
        lines = read_lines(path)
        start = 0 if index.match(lines.texts[0], (entry.folder,), entry.cut).image_ids else 1
        mentions = Mentions(path, [text.strip() for text in lines.texts[start:]], lines.numbers[start:])
        images, _ = index.find(mentions, (entry.folder,), entry.cut)
        for image_id, line in zip(images, mentions.line_numbers, strict=True):
            if split_of.setdefault(image_id, split) != split:
                raise DataError(
                    f"{path}:{line}: {image_id} is a {split_of[image_id]} image of another list; remove it "
                    f"from one of them"
                )
    return [split_of.get(image_id, entry.split) for image_id in found]

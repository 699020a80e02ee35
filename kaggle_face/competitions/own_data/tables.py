"""Tables of own data: which columns name images, identities, splits and labels of pairs."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kaggle_face.competitions.files.csv_tables import CsvTable, read_csv_table
from kaggle_face.competitions.files.folders import stem_of
from kaggle_face.competitions.files.image_index import ImageIndex
from kaggle_face.competitions.layouts.custom_images import SPLIT_WORDS
from kaggle_face.competitions.layouts.custom_trials import DIFFERENT_WORDS, SAME_WORDS, halves_of
from kaggle_face.errors import ConfigError, DataError
from kaggle_face.file_names import is_picture_name

TABLE_SUFFIXES = (".csv", ".tsv", ".txt")
_WHOLE_NUMBER = re.compile(r"[0-9]{1,15}(\.0+)?")
_NUMBERING = ("", "id", "index", "row", "unnamed: 0", "idx", "number", "no")
_SPLIT_NAME = re.compile(r"split|partition|subset|phase|usage|part$|^set$", re.IGNORECASE)
_FLAG_NAME = re.compile(r"^(?:is|in|for)?[ _-]*([a-z]+?)[ _-]*(?:set|split|flag)?$", re.IGNORECASE)
TRUE_WORDS = frozenset(("1", "1.0", "true", "t", "yes", "y"))
FALSE_WORDS = frozenset(("0", "0.0", "false", "f", "no", "n"))
_LABEL_NAME = re.compile(r"same|label|match|target|verdict|class|genuine|^is", re.IGNORECASE)
_JOINTS = (
    *("_vs_", "-vs-", " vs ", "_VS_", " - ", ", ", "__", "--", "::", "->", "=>", "<>"),
    *(" ", "-", "_", ",", ";", "|", ":", "+", "&", "/", "~", "#", "@", "=", "^", "x"),
)
_TRIED = 1000


@dataclass(frozen=True, eq=False)
class OwnTable:
    """A table below the data root, and which of its columns name images.

    `joint` is a column of pairs and the text between their two images; `doubts`: why columns that fit too
    are not taken.
    """

    name: str
    table: CsvTable
    has_header: bool
    image_columns: tuple[str, ...]
    cut: str = ""
    doubts: tuple[str, ...] = ()
    joint: tuple[str, str] | None = None

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in their order."""
        return [*self.table.columns]

    def cells(self, column: str) -> list[str]:
        """The cells of a column."""
        return [cell.strip() for cell in self.table.columns[column]]

    def shown(self, column: str) -> str:
        """A column with three different examples."""
        examples = [*dict.fromkeys(self.cells(column))][:3]
        return f"{column or '(no name)'} ({', '.join(examples)})"


def read_own_table(root: Path, name: str, index: ImageIndex) -> OwnTable:
    """Reads a table whose first line may be a header, and finds the columns that name images.

    Blanks separate its cells where nothing else does, unless whole lines name images.

    Raises:
        DataError: It is not a table.
    """
    try:
        own = _read(root, name, index, may_have_blanks=True)
    except DataError:
        own = _read(root, name, index, may_have_blanks=False)
        if not own.image_columns and own.joint is None:
            raise
        return own
    if own.image_columns or own.joint is not None:
        return own
    whole = _read(root, name, index, may_have_blanks=False)
    return whole if whole.image_columns or whole.joint is not None else own


def _read(root: Path, name: str, index: ImageIndex, may_have_blanks: bool) -> OwnTable:
    table = read_csv_table(root / name, [], has_header=False, may_have_blanks=may_have_blanks)
    first = [cells[0] for cells in table.columns.values()]
    has_header = not any(
        index.match(text).image_ids or is_picture_name(_last(text)) or _joints_of([text], index)
        for text in first
    )
    if has_header:
        table = read_csv_table(root / name, [], may_have_blanks=may_have_blanks)
    cut = next((cut for cells in table.columns.values() if (cut := _common_cut(cells, index))), "")
    named = [column for column, cells in table.columns.items() if _name_images(cells, index, cut)]
    if named:
        kept, doubts = _without_doubles(table, named, index, cut)
        return OwnTable(name, table, has_header, kept, cut, doubts)
    for column, cells in table.columns.items():
        if joints := _joints_of(cells, index):
            return OwnTable(name, table, has_header, (), joint=(column, joints[0]))
    return OwnTable(name, table, has_header, ())


def _without_doubles(
    table: CsvTable, named: list[str], index: ImageIndex, cut: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns that are meant to name images, and why the others that fit are not."""
    doubts = []
    for column in list(named):
        if len(named) > 1 and column.lower() in _NUMBERING and is_numbering(table.columns[column]):
            named.remove(column)
            doubts.append(f"column {column or '(no name)'} numbers the rows")
    with_suffix = [column for column in named if all(map(is_picture_name, map(_last, table.columns[column])))]
    if with_suffix and len(with_suffix) < len(named):
        left = [column for column in named if column not in with_suffix]
        doubts.append(f"column {left[0]} fits images too, without their suffix")
        named = with_suffix
    while len(named) > 1 and _same_images(table, named, index, cut):
        doubts.append(f"column {named[-1]} names the same images")
        named.pop()
    return tuple(named), tuple(doubts)


def _joints_of(cells: Sequence[str], index: ImageIndex) -> list[str]:
    """The texts that stand between two names of images in most cells, of as many as are tried."""
    tried = cells[:: max(1, len(cells) // _TRIED)]
    return [
        joint
        for joint in _JOINTS
        if joint in tried[0]
        and 2 * sum(len(halves_of(cell, joint, index)) == 1 for cell in tried) > len(tried)
    ]


def read_as_numbers(own: OwnTable, index: ImageIndex) -> str | None:
    """The image that the first differently written number of a column may be, and what to do.

    None where no column holds the numbers of images alone.
    Programs that read ids as numbers drop the zeros before them, and write `.0` where a column has gaps.
    """
    by_number = {
        int(stem): image_id for image_id in index.image_ids if (stem := stem_of(image_id)).isdecimal()
    }
    for column in own.columns:
        cells = own.cells(column)
        numbers = [int(float(cell)) if _WHOLE_NUMBER.fullmatch(cell) else -1 for cell in cells]
        if len({*numbers}) == len(cells) and {*numbers} <= by_number.keys():
            meant = f"{cells[0]} of {column} may be {by_number[numbers[0]]}"
            if all(map(str.isdecimal, cells)):
                return f"{meant} without its zeros; write its ids with their zeros, as text"
            return f"{meant}; write its ids as the files are called, as text"
    return None


def is_numbering(cells: Sequence[str]) -> bool:
    """Whether cells number the rows from 0 or 1."""
    return [*cells] in ([*map(str, range(len(cells)))], [*map(str, range(1, len(cells) + 1))])


def numbers_rows(own: OwnTable, column: str) -> bool:
    """Whether a column is called like a number of the row, and is one."""
    return column.lower() in _NUMBERING and is_numbering(own.cells(column))


def split_columns(own: OwnTable) -> list[str]:
    """The columns whose cells are words for splits, or that are called like a split and hold few words.

    Where there is no header the table's own name counts.
    """
    found = []
    for column in own.columns:
        words = {cell.lower() for cell in own.cells(column)}
        if column not in own.image_columns and words <= SPLIT_WORDS.keys():
            found.append(column)
    found = found or [column for column in own.columns if flagged_split(own, column) is not None]
    if found:
        return found
    return [
        column
        for column in own.columns
        if column not in own.image_columns
        and _SPLIT_NAME.search(column if own.has_header else posixpath.splitext(own.name)[0])
        and len({*own.cells(column)}) <= 6
    ]


def flagged_split(own: OwnTable, column: str) -> str | None:
    """The split that a column such as `is_test` marks with true or 1; None for any other column."""
    called = _FLAG_NAME.match(column)
    words = {cell.lower() for cell in own.cells(column)}
    if called is None or column in own.image_columns or not words <= TRUE_WORDS | FALSE_WORDS:
        return None
    return SPLIT_WORDS.get(called[1].lower())


def pair_label_columns(own: OwnTable) -> list[str]:
    """The columns that may hold the truth of pairs; those called like a label where some are."""
    columns = [
        column
        for column in own.columns
        if column not in own.image_columns
        and {cell.lower() for cell in own.cells(column)} <= SAME_WORDS | DIFFERENT_WORDS
        and len({*own.cells(column)}) == 2
        and (_LABEL_NAME.search(column) or not is_numbering(own.cells(column)))
    ]
    return [column for column in columns if _LABEL_NAME.search(column)] or columns


def folder_of(own: OwnTable, columns: Sequence[str], index: ImageIndex) -> tuple[str, list[str]]:
    """The folder that the names in columns are meant to lie in, and the images named.

    It is the deepest one that makes the names plain paths, or else that holds all images; where names are in
    several folders, the one that is called like the table, or else the one that the table lies in.

    Raises:
        ConfigError: Two folders are equally likely.
    """
    names = list(dict.fromkeys(cell for column in columns for cell in own.cells(column)))
    matches = [index.match(name, ("",), own.cut) for name in names]
    if any(len(match.image_ids) > 1 for match in matches):
        return _only_folder(own, columns, names, index)
    found = [match.image_ids[0] for match in matches if match.image_ids]
    common = posixpath.commonpath([posixpath.dirname(image_id) for image_id in found]) if found else ""
    folder = common
    while True:
        ways = [index.match(name, (folder,), own.cut) for name in names]
        if all(match.way <= 1 and (match.image_ids or match.is_outside) for match in ways):
            return folder, found
        if not folder:
            return common if not any(match.is_outside for match in matches) else "", found
        folder = posixpath.dirname(folder)


def _only_folder(
    own: OwnTable, columns: Sequence[str], names: Sequence[str], index: ImageIndex
) -> tuple[str, list[str]]:
    folders: dict[str, None] = {}
    for image_id in index.image_ids:
        folder = posixpath.dirname(image_id)
        while folder and folder not in folders:
            folders[folder] = None
            folder = posixpath.dirname(folder)
    fitting = [
        folder
        for folder in sorted(folders, key=lambda folder: (folder.count("/"), folder))
        if all(len(index.match(name, (folder,), own.cut).image_ids) == 1 for name in names)
    ]
    words = {*re.split(r"\W|_", posixpath.basename(own.name).lower())}
    alike = [folder for folder in fitting if words & {*re.split(r"\W|_", folder.lower())}]
    chosen = alike or [folder for folder in fitting if folder == posixpath.dirname(own.name)] or fitting
    tops = [folder for folder in chosen if not any(folder.startswith(f"{other}/") for other in chosen)]
    if len(tops) != 1:
        _refuse_names_of_several_images(own, columns, names, index)
        what = " and ".join(tops[:3]) if tops else "several folders"
        raise ConfigError(
            f"{own.name}: its images may lie in {what}; say which with --folder {own.name}:FOLDER"
        )
    return tops[0], [index.match(name, (tops[0],), own.cut).image_ids[0] for name in names]


def _refuse_names_of_several_images(
    own: OwnTable, columns: Sequence[str], names: Sequence[str], index: ImageIndex
) -> None:
    """Refuses rows of one name that several images have: only their folders differ."""
    if len(columns) > 1 or len(names) == len(own.cells(columns[0])):
        return
    name = next(name for name in names if len(index.match(name, ("",), own.cut).image_ids) > 1)
    first, second = index.match(name, ("",), own.cut).image_ids[:2]
    raise ConfigError(
        f"{own.name}: '{name}' may be {first} or {second}, and names of its column {columns[0]} stand in "
        f"several rows; write the folder before each name, such as {first}"
    )


def _last(cell: str) -> str:
    return cell.strip().replace("\\", "/").rpartition("/")[2]


def _name_images(cells: Sequence[str], index: ImageIndex, cut: str) -> bool:
    """Whether most cells, of as many as are tried, name images; of names of pictures one that is there."""
    tried = cells[:: max(1, len(cells) // _TRIED)]
    found = sum(bool(index.match(cell, ("",), cut).image_ids) for cell in tried)
    pictures = sum(map(is_picture_name, map(_last, tried)))
    return 2 * found > len(tried) or (found > 0 and 2 * pictures > len(tried))


def _common_cut(cells: Sequence[str], index: ImageIndex) -> str:
    """The beginning of paths or addresses that are not below the root, whose rest leads to images."""
    text = cells[0].strip().replace("\\", "/")
    if index.match(text).image_ids:
        return ""
    pieces = text.split("/")
    for place in range(1, len(pieces)):
        cut = "/".join(pieces[:place]) + "/"
        if index.match("/".join(pieces[place:])).way <= 1 and index.match("/".join(pieces[place:])).image_ids:
            return cut if all(cell.strip().replace("\\", "/").startswith(cut) for cell in cells) else ""
    return ""


def _same_images(table: CsvTable, named: Sequence[str], index: ImageIndex, cut: str) -> bool:
    first, last = table.columns[named[0]], table.columns[named[-1]]
    rows = [*zip(first, last, strict=True)][:_TRIED]
    return all(
        index.match(one, ("",), cut).image_ids == index.match(two, ("",), cut).image_ids for one, two in rows
    )

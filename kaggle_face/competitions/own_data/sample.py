"""The sample submission of own data: which table it is, its ids, and how it writes labels."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from kaggle_face.competitions.files.folders import name_of, stem_of
from kaggle_face.competitions.layouts.custom_images import SPLIT_WORDS, read_images
from kaggle_face.competitions.own_data.answers import Answers
from kaggle_face.competitions.own_data.findings import Findings, SampleReading
from kaggle_face.competitions.own_data.folders import split_called, split_folders
from kaggle_face.competitions.own_data.image_tables import locate
from kaggle_face.competitions.own_data.labels import read_class_columns, table_of_labels
from kaggle_face.competitions.own_data.tables import OwnTable, is_numbering
from kaggle_face.competitions.submission.samples import have_confidences
from kaggle_face.config.competition import ImagesConfig
from kaggle_face.errors import ConfigError
from kaggle_face.hints import shell_line

NO_SAMPLE = "none"
"""The answer for a competition without a sample submission."""

_SAMPLE_NAME = re.compile(
    r"sample(?!s)|subm|example|template|format|dummy|placeholder|baseline", re.IGNORECASE
)
_UNKNOWN_NAME = re.compile(
    r"(^|_|-)(new|unknown|unk|nobody|none|noone|other|others|stranger|distractor)(_|-|$)", re.IGNORECASE
)


def split_off_samples(
    tables: Sequence[OwnTable], named: Sequence[str], answers: Answers
) -> tuple[list[OwnTable], list[OwnTable]]:
    """The tables, and the samples among them: the one answered, those called so, or those that look so."""
    chosen: list[OwnTable] = []
    answer = answers.sample
    if answer == NO_SAMPLE:
        pass
    elif answer is not None:
        chosen = [own for own in tables if own.name == answer]
    else:
        chosen = [own for own in tables if own.name in named]
        chosen = chosen or [own for own in tables if _SAMPLE_NAME.search(name_of(own.name))]
        chosen = chosen or [own for own in tables if _looks_like_a_sample(own, tables)]
    _require_id_column(chosen, answers.id_column)
    return [own for own in tables if own not in chosen], [_with_ids_alone(own, answers) for own in chosen]


def _require_id_column(samples: Sequence[OwnTable], name: str | None) -> None:
    """Refuses an answer that names a column of other tables alone."""
    columns = [column for own in samples for column in own.columns]
    if name is not None and name not in columns:
        there = f"; there are: {', '.join(columns)}" if columns else ": there is none"
        raise ConfigError(f"--id-column: no sample submission has a column '{name}'{there}")


def sample_images(find: Findings, samples: Sequence[OwnTable]) -> frozenset[str]:
    """The images that samples name."""
    columns = [(own, own.image_columns[0]) for own in samples if len(own.image_columns) == 1]
    return frozenset(
        image_id
        for own, column in columns
        for cell in own.cells(column)
        for image_id in find.index.match(cell, cut=own.cut).image_ids
    )


def take_samples(find: Findings, samples: Sequence[OwnTable], pair_files: set[str]) -> SampleReading:
    """Takes the ids of samples as test rows; those of lists of pairs are read with them.

    Raises:
        ConfigError: Two folders may hold its images.
    """
    reading = SampleReading(unknown=find.answers.unknown, submitted=find.answers.submitted or "name")
    for own in samples:
        if own.name in pair_files:
            continue
        if not own.has_header:
            first = ",".join(own.cells(column)[0] for column in own.columns)
            raise ConfigError(
                f"{own.name}: its first line '{first}' is a row and not a header; write the names of its "
                f"columns above it, or leave it aside with --sample none"
            )
        if find.probes and (images := sample_images(find, [own])) and images <= find.probes:
            find.note(
                f"{own.name}: the sample submission, whose {own.shown(own.image_columns[0])} are probes"
            )
            reading = replace(reading, no_match=_label_of_unknown(find, own, reading.unknown), unknown=None)
        elif not own.image_columns and _take_ids_of_probes(find, own):
            reading = replace(reading, no_match=_label_of_unknown(find, own, reading.unknown), unknown=None)
        elif find.answers.row_order is not None:
            find.note(
                f"{own.name}: the sample submission, whose {own.shown(_ids_of(find, own))} count images"
            )
            test_id = _if_not_first(own, _ids_of(find, own))
            order = find.answers.row_order
            reading = replace(reading, test_rows=own.name, test_id=test_id, row_order=order)
        elif len(own.image_columns) == 1:
            reading = _take_images(find, own, own.image_columns[0], reading)
        elif (column := _take_ids_of_table(find, own)) is not None:
            reading = replace(reading, test_rows=own.name, test_id=_if_not_first(own, column))
        else:
            find.note(f"{own.name}: the sample submission, by {own.shown(_ids_of(find, own))}")
            _take_numbers_of_images(find, own)
    return reading


def read_labels(find: Findings, reading: SampleReading) -> SampleReading:
    """The format of a sample's labels: several in a cell, one of unknown people, names, places or others.

    Raises:
        ConfigError: Labels may be names or places among them.
    """
    own = find.tables.get(reading.test_rows or "")
    if own is not None and (found := read_class_columns(find, own, reading)) is not None:
        return found
    column = None if own is None else _label_column(find, own)
    if own is None or column is None or not find.names:
        return reading
    cells = [cell for cell in own.cells(column) if cell]
    if have_confidences(cells):
        find.note(f"{own.name}: {own.shown(column)} are labels with their probabilities")
        cells = [cell.rpartition(" ")[0] for cell in cells]
    words = Counter(word for cell in cells for word in cell.split())
    per_row = max((len(cell.split()) for cell in cells if cell not in find.names), default=1)
    known = sum(count for word, count in words.items() if word in find.names)
    if per_row > 1 and 2 * known > words.total():
        return _read_ranking(find, own, cells[0], words, replace(reading, labels_per_row=per_row))
    if find.answers.submitted is not None or not {*cells} - find.names:
        return reading
    if (labels := table_of_labels(find, own, {*cells})) is not None:
        return replace(reading, labels=labels)
    return _read_places(find, own, column, reading, cells)


def _take_images(find: Findings, own: OwnTable, column: str, reading: SampleReading) -> SampleReading:
    """The test rows of a sample whose ids name images, which are test images if nothing else names them.

    The first column goes before others that name images, and a folder called like a test before others.
    """
    first = own.columns[0]
    ids = {*own.cells(first)}
    if (
        find.answers.id_column != column
        and len(ids) == len(own.cells(first))
        and all(find.index.match(text, cut=own.cut).image_ids for text in ids)
    ):
        column = first
    cut = f"; '{own.cut}' is cut off their paths" if own.cut else ""
    find.note(f"{own.name}: the sample submission, whose {own.shown(column)} gives the test images{cut}")
    if not find.has_test:
        tests = (each for each in split_folders(find.left) if split_called(name_of(each)) == "test")
        if own.cut or not any(_all_in(find, own, column, folder) for folder in tests):
            if is_numbering(own.cells(column)) and find.answers.folder_of(own.name) is None:
                _refuse_numbers_of_several(find, own, column)
            folder, found = locate(find, own, (column,))
            find.images.append(
                ImagesConfig(split="test", folder=folder, table=own.name, image=column, cut=own.cut)
            )
            find.covered |= {*found}
    return replace(reading, test_rows=own.name, test_id=_if_not_first(own, column))


def _refuse_numbers_of_several(find: Findings, own: OwnTable, column: str) -> None:
    """Refuses numbers of rows that are names of images as well, in several folders."""
    if any(len(find.index.match(cell, cut=own.cut).image_ids) > 1 for cell in own.cells(column)):
        raise ConfigError(
            f"{own.name}: {own.shown(column)} may number its rows, and no folder of test images has "
            f"all of these names; say what they count with --row-order name or --row-order number, or leave "
            f"it aside with --sample none"
        )


def _take_numbers_of_images(find: Findings, own: OwnTable) -> None:
    """Takes the only folder whose file names are the numbers that a sample has without their zeros."""
    cells = own.cells(_ids_of(find, own))
    numbers: dict[str, set[int]] = {}
    for image_id in find.left:
        if stem_of(image_id).isdecimal():
            numbers.setdefault(posixpath.dirname(image_id), set()).add(int(stem_of(image_id)))
    if find.has_test or not all(cell.isdecimal() for cell in cells):
        return
    fitting = [folder for folder, found in numbers.items() if found == {*map(int, cells)}]
    if len(fitting) == 1 and fitting[0]:
        images = [image_id for image_id in find.left if posixpath.dirname(image_id) == fitting[0]]
        find.images.append(ImagesConfig(split="test", folder=fitting[0]))
        find.covered |= {*images}
        find.note(f"{fitting[0]}/: test images, whose numbers are in {own.name}: {cells[0]} for {images[0]}")


def _label_of_unknown(find: Findings, own: OwnTable, answer: str | None) -> str | None:
    """The word for people who are not in the gallery: as answered, or as the sample has it.

    It is called so, or is the only one beside names of known people.
    """
    if answer is not None:
        return answer or None
    known = {
        image.identity
        for gallery in find.galleries
        for image in read_images(find.root, gallery.known, find.index)[0]
    }
    column = _label_column(find, own) or own.columns[-1]
    words = {*own.cells(column)} - {""}
    odd = sorted(words - known)
    called = [word for word in odd if _UNKNOWN_NAME.search(word)]
    if len(odd) == 1 and len(words) > 1:
        called = odd
    if len(called) != 1:
        if odd:
            find.note(
                f"{own.name}: '{odd[0]}' of {column} is not a known person and never answered; if it is the "
                f"answer for people who are not in the gallery, --unknown {shell_line([odd[0]])}"
            )
        return None
    find.note(f"{own.name}: '{called[0]}' is the answer for people who are not in the gallery")
    return called[0]


def _all_in(find: Findings, own: OwnTable, column: str, folder: str) -> bool:
    """Whether each cell names one image of a folder."""
    matches = (find.index.match(text, (folder,), own.cut) for text in own.cells(column))
    return all(len(match.image_ids) == 1 and match.image_ids[0].startswith(f"{folder}/") for match in matches)


def _take_ids_of_table(find: Findings, own: OwnTable) -> str | None:
    """The column of a sample whose ids are those of another column of the table of test images."""
    for place, entry in enumerate(find.images):
        if not (entry.split == "test" or entry.split_column or entry.without_identity):
            continue
        if (found := _columns_of_ids(find, own, entry)) is not None:
            find.images[place] = entry.model_copy(update={"id": found[1]})
            return found[0]
    return None


def _take_ids_of_probes(find: Findings, own: OwnTable) -> bool:
    """Whether the ids of a sample are those of another column of a table of probes, which is set then."""
    for place, gallery in enumerate(find.galleries):
        found = None if gallery.probes.identity else _columns_of_ids(find, own, gallery.probes)
        if found is not None:
            probes = gallery.probes.model_copy(update={"id": found[1]})
            find.galleries[place] = gallery.model_copy(update={"probes": probes})
            return True
    return False


def _columns_of_ids(find: Findings, own: OwnTable, entry: ImagesConfig) -> tuple[str, str] | None:
    """The column of a sample with ids, and that of the table of an entry which has them all, each once."""
    table = find.tables.get(entry.table or "")
    if table is None:
        return None
    answer = find.answers.id_column
    for column in [answer] if answer is not None and answer in own.columns else own.columns:
        ids = {*own.cells(column)}
        if len(ids) < len(own.cells(column)):
            continue
        for name in table.columns:
            cells = table.cells(name)
            is_other = name not in (entry.image, entry.identity)
            if is_other and ids <= {*cells} and len({*cells}) == len(cells):
                find.note(
                    f"{own.name}: the sample submission, whose {own.shown(column)} is {table.shown(name)} of "
                    f"{table.name}"
                )
                unused = f"{table.name}: column {table.shown(name)} is not used"
                find.alternatives = [line for line in find.alternatives if line != unused]
                return column, name
    return None


def _read_places(
    find: Findings, own: OwnTable, column: str, reading: SampleReading, cells: Sequence[str]
) -> SampleReading:
    """Whether labels are places among the sorted names.

    Raises:
        ConfigError: One number stands in all cells, which may be a place or stand for any name.
    """
    are_places = all(cell.isdecimal() and int(cell) < len(find.names) for cell in cells)
    if not are_places or any(name.isdecimal() for name in find.names):
        written = f"names such as {min(find.names)} are written"
        find.note(f"{own.name}: '{cells[0]}' of {column} is not an identity; {written}")
        return reading
    if len({*cells}) > 1:
        find.note(f"{own.name}: {own.shown(column)} are places among the sorted names of identities, from 0")
        find.alternatives.append(f"{own.name}: if {column} are names, --submitted name")
        return replace(reading, submitted="index")
    raise ConfigError(
        f"{own.name}: '{cells[0]}' of the column '{column}' may be a place among the sorted names, or stand "
        f"for a name such as {min(find.names)}; say which with --submitted index or --submitted name"
    )


def _read_ranking(
    find: Findings, own: OwnTable, example: str, words: Counter[str], reading: SampleReading
) -> SampleReading:
    """The label of unknown people in rankings: the only word that is not an identity, or is called so."""
    unknown = reading.unknown
    others = sorted({*words} - find.names)
    if unknown is None:
        called = [word for word in words if _UNKNOWN_NAME.search(word)]
        unknown = others[0] if len(others) == 1 else called[0] if len(called) == 1 else None
    what = f"{own.name}: {reading.labels_per_row} labels a row, as in '{example}'"
    if unknown is None:
        odd = f"; '{others[0]}' is not an identity and is never answered" if others else ""
        find.note(f"{what}{odd}")
        return reading
    find.note(f"{what}; '{unknown}' is the label of unknown people, and not an identity")
    find.alternatives.append(f"{own.name}: if '{unknown}' is an identity or never answered, --unknown ''")
    return replace(reading, unknown=unknown or None)


def _label_column(find: Findings, own: OwnTable) -> str | None:
    """The column of labels: the one that holds most identities, or else the last that is not an id."""
    rows = len(own.table.line_numbers)
    repeated = {column for column in own.columns if len({*own.cells(column)}) < rows}
    columns = [
        column
        for column in own.columns
        if column not in (*own.image_columns, find.answers.id_column)
        and (column in repeated or column != own.columns[0])
    ]
    if not columns:
        return None
    hits = {
        column: sum(word in find.names for cell in own.cells(column)[:1000] for word in (cell, *cell.split()))
        for column in columns
    }
    best = max(columns, key=lambda column: hits[column])
    return best if hits[best] else ([column for column in columns if column in repeated] or columns)[-1]


def _looks_like_a_sample(own: OwnTable, tables: Sequence[OwnTable]) -> bool:
    """Whether ids of images, or those of another table, stand beside columns of one and the same cell."""
    rows = len(own.table.line_numbers)
    sizes = {column: len({*own.cells(column)}) for column in own.columns}
    ids = [column for column, size in sizes.items() if size == rows]
    constant = [column for column, size in sizes.items() if size == 1]
    words = {own.cells(column)[0].lower() for column in constant}
    if rows < 3 or not own.has_header or not ids or not constant or words & SPLIT_WORDS.keys():
        return False
    if len(ids) + len(constant) < len(own.columns):
        return False
    wanted = {*own.cells(ids[0])}
    return (
        bool(own.image_columns)
        or own.joint is not None
        or any(
            wanted == {*other.cells(column)}
            for other in tables
            if other is not own
            for column in other.columns
        )
    )


def _with_ids_alone(own: OwnTable, answers: Answers) -> OwnTable:
    """A sample without the columns of images that are its predictions: words that fit an image's name too."""
    if answers.id_column in own.columns:
        return replace(
            own, image_columns=tuple(each for each in own.image_columns if each == answers.id_column)
        )
    rows = len(own.table.line_numbers)
    unique = [column for column in own.image_columns if len({*own.cells(column)}) == rows]
    others = [
        column
        for column in own.columns
        if column not in own.image_columns and not is_numbering(own.cells(column))
    ]
    if len(own.image_columns) > 1 and unique and not others:
        return replace(own, image_columns=(unique[0],))
    return own


def _ids_of(find: Findings, own: OwnTable) -> str:
    """The column of ids: as answered, or else the first."""
    answer = find.answers.id_column
    return answer if answer is not None and answer in own.columns else own.columns[0]


def _if_not_first(own: OwnTable, column: str) -> str | None:
    return None if column == own.columns[0] else column

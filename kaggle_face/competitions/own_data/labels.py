"""Labels that the sample submission of own data holds in place of names: from a table, or a list of names."""

from __future__ import annotations

from dataclasses import replace

from kaggle_face.competitions.files.csv_tables import read_csv_table
from kaggle_face.competitions.own_data.findings import Findings, SampleReading
from kaggle_face.competitions.own_data.identities import rank_of
from kaggle_face.competitions.own_data.tables import OwnTable
from kaggle_face.config.competition import LabelsConfig
from kaggle_face.errors import ConfigError, DataError


def table_of_labels(find: Findings, own: OwnTable, cells: set[str]) -> LabelsConfig | None:
    """The table that gives each identity the label of the sample, and its two columns; or a list of names.

    Raises:
        ConfigError: Rows of a table that names all identities once are in another order than sorted.
    """
    others = [table for table in find.tables.values() if table is not own and not table.image_columns]
    for table in [*others, *filter(None, (_as_rows_alone(find, table) for table in others))]:
        columns = {name: [*table.cells(name)] for name in table.columns}
        unique = [name for name, values in columns.items() if len({*values}) == len(values)]
        names = [name for name in unique if find.names <= {*columns[name]}]
        labels = [name for name in unique if name not in names and cells <= {*columns[name]}]
        if len(names) == len(labels) == 1:
            shown = f"{table.shown(labels[0])} stands for {table.shown(names[0])}"
            _note_labels(find, table.name, own, f"where {shown}")
            return LabelsConfig(table=table.name, name=names[0], label=labels[0], header=table.has_header)
        if len(names) == 1 and len(columns) > 1 and (places := columns[names[0]]) != sorted(places):
            _refuse_rows_in_another_order(own, table, names[0], cells)
    files = [*(table.name for table in others), *find.no_tables]
    return next(filter(None, (_list_of_labels(find, own, file, cells) for file in files)), None)


def read_class_columns(find: Findings, own: OwnTable, reading: SampleReading) -> SampleReading | None:
    """The labels of a sample with a column for each class; None for any other."""
    ids = reading.test_id or own.columns[0]
    columns = {*own.columns} - {ids}
    places = {*map(str, range(len(find.names)))}
    if len(columns) < 2 or not (len(columns & find.names) > 1 or columns == places):
        labels = table_of_labels(find, own, columns) if len(columns) == len(find.names) > 2 else None
        if labels is None or labels.label is None:
            return None
        reading = replace(reading, labels=labels)
    elif columns == places and not columns & find.names and find.answers.submitted is None:
        reading = replace(reading, submitted="index")
        find.note(f"{own.name}: the columns 0 to {len(places) - 1} are places among the sorted identities")
    find.note(f"{own.name}: a probability for each identity, in columns that are called like these")
    return reading


def _as_rows_alone(find: Findings, table: OwnTable) -> OwnTable | None:
    """A table whose header is a row, for it names an identity."""
    if not table.has_header or not find.names & {*table.columns}:
        return None
    rows = read_csv_table(table.table.path, [], has_header=False, may_have_blanks=True)
    return replace(table, table=rows, has_header=False)


def _list_of_labels(find: Findings, own: OwnTable, file: str, cells: set[str]) -> LabelsConfig | None:
    """A list of all identities, one a line, whose lines are the labels of the sample."""
    try:
        columns = read_csv_table(find.root / file, [], has_header=False).columns
    except DataError:
        return None
    names = [cell.strip() for cell in columns["1"]]
    has_header = names[0] not in find.names and rank_of(names[0]) > 0
    name = names.pop(0) if has_header else "1"
    if len(columns) > 1 or len({*names}) < len(names) or not find.names <= {*names}:
        return None
    first = 1 if str(len(names)) in cells and "0" not in cells else 0
    if not all(cell.isdecimal() and first <= int(cell) < first + len(names) for cell in cells):
        return None
    _note_labels(find, file, own, f"which are its lines counted from {first} ({', '.join(names[:3])})")
    find.alternatives.append(f"{own.name}: if they count the sorted names, --submitted index")
    return LabelsConfig(table=file, name=name, header=has_header, first=first)


def _note_labels(find: Findings, file: str, own: OwnTable, how: str) -> None:
    """The line on a table of labels, in place of the one that it is left aside."""
    find.lines = [line for line in find.lines if not line.startswith(f"{file}: left aside")]
    find.note(f"{file}: the labels of {own.name}, {how}")


def _refuse_rows_in_another_order(own: OwnTable, table: OwnTable, name: str, cells: set[str]) -> None:
    rows = len(table.table.line_numbers)
    if all(cell.isdecimal() and int(cell) <= rows for cell in cells):
        raise ConfigError(
            f"{own.name}: '{min(cells)}' may be a row of {table.name}, whose {table.shown(name)} are "
            f"not sorted, or a place among the sorted names; keep that column of {table.name} alone for the "
            f"rows, or say --submitted index"
        )

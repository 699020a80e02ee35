"""Inferring a submission's format from the sample that a competition gives out.

The ids of the sample are compared with what the test files offer: names, numbers, rows, pairs of names. A
sample may lack rows (published ones have), but must not have any that the test files do not: they are
incomplete then, and nothing can be inferred.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from kaggle_face.competitions.files.csv_tables import read_csv_table
from kaggle_face.competitions.files.folders import FolderMap, name_of
from kaggle_face.competitions.submission.formats import FormatPart, SubmissionFormat
from kaggle_face.competitions.submission.sample_ids import (
    ExplainedRows,
    SampleRows,
    are_numbers,
    explained,
    literal,
    named_task,
    offered_ids,
    refuse_foreign_ids,
)
from kaggle_face.errors import DataError, counted
from kaggle_face.records import CompetitionData
from kaggle_face.tasks import Task

_ROW_TEMPLATES = ("{id}", "{path}", "{name}", "{stem}", "{number}", "{row}", "{first}", "{second}")
_WITH_CONFIDENCE = re.compile(r"\S.* (0?\.\d+|1\.0+|\d(\.\d+)?e-\d+)$")
_LABEL_NAME = re.compile(r"label|class|identity|predict|category", re.IGNORECASE)
_SCORE_NAME = re.compile(r"score|match|simil|prob|distance", re.IGNORECASE)


def find_samples(tree: FolderMap) -> list[str]:
    """The sample submissions below a data root."""
    return [
        file
        for file in tree.files
        if "sample" in name_of(file).lower()
        and "subm" in name_of(file).lower()
        and file.lower().endswith(".csv")
    ]


def tasks_named_by(path: str) -> set[Task]:
    """The tasks that the name of a file names or, where it names none, the nearest folder that does.

    >>> tasks_named_by("hw2p2-verification/sample_submission.csv")
    {'verification'}
    >>> tasks_named_by("hw2p2-verification/classification_sample.csv")
    {'classification'}
    """
    words: dict[Task, str] = {"classification": "classif", "verification": "verif"}
    for part in reversed(path.lower().split("/")):
        named = {task for task, word in words.items() if word in part}
        if named:
            return named
    return set()


def infer_format(
    sample: Path, data: CompetitionData, root: Path | None = None, id_column: str | None = None
) -> SubmissionFormat:
    """The format that a sample submission shows: columns, templates of the ids, and the predicted column.

    A sample whose name, or whose folder's below the data root `root`, names one task is its alone. Its ids
    are in the first column that holds ids of the test files, or in `id_column`.

    Raises:
        DataError: The sample is not a table, or the column of the ids or of the predictions is not clear.
        ForeignIdsError: It has ids that the test files do not have in any known form.
    """
    table = read_csv_table(sample, [])
    columns = tuple(table.columns)
    if len(columns) < 2:
        raise DataError(
            f"{sample} has the column '{columns[0]}' alone; a submission needs an id and a prediction"
        )
    named = tasks_named_by(sample.name if root is None else sample.relative_to(root).as_posix())
    task = next(iter(named)) if len(named) == 1 else None
    id_column = id_column if id_column in columns else None
    ways = {
        name: parts
        for name in (columns if id_column is None else [id_column])
        if len({*table.columns[name]}) == len(table.columns[name])
        if (parts := explained(_with_ids(table.columns, name), data, task))
    }
    if not ways:
        refuse_foreign_ids(sample, _with_ids(table.columns, id_column or columns[0]), data, task)
    id_column = _only_ids(sample, columns, ways)
    parts, whole, place = ways[id_column], _with_ids(table.columns, id_column), columns.index(id_column)
    labels_per_row = 1
    if len(parts) == 1 and parts[0][1] == "classification":
        rankings = [cells for cells in whole.cells.values() if not have_confidences(cells)]
        labels_per_row = max([1, *(len(cells[0].split()) for cells in rankings)])
    return SubmissionFormat(
        columns,
        tuple(
            FormatPart(task, (*others[:place], id_cell, *others[place:]))
            for part, task, id_cell in parts
            for others in [_cells_beside_id(part, task, sample, data, id_cell)]
        ),
        labels_per_row=labels_per_row,
    )


def _with_ids(columns: Mapping[str, Sequence[str]], name: str) -> SampleRows:
    return SampleRows(columns[name], {other: cells for other, cells in columns.items() if other != name})


def _only_ids(sample: Path, columns: Sequence[str], ways: Mapping[str, list[ExplainedRows]]) -> str:
    """The column of ids among those that could be: the first, whose rows the others follow.

    Where no column is left for predictions, one of them holds predictions that look like ids: numbers that
    count the rows behind a column of names.

    Raises:
        DataError: Either of two columns may hold the ids.
    """
    first, *others = ways
    if not others or len(ways) < len(columns):
        return first
    if "{row" not in ways[first][0][2] and all("{row" in ways[other][0][2] for other in others):
        return first
    raise DataError(
        f"{sample}: the columns {' and '.join(ways)} both hold ids of the test files, and no other is there "
        f"for predictions; name that of the ids: --id-column '{others[0]}'"
    )


def _cells_beside_id(
    part: SampleRows, task: Task, sample: Path, data: CompetitionData, id_cell: str
) -> list[str]:
    """The templates of the columns beside the id: those of predictions, the rest as the sample has them.

    The predictions are one column, or for classification one with probabilities for each class.

    Raises:
        DataError: Several columns may be the predictions, or another differs from row to row in no known way.
    """
    if task == "classification" and (labels := _classes_as_columns(part, sample, data)):
        return [*(("{probability}",) * len(labels))]
    predicted = []
    known = _templates_of_cells(part, task, data, id_cell)
    for name, cells in part.cells.items():
        if name in known:
            continue
        is_constant_word = named_task(cells[0]) is not None and len(set(cells)) == 1
        if not is_constant_word and any(cell.strip() for cell in cells):
            predicted.append(name)
    if len(predicted) > 1 and task == "classification":
        names = {*data.classes.names.tolist(), *data.classes.submitted.tolist()}
        predicted = [name for name in predicted if names.issuperset(part.cells[name])] or predicted
    if len(predicted) > 1:
        pattern = _LABEL_NAME if task == "classification" else _SCORE_NAME
        predicted = [name for name in predicted if pattern.search(name)] or predicted
    if not predicted and len(part.cells) == 1:
        predicted = [*part.cells]
    if len(predicted) != 1:
        raise DataError(
            f"{sample}: which of the columns {', '.join(part.cells)} holds the predictions of {task} is not "
            f"clear; describe the file with submit.{task} or submit.combined"
        )
    template = _template_of_predictions(part, task, sample, data, predicted[0])
    for name, cells in part.cells.items():
        if name not in known and name != predicted[0] and len(set(cells)) > 1:
            raise DataError(
                f"{sample}: the column '{name}' differs from row to row ({cells[0]}, ...) and is neither the "
                f"prediction nor a name or number of the rows; describe the file with submit.{task}"
            )
    known |= {predicted[0]: template}
    return [known.get(name, literal(cells[0])) for name, cells in part.cells.items()]


def _template_of_predictions(
    part: SampleRows, task: Task, sample: Path, data: CompetitionData, name: str
) -> str:
    """The content of the column of predictions: labels of images and probes, scores of pairs.

    Raises:
        DataError: Pairs are answered with words.
    """
    cells = part.cells[name]
    if task == "classification":
        return "{label} {probability}" if have_confidences(cells) else "{label}"
    if data.test_gallery is not None:
        return "{label}"
    if any(re.search(r"\w", cell) for cell in cells) and not are_numbers(cells):
        raise DataError(
            f"{sample}: pairs are answered with scores, and '{cells[0]}' of '{name}' is not a number; write "
            f"a number such as 0.5 into its cells, or describe the file with submit.verification"
        )
    return "{score}"


def have_confidences(cells: Sequence[str]) -> bool:
    """Whether all cells that are not empty are a label and its probability, as in `17 0.5`.

    >>> have_confidences(["17 0.5", "", "Ann Bee 1.0"]), have_confidences(["17 0.5", "17 4"])
    (True, False)
    """
    filled = [cell for cell in cells if cell.strip()]
    return bool(filled) and all(map(_WITH_CONFIDENCE.match, filled))


def _classes_as_columns(part: SampleRows, sample: Path, data: CompetitionData) -> list[str]:
    """The columns beside the id where these are the classes; none where they are not.

    Raises:
        DataError: Some are classes, and others are not or are missing.
    """
    columns, labels = [*part.cells], {*data.classes.submitted.tolist()}
    are_classes = [column for column in columns if column in labels]
    if len(are_classes) < 2:
        return []
    strange = [column for column in columns if column not in labels]
    missing = sorted(labels.difference(columns))
    if strange or missing:
        called = counted(len(are_classes), "column", "are called like classes")
        what = f"the column '{strange[0]}' is not a class" if strange else f"'{missing[0]}' has no column"
        raise DataError(
            f"{sample}: {called}, for a probability of each, and {what}; there must be a column for each of "
            f"the {counted(len(labels), 'class')} and no other"
        )
    return columns


def _templates_of_cells(part: SampleRows, task: Task, data: CompetitionData, id_cell: str) -> dict[str, str]:
    """The templates of columns that differ from row to row, as the test files name or number the rows."""
    place_of = {text: place for place, text in enumerate(offered_ids(data, task, id_cell))}
    places = [place_of.get(text) for text in part.whole_ids]
    found: dict[str, str] = {}
    if None in places:
        return found
    for name, cells in part.cells.items():
        if len(set(cells)) < 2:
            continue
        for template in _ROW_TEMPLATES:
            offered = offered_ids(data, task, template)
            if offered and [offered[place] for place in places if place is not None] == [*cells]:
                found[name] = template
                break
    return found

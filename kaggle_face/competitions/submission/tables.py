"""From predictions to the text table of a submission, in the competition's own columns, ids and labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from string import Formatter
from typing import Any

import numpy as np
import numpy.typing as npt

from kaggle_face.artifacts.tables import as_text
from kaggle_face.competitions.files.folders import name_of, stem_of
from kaggle_face.competitions.submission.formats import FormatPart, SubmissionFormat, fields_of
from kaggle_face.errors import ConfigError, DataError, SubmissionError, naming_first
from kaggle_face.metrics.classification import top_k_labels
from kaggle_face.records import (
    ClassTable,
    CompetitionData,
    Gallery,
    IntArray,
    Pairs,
    PairScores,
    Predictions,
    RowList,
    StrArray,
    positions_of,
)
from kaggle_face.tasks import TASKS, Task

Field = Callable[[], Sequence[Any] | npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class SubmissionTable:
    """The text cells of a submission, column by column; the first column holds the rows' ids."""

    columns: tuple[str, ...]
    cells: Mapping[str, StrArray]

    def __post_init__(self) -> None:
        if len(set(self.columns)) != len(self.columns) or not self.columns:
            raise SubmissionError(f"a submission needs columns of different names, got {list(self.columns)}")
        assert set(self.columns) == set(self.cells), "cells without a column, or a column without cells"
        lengths = {name: len(column) for name, column in self.cells.items()}
        if len(set(lengths.values())) > 1:
            raise SubmissionError(f"the columns of a submission have different lengths: {lengths}")

    def __len__(self) -> int:
        return len(self.cells[self.columns[0]])


@dataclass(frozen=True, eq=False)
class Answers:
    """What one task answers, row by row: the fields that a cell's template may name, made when named."""

    task: Task
    fields: Mapping[str, Field]


def classification_table(
    data: CompetitionData, form: SubmissionFormat, predictions: Predictions, threshold: float | None = None
) -> SubmissionTable:
    """The most likely class of each test image, or as many as the format wants in a row.

    `threshold` places the label for unknown people where the format has several labels, see `topk_table`.

    Raises:
        DataError: A test image has no prediction, or a predicted class is none of the competition.
    """
    if form.labels_per_row > 1:
        return topk_table(data, form, predictions, threshold, form.labels_per_row)
    return fill_table(form, [classification_answers(data, predictions)])


def verification_table(data: CompetitionData, form: SubmissionFormat, scores: PairScores) -> SubmissionTable:
    """The score of each test pair.

    Raises:
        DataError: A test pair has no score.
    """
    return fill_table(form, [verification_answers(data, scores)])


def gallery_table(
    data: CompetitionData, form: SubmissionFormat, probe_ids: StrArray, names: StrArray
) -> SubmissionTable:
    """The name found for each probe, in whatever order the probes come.

    Raises:
        DataError: A probe has no answer, or there is no gallery.
    """
    return fill_table(form, [gallery_answers(data, probe_ids, names)])


def topk_table(
    data: CompetitionData,
    form: SubmissionFormat,
    predictions: Predictions,
    threshold: float | None = None,
    k: int = 5,
) -> SubmissionTable:
    """The `k` most likely classes of each test image, separated by blanks.

    Where the competition has a label for people outside the gallery, it stands before the first class whose
    score is below `threshold`; without a threshold it is left out.

    Raises:
        DataError: A test image has no prediction, or a predicted class is none of the competition.
    """
    unknown = data.test_gallery.no_match if data.test_gallery is not None else None
    return fill_table(form, [topk_answers(data, predictions, unknown, threshold, k)])


def combined_table(form: SubmissionFormat, answers: Sequence[Answers]) -> SubmissionTable:
    """One table for both tasks: the parts of the format below each other.

    Raises:
        SubmissionError: A part of the format has no answers.
    """
    return fill_table(form, answers)


def row_ids(data: CompetitionData, form: SubmissionFormat) -> StrArray:
    """The first column of the format's table, which needs no predictions.

    Raises:
        ConfigError: The id's template names something that only a prediction knows.
    """
    answers = [Answers(task, _row_fields(data, task)) for task in TASKS]
    narrow = replace(form, columns=form.columns[:1], parts=tuple(_id_part(part) for part in form.parts))
    return fill_table(narrow, answers).cells[form.columns[0]]


def classification_answers(data: CompetitionData, predictions: Predictions) -> Answers:
    """The most likely class of each test image, as fields."""
    chosen = _ranked(data, predictions, k=1)[:, 0]
    fields = dict(_row_fields(data, "classification"))
    fields["class_index"] = lambda: chosen
    fields["label"] = lambda: data.classes.submitted[chosen]
    fields["class_name"] = lambda: data.classes.names[chosen]
    return Answers("classification", fields)


def topk_answers(
    data: CompetitionData, predictions: Predictions, unknown: str | None, threshold: float | None, k: int
) -> Answers:
    """The `k` most likely classes of each test image, as one field."""
    aligned = predictions.aligned_to(data.test_rows.image_ids)
    columns = top_k_labels(aligned.logits, k)
    labels = data.classes.submitted[_classes_of(predictions, data.classes)][columns].tolist()
    if unknown is not None and threshold is not None:
        scores = np.take_along_axis(np.asarray(aligned.logits), columns, axis=1)
        places = (scores >= threshold).sum(axis=1).tolist()
        for row, place in zip(labels, places, strict=True):
            row.insert(place, unknown)
    fields = dict(_row_fields(data, "classification"))
    fields["label"] = lambda: [" ".join(row[:k]) for row in labels]
    return Answers("classification", fields)


def verification_answers(data: CompetitionData, scores: PairScores) -> Answers:
    """The score of each test pair, as fields."""
    values = scores.aligned_to(data.test_pairs.pair_ids).scores
    fields = dict(_row_fields(data, "verification"))
    fields["score"] = lambda: values
    fields["distance"] = lambda: 1 - values
    return Answers("verification", fields)


def gallery_answers(data: CompetitionData, probe_ids: StrArray, names: StrArray) -> Answers:
    """The name found for each probe, as fields."""
    gallery = _test_gallery(data)
    rows = positions_of(gallery.probe_ids, probe_ids, "probes that were searched for")
    fields = dict(_row_fields(data, "verification"))
    fields["label"] = lambda: names[rows]
    return Answers("verification", fields)


def fill_table(form: SubmissionFormat, answers: Sequence[Answers]) -> SubmissionTable:
    """The table of a format, its parts filled from the answers of their tasks."""
    by_task = {answer.task: answer.fields for answer in answers}
    missing = [part.task for part in form.parts if part.task not in by_task]
    if missing:
        raise SubmissionError(f"the submission has a {missing[0]} part, for which nothing was predicted")
    parts: list[list[StrArray]] = []
    for part in form.parts:
        start = sum(len(cells[0]) for cells in parts)
        parts.append(_part_cells(part, by_task[part.task], start, form))
    cells = {
        column: np.concatenate([part[place] for part in parts]) for place, column in enumerate(form.columns)
    }
    return SubmissionTable(form.columns, cells)


def _id_part(part: FormatPart) -> FormatPart:
    return FormatPart(part.task, part.cells[:1])


def _part_cells(
    part: FormatPart, fields: Mapping[str, Field], start: int, form: SubmissionFormat
) -> list[StrArray]:
    """The cells of a part, column by column; its first row is line `start` of the file."""
    num_rows = len(fields["id"]())
    known = {**fields, "line": lambda: range(start, start + num_rows)}
    return [_cells(template, known, form) for template in part.cells]


def _cells(template: str, fields: Mapping[str, Field], form: SubmissionFormat) -> StrArray:
    """The cells of a column: one text for each row."""
    names = fields_of(template)
    for name in names:
        if name not in fields:
            raise ConfigError(f"the cell '{template}' names {{{name}}}, which this part does not have")
    if not names:
        return np.full(len(fields["id"]()), template)
    values = [np.asarray(fields[name]()) for name in names]
    if template == f"{{{names[0]}}}" and values[0].dtype.kind == "U":
        return values[0]
    return as_text(_formatted(template, [column.tolist() for column in values], form))


def _formatted(template: str, values: Sequence[list[Any]], form: SubmissionFormat) -> list[str]:
    pieces = []
    for text, name, spec, _ in Formatter().parse(template):
        pieces.append(text.replace("{", "{{").replace("}", "}}"))
        if name is not None:
            default = f".{form.score_decimals}f" if name in ("score", "distance") else ""
            pieces.append(f"{{:{spec or default}}}")
    write = "".join(pieces).format
    try:
        return list(map(write, *values))
    except (ValueError, TypeError) as error:
        raise ConfigError(f"the cell '{template}' cannot be written: {error}") from error


def _row_fields(data: CompetitionData, task: Task) -> Mapping[str, Field]:
    """The fields that are known before anything is predicted."""
    if task == "classification":
        return _image_fields(data.test_rows.row_ids, data.test_rows.image_ids)
    if data.test_gallery is not None:
        return _image_fields(data.test_gallery.probe_ids, data.test_gallery.probe_image_ids)
    return _pair_fields(data.test_pairs)


def _image_fields(ids: StrArray, image_ids: StrArray) -> Mapping[str, Field]:
    paths = image_ids.tolist()
    return {
        "id": lambda: ids,
        "row": lambda: range(len(ids)),
        "path": lambda: image_ids,
        "name": lambda: [name_of(path) for path in paths],
        "stem": lambda: [stem_of(path) for path in paths],
        "number": lambda: _numbers(paths),
    }


def _pair_fields(pairs: Pairs) -> Mapping[str, Field]:
    return {
        "id": lambda: pairs.pair_ids,
        "row": lambda: range(len(pairs)),
        "first": lambda: [name_of(path) for path in pairs.first_ids.tolist()],
        "second": lambda: [name_of(path) for path in pairs.second_ids.tolist()],
    }


def _numbers(paths: Sequence[str]) -> list[int]:
    wrong = [path for path in paths if not stem_of(path).isdecimal()]
    if wrong:
        raise DataError(
            naming_first(len(wrong), len(paths), "test images have no number for a name", wrong[0])
        )
    return [int(stem_of(path)) for path in paths]


def _ranked(data: CompetitionData, predictions: Predictions, k: int) -> IntArray:
    """Class indices of the competition (N, k) of each test image, the most likely first."""
    rows: RowList = data.test_rows
    columns = top_k_labels(predictions.aligned_to(rows.image_ids).logits, k)
    ranked: npt.NDArray[np.int64] = _classes_of(predictions, data.classes)[columns]
    return ranked


def _classes_of(predictions: Predictions, classes: ClassTable) -> IntArray:
    return positions_of(predictions.class_names, classes.names, "classes of the competition")


def _test_gallery(data: CompetitionData) -> Gallery:
    if data.test_gallery is None:
        raise DataError("this competition has no gallery of known people; its verification task is pairs")
    return data.test_gallery

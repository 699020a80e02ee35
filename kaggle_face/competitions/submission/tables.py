"""From predictions to the text table of a submission, in the competition's own columns, ids and labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from string import Formatter
from typing import Any

import numpy as np
import numpy.typing as npt

from kaggle_face.artifacts.tables import as_text
from kaggle_face.competitions.files.folders import name_of, stem_of
from kaggle_face.competitions.submission.formats import FormatPart, SubmissionFormat, fields_of
from kaggle_face.errors import ConfigError, DataError, SubmissionError, naming_first
from kaggle_face.metrics.classification import top_k_labels
from kaggle_face.metrics.unknowns import rank_with_unknown
from kaggle_face.records import (
    ClassTable,
    CompetitionData,
    IntArray,
    PairScores,
    Predictions,
    StrArray,
    positions_of,
)
from kaggle_face.tasks import TASKS, Task

Field = Callable[[], Sequence[Any] | npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class SubmissionTable:
    """The text cells of a submission, column by column; that at `id_place` holds the rows' ids."""

    columns: tuple[str, ...]
    cells: Mapping[str, StrArray]
    id_place: int = 0

    def __post_init__(self) -> None:
        if len(set(self.columns)) != len(self.columns) or not self.columns:
            raise SubmissionError(f"a submission needs columns of different names, got {list(self.columns)}")
        assert set(self.columns) == set(self.cells), "cells without a column, or a column without cells"
        lengths = {name: len(column) for name, column in self.cells.items()}
        if len(set(lengths.values())) > 1:
            raise SubmissionError(f"the columns of a submission have different lengths: {lengths}")

    def __len__(self) -> int:
        return len(self.cells[self.columns[0]])

    @property
    def ids(self) -> StrArray:
        """The ids of the rows."""
        return self.cells[self.columns[self.id_place]]

    @property
    def other_columns(self) -> list[tuple[int, str]]:
        """The columns beside that of the ids, with their places."""
        return [each for each in enumerate(self.columns) if each[0] != self.id_place]


@dataclass(frozen=True, eq=False)
class TaskColumns:
    """The columns of one task's rows: the fields that the template of a cell may name, made when named.

    `probabilities` has the field `{probability}` of each column that is called like the label of a class.
    """

    task: Task
    fields: Mapping[str, Field]
    probabilities: Mapping[str, Field] = field(default_factory=dict)


def row_ids(data: CompetitionData, form: SubmissionFormat) -> StrArray:
    """The column of ids of the format's table, which needs no predictions.

    Raises:
        ConfigError: The id's template names something that only a prediction has.
    """
    place = form.id_place
    parts = tuple(FormatPart(part.task, (part.cells[place],)) for part in form.parts)
    narrow = replace(form, columns=(form.columns[place],), parts=parts)
    columns = [TaskColumns(task, _row_fields(data, task)) for task in TASKS]
    return fill_table(narrow, columns).ids


def classification_columns(data: CompetitionData, predictions: Predictions) -> TaskColumns:
    """The most likely class of each test image with its probability, and the probability of each class.

    Raises:
        DataError: A test image has no prediction, or a predicted class is not of the competition.
    """
    from scipy.special import softmax

    logits_NC = predictions.aligned_to(data.test_rows.image_ids).logits
    best, classes_C = top_k_labels(logits_NC, 1)[:, 0], _classes_of(predictions, data.classes)
    chosen = classes_C[best]
    fields = dict(_row_fields(data, "classification"))
    fields["class_index"] = lambda: chosen
    fields["label"] = lambda: data.classes.submitted[chosen]
    fields["class_name"] = lambda: data.classes.names[chosen]
    labels = data.classes.submitted[classes_C].tolist()
    shares_NC = cache(lambda: softmax(logits_NC.astype(np.float64), axis=1))
    fields["probability"] = lambda: np.take_along_axis(shares_NC(), best[:, None], axis=1)[:, 0]
    shares = {
        label: partial(lambda place: shares_NC()[:, place], place) for place, label in enumerate(labels)
    }
    return TaskColumns("classification", fields, shares)


def topk_columns(
    data: CompetitionData, predictions: Predictions, unknown: str | None, threshold: float | None, k: int
) -> TaskColumns:
    """The `k` most likely classes of each test image, separated by blanks.

    The label `unknown` of unknown identities stands before the first class whose score is below `threshold`;
    it is left out where one of the two is None.

    Raises:
        DataError: A test image has no prediction, or a predicted class is not of the competition.
    """
    aligned = predictions.aligned_to(data.test_rows.image_ids)
    names = data.classes.submitted[_classes_of(predictions, data.classes)]
    if unknown is None or threshold is None:
        labels = names[top_k_labels(aligned.logits, k)]
    else:
        labels = np.append(names, unknown)[rank_with_unknown(aligned.logits, threshold, k)]
    fields = dict(_row_fields(data, "classification"))
    fields["label"] = lambda: [" ".join(row) for row in labels.tolist()]
    return TaskColumns("classification", fields)


def verification_columns(data: CompetitionData, scores: PairScores) -> TaskColumns:
    """The score of each test pair.

    Raises:
        DataError: A test pair has no score.
    """
    values = scores.aligned_to(data.test_pairs.pair_ids).scores
    fields = dict(_row_fields(data, "verification"))
    fields["score"] = lambda: values
    fields["distance"] = lambda: 1 - values
    return TaskColumns("verification", fields)


def gallery_columns(data: CompetitionData, probe_ids: StrArray, names: StrArray) -> TaskColumns:
    """The name found for each probe, in whatever order the probes come.

    Raises:
        DataError: A probe has no name, or there is no gallery.
    """
    gallery = data.test_gallery
    if gallery is None:
        raise DataError("this competition has no gallery of known identities; its verification task is pairs")
    rows = positions_of(gallery.probe_ids, probe_ids, "probes that were searched for")
    fields = dict(_row_fields(data, "verification"))
    fields["label"] = lambda: names[rows]
    return TaskColumns("verification", fields)


def fill_table(form: SubmissionFormat, columns: Sequence[TaskColumns]) -> SubmissionTable:
    """The table of a format: its parts below each other, filled from the columns of their tasks.

    Raises:
        SubmissionError: A part of the format has no columns, or columns of probabilities are not the classes.
    """
    by_task = {each.task: each for each in columns}
    missing = [part.task for part in form.parts if part.task not in by_task]
    if missing:
        raise SubmissionError(f"the submission has a {missing[0]} part, for which nothing was predicted")
    parts: list[list[StrArray]] = []
    for part in form.parts:
        known, start = by_task[part.task], sum(len(cells[0]) for cells in parts)
        require_columns_of_classes(form.columns, part, list(known.probabilities))
        fields: dict[str, Field] = {
            **known.fields,
            "line": partial(range, start, start + len(known.fields["id"]())),
        }
        shares = [
            {"probability": known.probabilities[column]} if column in known.probabilities else {}
            for column in form.columns
        ]
        parts.append(
            [
                _cells(template, fields | share, form)
                for template, share in zip(part.cells, shares, strict=True)
            ]
        )
    cells = {
        column: np.concatenate([part[place] for part in parts]) for place, column in enumerate(form.columns)
    }
    return SubmissionTable(form.columns, cells, form.id_place)


def require_columns_of_classes(columns: Sequence[str], part: FormatPart, labels: Sequence[str]) -> None:
    """Checks that columns of probabilities are those of the classes; a lone one may be of the likeliest.

    Raises:
        SubmissionError: A column is called like no class while others are, or a class has no column.
    """
    wide = [column for column, cell in zip(columns, part.cells, strict=True) if cell == "{probability}"]
    foreign = sorted(set(wide) - set(labels), key=wide.index)
    lacking = sorted(set(labels) - set(wide))
    if len(foreign) == len(wide) <= 1 or not foreign + lacking:
        return
    if foreign:
        noun = "column of '{probability}'"
        what = naming_first(len(foreign), len(wide), noun, "are called like no class", f"'{foreign[0]}'")
    else:
        what = naming_first(len(lacking), len(labels), "class", "have no column", f"'{lacking[0]}'")
    raise SubmissionError(
        f"{what}; correct the columns in the settings (submit), where the cell of a class that data.exclude "
        "leaves out is '0'"
    )


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
    pieces = []
    for text, key, spec, _ in Formatter().parse(template):
        pieces.append(text.replace("{", "{{").replace("}", "}}"))
        if key is not None:
            digits = {"score": "f", "distance": "f", "probability": "g"}.get(key)  # small ones are kept
            default = f".{form.score_decimals}{digits}" if digits else ""
            pieces.append(f"{{:{spec or default}}}")
    try:
        return as_text(list(map("".join(pieces).format, *(column.tolist() for column in values))))
    except (ValueError, TypeError) as error:
        raise ConfigError(f"the cell '{template}' cannot be written: {error}") from error


def _row_fields(data: CompetitionData, task: Task) -> Mapping[str, Field]:
    """The fields that are known before anything is predicted."""
    if task == "classification":
        return _image_fields(data.test_rows.row_ids, data.test_rows.image_ids)
    if data.test_gallery is not None:
        return _image_fields(data.test_gallery.probe_ids, data.test_gallery.probe_image_ids)
    pairs = data.test_pairs
    return {
        "id": lambda: pairs.pair_ids,
        "row": lambda: range(len(pairs)),
        "first": lambda: [name_of(path) for path in pairs.first_ids.tolist()],
        "second": lambda: [name_of(path) for path in pairs.second_ids.tolist()],
    }


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


def _numbers(paths: Sequence[str]) -> list[int]:
    wrong = [path for path in paths if not stem_of(path).isdecimal()]
    if wrong:
        raise DataError(
            naming_first(len(wrong), len(paths), "test image", "have no number for a name", wrong[0])
        )
    return [int(stem_of(path)) for path in paths]


def _classes_of(predictions: Predictions, classes: ClassTable) -> IntArray:
    return positions_of(predictions.class_names, classes.names, "classes of the competition")

"""What a competition expects in a CSV: the row ids of its test files, and what each cell may hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kaggle_face.artifacts.tables import as_text
from kaggle_face.competitions.files.folders import name_of
from kaggle_face.competitions.submission.formats import FormatPart, SubmissionFormat
from kaggle_face.competitions.submission.tables import row_ids
from kaggle_face.errors import SubmissionError, naming_first
from kaggle_face.records import CompetitionData, Gallery, StrArray
from kaggle_face.tasks import Task


@dataclass(frozen=True)
class Scores:
    """Each cell is a finite number within the range."""

    lowest: float = -np.inf
    highest: float = np.inf


@dataclass(frozen=True, eq=False)
class Labels:
    """Each cell holds `per_row` different labels, separated by blanks, out of `allowed`."""

    allowed: StrArray
    per_row: int = 1


CellRule = Scores | Labels


@dataclass(frozen=True, eq=False)
class Block:
    """So many consecutive rows whose cells follow the same rules, one per column; None: any value."""

    rows: int
    rules: tuple[CellRule | None, ...]


@dataclass(frozen=True, eq=False)
class Expectation:
    """What a table is compared with: the row ids of the test files in their order, and the cells' rules.

    `row_ids` None means that the test files are not at hand; then the sample submission alone decides and
    no rules apply. `columns` are those of the competition's format, by which a table without a sample is
    judged; none where the format is not known.
    """

    row_ids: StrArray | None = None
    blocks: tuple[Block, ...] = ()
    sample: Path | None = None
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        rows = 0 if self.row_ids is None else len(self.row_ids)
        assert sum(block.rows for block in self.blocks) in (0, rows), "blocks do not cover the rows"


def expected_table(data: CompetitionData, form: SubmissionFormat, sample: Path | None = None) -> Expectation:
    """What a competition expects in a CSV of this format.

    Raises:
        SubmissionError: The format calls a test image by the name of another one.
    """
    for part in form.parts:
        _refuse_names_of_others(data, form, part)
    blocks = tuple(_block(data, part, form.labels_per_row) for part in form.parts)
    return Expectation(row_ids(data, form), blocks, sample, form.columns)


def _block(data: CompetitionData, part: FormatPart, labels_per_row: int) -> Block:
    rows = _rows_of(data, part.task)
    return Block(rows, tuple(_rule(data, part.task, cell, labels_per_row) for cell in part.cells))


def _refuse_names_of_others(data: CompetitionData, form: SubmissionFormat, part: FormatPart) -> None:
    """Numbering rows gives ids that look like pictures' names and belong to other pictures."""
    images = _images_of(data, part.task)
    if images is None or "{id}" in part.cells[0]:
        return
    narrow = replace(form, columns=form.columns[:1], parts=(FormatPart(part.task, part.cells[:1]),))
    names = [name_of(image_id) for image_id in images.tolist()]
    pairs = zip(row_ids(data, narrow).tolist(), names, strict=True)
    known = set(names)
    wrong = [(row_id, name) for row_id, name in pairs if row_id != name and row_id in known]
    if wrong:
        row_id, name = wrong[0]
        what = f"rows would carry the name of another picture ({part.cells[0]} calls {name} so)"
        raise SubmissionError(
            f"{naming_first(len(wrong), len(names), what, row_id)}; write {{name}} in the cells of "
            f"submit.{part.task}, or remove them"
        )


def _images_of(data: CompetitionData, task: Task) -> StrArray | None:
    """The image of each row; None where rows are pairs."""
    if task == "classification":
        return data.test_rows.image_ids
    return None if data.test_gallery is None else data.test_gallery.probe_image_ids


def _rows_of(data: CompetitionData, task: Task) -> int:
    if task == "classification":
        return len(data.test_rows)
    return len(data.test_pairs) if data.test_gallery is None else len(data.test_gallery.probe_ids)


def _rule(data: CompetitionData, task: Task, template: str, labels_per_row: int) -> CellRule | None:
    """The rule of a cell that is one field and nothing else; None for ids and for mixed text."""
    match template, task:
        case (("{score}" | "{distance}"), _):
            return Scores()
        case "{class_index}", _:
            return Labels(as_text([str(index) for index in range(len(data.classes))]))
        case "{class_name}", _:
            return Labels(data.classes.names)
        case "{label}", "classification":
            return Labels(_with_no_match(data.classes.submitted, data.test_gallery), labels_per_row)
        case "{label}", "verification" if data.test_gallery is not None:
            return Labels(_with_no_match(np.unique(data.test_gallery.names), data.test_gallery))
        case _:
            return None


def _with_no_match(labels: StrArray, gallery: Gallery | None) -> StrArray:
    unknown = None if gallery is None else gallery.no_match
    return labels if unknown is None else np.append(labels, unknown)

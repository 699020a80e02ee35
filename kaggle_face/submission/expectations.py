"""The row ids and cells that a competition expects in a CSV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kaggle_face.artifacts.predicted_tables import rows_of_task
from kaggle_face.artifacts.tables import as_text
from kaggle_face.competitions.files.csv_tables import read_csv_table
from kaggle_face.competitions.files.folders import map_folder, name_of
from kaggle_face.competitions.submission.formats import (
    FormatPart,
    SubmissionFormat,
    SubmissionFormats,
    fields_of,
)
from kaggle_face.competitions.submission.samples import find_samples, tasks_named_by
from kaggle_face.competitions.submission.tables import require_columns_of_classes, row_ids
from kaggle_face.errors import DataError, SubmissionError, naming_first
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


@dataclass(frozen=True)
class Probabilities:
    """Each cell is a probability of the class that the column is called like, from 0 to 1."""


CellRule = Scores | Labels | Probabilities


@dataclass(frozen=True, eq=False)
class Block:
    """So many consecutive rows whose cells follow the same rules, one per column; None: any value.

    `fixed` are the places of columns that hold the same text in each row, which may be none.
    """

    rows: int
    rules: tuple[CellRule | None, ...]
    fixed: frozenset[int] = frozenset()


@dataclass(frozen=True, eq=False)
class Expectation:
    """Expected rows and cells of a table: the row ids of the test files in their order, and the cells' rules.

    `row_ids` None means that the test files are not at hand; then the sample submission alone decides and
    no rules apply. `columns` are those of the competition's format, by which a table without a sample is
    judged; none where the format is not known. `id_place` is the place of the column of ids.
    """

    row_ids: StrArray | None = None
    blocks: tuple[Block, ...] = ()
    sample: Path | None = None
    columns: tuple[str, ...] = ()
    id_place: int = 0

    def __post_init__(self) -> None:
        rows = 0 if self.row_ids is None else len(self.row_ids)
        assert sum(block.rows for block in self.blocks) in (0, rows), "blocks do not cover the rows"


def expected_table(data: CompetitionData, form: SubmissionFormat, sample: Path | None = None) -> Expectation:
    """The expectation of a competition for a CSV of this format.

    Raises:
        SubmissionError: The format calls a test image by the name of another one, or its columns of
            probabilities are not the classes.
    """
    blocks = []
    for part in form.parts:
        if part.task == "classification":
            require_columns_of_classes(form.columns, part, data.classes.submitted.tolist())
        _refuse_names_of_others(data, form, part)
        rules = tuple(_rule(data, part.task, cell, form.labels_per_row) for cell in part.cells)
        fixed = frozenset(place for place, cell in enumerate(part.cells) if not fields_of(cell))
        blocks.append(Block(rows_of_task(data, part.task), rules, fixed))
    return Expectation(row_ids(data, form), tuple(blocks), sample, form.columns, form.id_place)


def sample_of(root: Path, tasks: Sequence[Task], formats: SubmissionFormats | None = None) -> Path | None:
    """The sample submission of a CSV that answers these tasks, if there is one below the data root.

    A file that names another task, as in `verification_sample_submission.csv`, is not taken, nor one in a
    folder that does, as where the archives of two competitions lie side by side. One that names none is not
    taken where `formats` have a CSV for each task and its columns are those of the other task's alone.
    """
    if not root.is_dir():
        return None
    names = [name for name in find_samples(map_folder(root)) if (root / name).is_file()]
    found = {name: tasks_named_by(name) for name in names}
    exact = [name for name, named in found.items() if named == set(tasks)]
    unnamed = [name for name, named in found.items() if not named]
    free = [name for name in unnamed if not _is_of_other_task(root / name, tasks, formats)]
    chosen = (exact or free)[:1]
    return root / chosen[0] if chosen else None


def _is_of_other_task(sample: Path, tasks: Sequence[Task], formats: SubmissionFormats | None) -> bool:
    """Whether the columns of a sample are those of the other task's CSV, and not of this one's."""
    if formats is None or formats.combined is not None or len(tasks) != 1:
        return False
    forms = {"classification": formats.classification, "verification": formats.verification}
    own, (other,) = forms.pop(tasks[0]), forms.values()
    if own is None or other is None or own.columns == other.columns:
        return False
    try:
        return tuple(read_csv_table(sample, []).columns) == other.columns
    except DataError:  # reported where it is compared with a CSV
        return False


def _refuse_names_of_others(data: CompetitionData, form: SubmissionFormat, part: FormatPart) -> None:
    """Numbering rows gives ids that look like pictures' names and belong to other pictures."""
    gallery = data.test_gallery
    images = None if gallery is None else gallery.probe_image_ids  # None: rows are pairs
    if part.task == "classification":
        images = data.test_rows.image_ids
    cell = part.cells[form.id_place]
    if images is None or "{id}" in cell:
        return
    narrow = replace(form, columns=("id",), parts=(FormatPart(part.task, (cell,)),))
    names = [name_of(image_id) for image_id in images.tolist()]
    pairs = zip(row_ids(data, narrow).tolist(), names, strict=True)
    known = set(names)
    wrong = [(row_id, name) for row_id, name in pairs if row_id != name and row_id in known]
    if wrong:
        row_id, name = wrong[0]
        what = naming_first(
            len(wrong),
            len(names),
            "row",
            f"would carry the name of another picture ({cell} calls {name} so)",
            row_id,
        )
        raise SubmissionError(f"{what}; write {{name}} in the cells of submit.{part.task}, or remove them")


def _rule(data: CompetitionData, task: Task, template: str, labels_per_row: int) -> CellRule | None:
    """The rule of a cell that is one field and nothing else; None for ids and for mixed text."""
    match template, task:
        case (("{score}" | "{distance}"), _):
            return Scores()
        case "{probability}", _:
            return Probabilities()
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

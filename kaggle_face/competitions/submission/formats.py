"""Submission formats: the columns, and for each task a template per cell.

A template is text with fields in braces, as in Python's `str.format`. `{id}` is the id that the competition
gives the row, `{row}` its number from 0, `{line}` that number in the whole file; `{name}`, `{stem}`, `{path}`
and `{number}` come from the image's file name. Classification has `{label}`, `{class_index}` and
`{class_name}`, and in a column that is called like the label of a class `{probability}`; verification
`{score}`, `{distance}` (1 - score), `{first}` and `{second}`, or `{label}` where a gallery is searched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from string import Formatter
from typing import TYPE_CHECKING

from kaggle_face.errors import ConfigError, counted, nearest_hint
from kaggle_face.tasks import Task

if TYPE_CHECKING:
    from kaggle_face.config.schema import SubmitConfig, TableConfig

PREDICTED_FIELDS = frozenset(("label", "class_index", "class_name", "probability", "score", "distance"))
MISSING_CELLS = frozenset(
    (
        *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
        *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
    )
)
"""What pandas, by which submissions are read, takes for a missing value: Na, Null and none are names."""
_IMAGE_FIELDS = ("id", "row", "line", "name", "stem", "path", "number")
FIELDS: dict[Task, tuple[str, ...]] = {
    "classification": (*_IMAGE_FIELDS, "label", "class_index", "class_name", "probability"),
    "verification": (*_IMAGE_FIELDS, "first", "second", "score", "distance", "label"),
}


@dataclass(frozen=True)
class FormatPart:
    """The rows of one task: a template for each column."""

    task: Task
    cells: tuple[str, ...]


@dataclass(frozen=True)
class SubmissionFormat:
    """The columns of a CSV and the parts whose rows follow each other in it.

    `labels_per_row` labels stand in a `{label}` cell of classification, separated by blanks.
    """

    columns: tuple[str, ...]
    parts: tuple[FormatPart, ...]
    score_decimals: int = 6
    labels_per_row: int = 1

    def __post_init__(self) -> None:
        for part in self.parts:
            if len(part.cells) != len(self.columns):
                raise ConfigError(
                    f"the {part.task} part of a submission has "
                    f"{counted(len(part.cells), 'cell')} {list(part.cells)} for "
                    f"{counted(len(self.columns), 'column')} {list(self.columns)}; write one cell per column"
                )
            known = FIELDS[part.task]
            for template, name in ((cell, name) for cell in part.cells for name in fields_of(cell)):
                if name not in known:
                    hint = nearest_hint(name, known) or f"; known: {', '.join(known)}"
                    raise ConfigError(f"the cell '{template}' of {part.task} has no field '{{{name}}}'{hint}")

    @property
    def id_place(self) -> int:
        """The place of the column that identifies rows: of `{id}`, or the first that names rows alone.

        >>> table_format("classification", ["label", "image"], ["{label}", "{name}"]).id_place
        1
        """
        cells = [*zip(*(part.cells for part in self.parts), strict=True)]
        naming = [place for place, templates in enumerate(cells) if all(map(_names_rows, templates))]
        by_id = [place for place in naming if all("{id}" in template for template in cells[place])]
        return (by_id or naming or [0])[0]

    @property
    def id_column(self) -> str:
        """The column that identifies rows."""
        return self.columns[self.id_place]


@dataclass(frozen=True)
class SubmissionFormats:
    """The CSVs of a competition: one per task, or one `combined` for both; None where there is none.

    With `one_csv` the competition takes a combined one alone, also where its columns are not known.
    """

    classification: SubmissionFormat | None = None
    verification: SubmissionFormat | None = None
    combined: SubmissionFormat | None = None
    one_csv: bool = False

    @property
    def forms(self) -> tuple[SubmissionFormat, ...]:
        """Those that there are."""
        found = (self.classification, self.verification, self.combined)
        return tuple(form for form in found if form is not None)

    def of_task(self, task: Task) -> SubmissionFormat:
        """The format of a task's own CSV.

        Raises:
            ConfigError: The competition has none; the settings that would describe it are named.
        """
        found = self.classification if task == "classification" else self.verification
        if found is None:
            raise ConfigError(
                f"no {task} CSV is known for this competition; "
                f"describe one with submit.{task}.columns and submit.{task}.cells"
            )
        return found


def table_format(task: Task, columns: Sequence[str], cells: Sequence[str]) -> SubmissionFormat:
    """The format of a CSV with the rows of one task.

    >>> table_format("verification", ["Id", "Category"], ["{id}", "{score}"]).parts[0].cells
    ('{id}', '{score}')
    """
    return SubmissionFormat(tuple(columns), (FormatPart(task, tuple(cells)),))


def with_settings(preset: SubmissionFormats, settings: SubmitConfig) -> SubmissionFormats:
    """The formats of a competition where the settings name no others.

    Raises:
        ConfigError: The settings name an unknown field, or another number of cells than of columns.
    """
    combined = preset.combined
    if settings.combined.columns:
        parts = tuple(FormatPart(part.task, part.cells) for part in settings.combined.parts)
        combined = SubmissionFormat(settings.combined.columns, parts)
    formats = (
        _chosen("classification", settings.classification, preset.classification),
        _chosen("verification", settings.verification, preset.verification),
        combined,
    )
    decimals = settings.score_decimals
    classification, verification, both = (form and replace(form, score_decimals=decimals) for form in formats)
    return SubmissionFormats(classification, verification, both)


def fields_of(template: str) -> list[str]:
    """The names of the fields in a template.

    Raises:
        ConfigError: The braces do not match.

    >>> fields_of("cls_{row:05d}.jpg")
    ['row']
    """
    try:
        return [name for _, name, _, _ in Formatter().parse(template) if name is not None]
    except ValueError as error:
        raise ConfigError(f"the cell '{template}' is not a template: {error}") from error


def _names_rows(template: str) -> bool:
    """Whether a cell differs from row to row before anything is predicted; one image of a pair may repeat."""
    names = {*fields_of(template)}
    return bool(names) and not names & PREDICTED_FIELDS and names not in ({"first"}, {"second"})


def _chosen(task: Task, settings: TableConfig, preset: SubmissionFormat | None) -> SubmissionFormat | None:
    if not settings.columns and not settings.cells:
        return preset
    columns = settings.columns or (preset.columns if preset else ())
    cells = settings.cells or (preset.parts[0].cells if preset else ())
    form = table_format(task, columns, cells)
    return replace(form, labels_per_row=preset.labels_per_row) if preset else form

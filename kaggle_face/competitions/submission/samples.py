"""Inferring a submission's format from the sample that a competition gives out.

The ids of the sample are compared with what the test files offer: names, numbers, rows, pairs of names. A
sample may lack rows (published ones have), but must not have any that the test files do not: they are
incomplete then, and nothing can be inferred.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from kaggle_face.competitions.files.csv_tables import read_csv_table
from kaggle_face.competitions.files.folders import FolderMap, name_of
from kaggle_face.competitions.submission.formats import FormatPart, SubmissionFormat
from kaggle_face.competitions.submission.tables import row_ids
from kaggle_face.errors import ConfigError, DataError, naming_first
from kaggle_face.file_names import is_picture_name
from kaggle_face.records import CompetitionData
from kaggle_face.tasks import TASKS, Task

_ENOUGH = 0.5  # of a sample's ids that a template gives: it is meant, and the other ids are foreign
_ROW_TEMPLATES = ("{id}", "{path}", "{name}", "{stem}", "{number}", "{row}", "{first}", "{second}")
_LABEL_NAME = re.compile(r"label|class|identity|predict|category", re.IGNORECASE)
_SCORE_NAME = re.compile(r"score|match|simil|prob|distance", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class _Part:
    """Rows of the sample that seem to belong to one task."""

    ids: Sequence[str]
    cells: Mapping[str, Sequence[str]]
    affixed: Sequence[str] = ()

    @property
    def whole_ids(self) -> Sequence[str]:
        """The ids as they stand in the sample, with what was cut off before and behind them."""
        return self.affixed or self.ids


class ForeignIdsError(DataError):
    """A sample submission has ids that the test files do not have."""


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


def infer_format(sample: Path, data: CompetitionData, root: Path | None = None) -> SubmissionFormat:
    """The format that a sample submission shows: columns, templates of the ids, and the predicted column.

    A sample whose name, or whose folder's below the data root `root`, names one task is its alone.

    Raises:
        DataError: The sample is not a table, or the column of the predictions is not clear.
        ForeignIdsError: It has ids that the test files do not have in any known form.
    """
    table = read_csv_table(sample, [])
    columns = tuple(table.columns)
    if len(columns) < 2:
        raise DataError(
            f"{sample} has the column '{columns[0]}' alone; a submission needs an id and a prediction"
        )
    whole = _Part(table.columns[columns[0]], {name: table.columns[name] for name in columns[1:]})
    named = tasks_named_by(sample.name if root is None else sample.relative_to(root).as_posix())
    task = next(iter(named)) if len(named) == 1 else None
    found = _explain(whole, data, task)
    if found is not None:
        parts = [(whole, *found)]
    else:
        parts = [] if task is not None else _explain_parts(whole, data)
    if not parts:
        _refuse_foreign_ids(sample, whole, data, task)
    labels_per_row = 1
    if len(parts) == 1 and parts[0][1] == "classification":
        labels_per_row = max(1, *(len(cells[0].split()) for cells in whole.cells.values()))
    return SubmissionFormat(
        columns,
        tuple(
            FormatPart(task, (id_cell, *_cells_behind_id(part, task, sample, data, id_cell)))
            for part, task, id_cell in parts
        ),
        labels_per_row=labels_per_row,
    )


def _explain(part: _Part, data: CompetitionData, named: Task | None = None) -> tuple[Task, str] | None:
    """The task and the template that give all ids of a part: of `named`, or the nearest in number."""
    wanted = set(part.ids)
    fits: list[tuple[int, bool, int, Task, str]] = []
    for task, template in _candidates(data, part, named):
        offered = _offered(data, task, template)
        if wanted <= set(offered):
            distance = abs(len(offered) - len(part.ids))
            fits.append((distance, not _looks_like(part, task), len(fits), task, template))
    if not fits:
        return None
    *_, task, template = min(fits)
    return task, template


def _refuse_foreign_ids(sample: Path, whole: _Part, data: CompetitionData, named: Task | None) -> NoReturn:
    """Raises the error that names the ids which are not of the test files."""
    wanted = set(whole.ids)
    offers = [set(_offered(data, *candidate)) for candidate in _candidates(data, whole, named)]
    best = max(offers, key=lambda offered: len(wanted & offered), default=set())
    if len(wanted & best) >= _ENOUGH * len(wanted):
        foreign = [row for row in whole.ids if row not in best]
        what = naming_first(len(foreign), len(whole.ids), "row", "are of no test file", foreign[0])
        raise ForeignIdsError(
            f"{sample}: {what}; the test files are incomplete, so unpack the archives again"
        )
    for name, cells in whole.cells.items():
        if _explain(_Part(cells, {}), data, named) is not None and len({*cells}) == len(cells):
            raise ForeignIdsError(
                f"{sample}: its ids are the column '{name}', and CSVs are written with the ids first; move "
                f"that column to the front"
            )
    raise ForeignIdsError(
        f"{sample}: its ids, such as '{whole.ids[0]}', are not names, numbers or rows of the test files; "
        f"unpack the archives again, or describe the file with submit.classification, submit.verification "
        f"or submit.combined"
    )


def _explain_parts(whole: _Part, data: CompetitionData) -> list[tuple[_Part, Task, str]]:
    """The parts of a sample for both tasks: ids of two shapes, or one numbering through both."""
    groups: dict[str, list[int]] = {}
    for place, text in enumerate(whole.ids):
        groups.setdefault(re.sub(r"\d+", "0", text), []).append(place)
    if len(groups) == 1:
        return _explain_numbering(whole, data)
    explained = []
    for places in groups.values():
        part = _chosen(whole, places)
        found = _explain(part, data) or _explain_affixed(part, data)
        if found is None:
            return []
        explained.append((part, *found))
    return explained if len({task for _, task, _ in explained}) == len(explained) else []


def _explain_affixed(part: _Part, data: CompetitionData) -> tuple[Task, str] | None:
    """Ids that carry a word before or behind: `cls_17`."""
    prefix = re.sub(r"\d+$", "", _common_beginning(part.ids))
    suffix = re.sub(r"^\d+", "", _common_beginning([text[::-1] for text in part.ids])[::-1])
    suffix = suffix if len(prefix) + len(suffix) < min(map(len, part.ids)) else ""
    end = None if not suffix else -len(suffix)
    for shorter_suffix, stop in ((suffix, end), ("", None)):
        inner = _Part([text[len(prefix) : stop] for text in part.ids], part.cells, part.ids)
        found = _explain(inner, data)
        if found is not None:
            task = _named_task(prefix + shorter_suffix) or found[0]
            return task, f"{_literal(prefix)}{found[1]}{_literal(shorter_suffix)}"
    return None


def _common_beginning(texts: Sequence[str]) -> str:
    """The longest text that all begin with, which is what the first and the last in order share."""
    first, last = min(texts), max(texts)
    same = next((place for place in range(len(first)) if first[: place + 1] != last[: place + 1]), len(first))
    return first[:same]


def _explain_numbering(whole: _Part, data: CompetitionData) -> list[tuple[_Part, Task, str]]:
    """One numbering through the rows of both tasks, those of classification first unless the cells differ."""
    sizes: dict[Task, int] = {
        "classification": len(data.test_rows),
        "verification": len(_offered(data, "verification", "{row}")),
    }
    if list(whole.ids) != list(map(str, range(sum(sizes.values())))) or not all(sizes.values()):
        return []
    orders: list[list[tuple[_Part, Task, str]]] = []
    for order in (TASKS, TASKS[::-1]):
        edge = sizes[order[0]]
        parts = [_chosen(whole, range(edge)), _chosen(whole, range(edge, len(whole.ids)))]
        orders.append([(part, task, "{line}") for part, task in zip(parts, order, strict=True)])
    return max(orders, key=lambda parts: sum(_looks_like(part, task) for part, task, _ in parts))


def _chosen(whole: _Part, places: Sequence[int]) -> _Part:
    cells = {name: [column[place] for place in places] for name, column in whole.cells.items()}
    return _Part([whole.ids[place] for place in places], cells)


def _candidates(data: CompetitionData, part: _Part, named: Task | None = None) -> Iterator[tuple[Task, str]]:
    """Templates that might give the ids of a part, the plainest first; `named`: of this task alone.

    Ids that look like pictures are never row numbers. Test images are called by their row only where the
    sample has a row for each: where it lacks some, their rows are open.
    """
    pictures = any(map(is_picture_name, part.whole_ids))
    rows_fit = not pictures and len(part.ids) == len(data.test_rows)
    for task, template in _all_candidates(data, part.ids[0]):
        is_row = template.startswith("{row")
        if named not in (None, task) or (is_row and pictures):
            continue
        if not is_row or task == "verification" or rows_fit:
            yield task, template


def _all_candidates(data: CompetitionData, example: str) -> Iterator[tuple[Task, str]]:
    digits = re.search(r"\d+", example)
    padded = f":0{len(digits[0])}d" if digits and len(digits[0]) > 1 and digits[0][0] == "0" else ""
    suffix = _literal(Path(example).suffix)
    numbers = [
        f"{{row{padded}}}",
        f"{{row{padded}}}{suffix}",
        f"{{number{padded}}}",
        f"{{number{padded}}}{suffix}",
    ]
    if len(data.test_rows):
        for template in ("{id}", "{name}", "{stem}", "{path}", *numbers):
            yield "classification", template
    if data.test_gallery is not None:
        for template in ("{id}", "{name}", "{stem}", "{path}", *numbers):
            yield "verification", template
    elif len(data.test_pairs):
        yield "verification", "{id}"
        yield "verification", "{row}"
        for joint in (" ", "-", "_", ",", "|", ":"):
            if joint in example:
                yield "verification", f"{{first}}{joint}{{second}}"


def _offered(data: CompetitionData, task: Task, template: str) -> list[str]:
    """The ids that a template gives; none where the test files cannot fill it."""
    try:
        ids: list[str] = row_ids(data, SubmissionFormat(("id",), (FormatPart(task, (template,)),))).tolist()
    except (ConfigError, DataError):
        return []
    return ids


def _cells_behind_id(part: _Part, task: Task, sample: Path, data: CompetitionData, id_cell: str) -> list[str]:
    """The templates of the columns behind the id: one of predictions, the rest as the sample has them.

    Raises:
        DataError: Several columns may be the predictions, or another differs from row to row in no known way.
    """
    predicted = []
    known = _templates_of_cells(part, task, data, id_cell)
    for name, cells in part.cells.items():
        if name in known:
            continue
        is_constant_word = _named_task(cells[0]) is not None and len(set(cells)) == 1
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
    if task == "classification" and len({*predicted} & {*data.classes.names, *data.classes.submitted}) > 1:
        raise DataError(
            f"{sample}: {', '.join(predicted[:3])} are columns of identities, and CSVs of a probability for "
            f"each are not written; only a label for each image is"
        )
    if len(predicted) != 1:
        raise DataError(
            f"{sample}: which of the columns {', '.join(part.cells)} holds the predictions of {task} is not "
            f"clear; describe the file with submit.{task} or submit.combined"
        )
    cells_shown = part.cells[predicted[0]]
    is_blank = not any(cell.strip() for cell in cells_shown)
    has_scores = data.test_gallery is None and (is_blank or _are_numbers(cells_shown))
    is_score = task == "verification" and has_scores
    template = "{score}" if is_score else "{label}"
    for name, cells in part.cells.items():
        if name not in known and name != predicted[0] and len(set(cells)) > 1:
            raise DataError(
                f"{sample}: the column '{name}' differs from row to row ({cells[0]}, ...) and is neither the "
                f"prediction nor a name or number of the rows; describe the file with submit.{task}"
            )
    known |= {predicted[0]: template}
    return [known.get(name, _literal(cells[0])) for name, cells in part.cells.items()]


def _templates_of_cells(part: _Part, task: Task, data: CompetitionData, id_cell: str) -> dict[str, str]:
    """The templates of columns that differ from row to row, as the test files name or number the rows."""
    place_of = {text: place for place, text in enumerate(_offered(data, task, id_cell))}
    places = [place_of.get(text) for text in part.whole_ids]
    found: dict[str, str] = {}
    if None in places:
        return found
    for name, cells in part.cells.items():
        if len(set(cells)) < 2:
            continue
        for template in _ROW_TEMPLATES:
            offered = _offered(data, task, template)
            if offered and [offered[place] for place in places if place is not None] == [*cells]:
                found[name] = template
                break
    return found


def _looks_like(part: _Part, task: Task) -> bool:
    """Whether the cells look like a task's predictions: scores have a point, labels have none."""
    texts = [cells[0] for cells in part.cells.values() if cells]
    if any(_named_task(text) == task for text in texts):
        return True
    return any(("." in text) == (task == "verification") for text in texts if _are_numbers([text]))


def _named_task(text: str) -> Task | None:
    """The task that a word names: `cls_`, `ver`, `classification`."""
    word = text.lower()
    if "cls" in word or "classif" in word:
        return "classification"
    return "verification" if "ver" in word else None


def _are_numbers(cells: Sequence[str]) -> bool:
    return all(re.fullmatch(r"[-+]?\d*\.?\d+([eE][-+]?\d+)?", cell.strip()) for cell in cells)


def _literal(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")

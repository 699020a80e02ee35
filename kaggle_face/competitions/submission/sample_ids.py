"""The ids of a sample submission compared with those of the test files: names, numbers, rows, pairs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from kaggle_face.competitions.submission.formats import FormatPart, SubmissionFormat
from kaggle_face.competitions.submission.tables import row_ids
from kaggle_face.errors import ConfigError, DataError, naming_first
from kaggle_face.file_names import is_picture_name
from kaggle_face.records import CompetitionData
from kaggle_face.tasks import TASKS, Task

_ENOUGH = 0.5  # of a sample's ids that a template gives: it is meant, and the other ids are foreign
_MOST_SHOWN = 60


@dataclass(frozen=True, eq=False)
class SampleRows:
    """Rows of the sample that seem to belong to one task."""

    ids: Sequence[str]
    cells: Mapping[str, Sequence[str]]
    affixed: Sequence[str] = ()

    @property
    def whole_ids(self) -> Sequence[str]:
        """The ids as they stand in the sample, with what was cut off before and behind them."""
        return self.affixed or self.ids


ExplainedRows = tuple[SampleRows, Task, str]
"""Rows with the task that they are of and the template that gives their ids."""


class ForeignIdsError(DataError):
    """A sample submission has ids that the test files do not have."""


def explained(whole: SampleRows, data: CompetitionData, task: Task | None) -> list[ExplainedRows]:
    """The parts of a sample with their tasks and templates of ids; none where the ids are foreign."""
    found = _explain(whole, data, task)
    if found is not None:
        return [(whole, *found)]
    return [] if task is not None else _explain_parts(whole, data)


def _explain(part: SampleRows, data: CompetitionData, named: Task | None = None) -> tuple[Task, str] | None:
    """The task and the template that give all ids of a part: of `named`, or the nearest in number."""
    wanted = set(part.ids)
    fits: list[tuple[int, bool, int, Task, str]] = []
    for task, template in _candidates(data, part, named):
        offered = offered_ids(data, task, template)
        if wanted <= set(offered):
            distance = abs(len(offered) - len(part.ids))
            fits.append((distance, not _looks_like(part, task), len(fits), task, template))
    if not fits:
        return None
    *_, task, template = min(fits)
    return task, template


def refuse_foreign_ids(
    sample: Path, whole: SampleRows, data: CompetitionData, named: Task | None
) -> NoReturn:
    """Raises the error that names the ids which are not of the test files."""
    wanted = set(whole.ids)
    offers = [set(offered_ids(data, *candidate)) for candidate in _candidates(data, whole, named)]
    best = max(offers, key=lambda offered: len(wanted & offered), default=set())
    if len(wanted & best) >= _ENOUGH * len(wanted):
        foreign = [row for row in whole.ids if row not in best]
        what = naming_first(len(foreign), len(whole.ids), "row", "are of no test file", foreign[0])
        raise ForeignIdsError(
            f"{sample}: {what}; the test files are incomplete, so unpack the archives again"
        )
    others = ", ".join(f"{name} ({cells[0]})" for name, cells in whole.cells.items())
    others = others if len(others) <= _MOST_SHOWN else f"{others[:_MOST_SHOWN]}..."
    raise ForeignIdsError(
        f"{sample}: its ids, such as '{whole.ids[0]}', are not names, numbers or rows of the test files, nor "
        f"does another column hold each of them once: {others}; unpack the archives again, or "
        f"describe the file with submit.classification, submit.verification or submit.combined"
    )


def _explain_parts(whole: SampleRows, data: CompetitionData) -> list[ExplainedRows]:
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


def _explain_affixed(part: SampleRows, data: CompetitionData) -> tuple[Task, str] | None:
    """Ids that carry a word before or behind: `cls_17`."""
    prefix = re.sub(r"\d+$", "", _common_beginning(part.ids))
    suffix = re.sub(r"^\d+", "", _common_beginning([text[::-1] for text in part.ids])[::-1])
    suffix = suffix if len(prefix) + len(suffix) < min(map(len, part.ids)) else ""
    end = None if not suffix else -len(suffix)
    for shorter_suffix, stop in ((suffix, end), ("", None)):
        inner = SampleRows([text[len(prefix) : stop] for text in part.ids], part.cells, part.ids)
        found = _explain(inner, data)
        if found is not None:
            task = named_task(prefix + shorter_suffix) or found[0]
            return task, f"{literal(prefix)}{found[1]}{literal(shorter_suffix)}"
    return None


def _common_beginning(texts: Sequence[str]) -> str:
    """The longest text that all begin with, which is what the first and the last in order share."""
    first, last = min(texts), max(texts)
    same = next((place for place in range(len(first)) if first[: place + 1] != last[: place + 1]), len(first))
    return first[:same]


def _explain_numbering(whole: SampleRows, data: CompetitionData) -> list[ExplainedRows]:
    """One numbering through the rows of both tasks, those of classification first unless the cells differ."""
    sizes: dict[Task, int] = {
        "classification": len(data.test_rows),
        "verification": len(offered_ids(data, "verification", "{row}")),
    }
    if list(whole.ids) != list(map(str, range(sum(sizes.values())))) or not all(sizes.values()):
        return []
    orders: list[list[ExplainedRows]] = []
    for order in (TASKS, TASKS[::-1]):
        edge = sizes[order[0]]
        parts = [_chosen(whole, range(edge)), _chosen(whole, range(edge, len(whole.ids)))]
        orders.append([(part, task, "{line}") for part, task in zip(parts, order, strict=True)])
    return max(orders, key=lambda parts: sum(_looks_like(part, task) for part, task, _ in parts))


def _chosen(whole: SampleRows, places: Sequence[int]) -> SampleRows:
    cells = {name: [column[place] for place in places] for name, column in whole.cells.items()}
    return SampleRows([whole.ids[place] for place in places], cells)


def _candidates(
    data: CompetitionData, part: SampleRows, named: Task | None = None
) -> Iterator[tuple[Task, str]]:
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
    suffix = literal(Path(example).suffix)
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


def offered_ids(data: CompetitionData, task: Task, template: str) -> list[str]:
    """The ids that a template gives; none where the test files cannot fill it."""
    try:
        ids: list[str] = row_ids(data, SubmissionFormat(("id",), (FormatPart(task, (template,)),))).tolist()
    except (ConfigError, DataError):
        return []
    return ids


def _looks_like(part: SampleRows, task: Task) -> bool:
    """Whether the cells look like a task's predictions: scores have a point, labels have none."""
    texts = [cells[0] for cells in part.cells.values() if cells]
    if any(named_task(text) == task for text in texts):
        return True
    return any(
        bool({".", ","} & {*text}) == (task == "verification") for text in texts if are_numbers([text])
    )


def named_task(text: str) -> Task | None:
    """The task that a word names: `cls_`, `ver`, `classification`."""
    word = text.lower()
    if "cls" in word or "classif" in word:
        return "classification"
    return "verification" if "ver" in word else None


def are_numbers(cells: Sequence[str]) -> bool:
    """Whether all cells are decimal numbers, with a point or a comma."""
    return all(re.fullmatch(r"[-+]?\d*[.,]?\d+([eE][-+]?\d+)?", cell.strip()) for cell in cells)


def literal(text: str) -> str:
    """A text as a template that gives exactly it."""
    return text.replace("{", "{{").replace("}", "}}")

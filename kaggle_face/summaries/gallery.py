"""The gallery of one-shot recognition: who is enrolled, pictures, the audit, and answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kaggle_face.errors import counted
from kaggle_face.summaries.summary import Summary, TextTable, number

if TYPE_CHECKING:
    from kaggle_face.recognition.gallery.tables import AuditRow, Person
    from kaggle_face.recognition.one_shot import Identified

_LONGEST_DETAILS = 60
_PEOPLE = {
    "name": "as enrolled",
    "images": "enrolled of the person",
    "added": "when the person was enrolled, UTC",
}
_PICTURES = {
    "number": "of the picture",
    "source": "the file it is from",
    "added": "when, UTC",
    "picture": "whether the crop of the face is kept",
    "similarity": "to the person's other pictures, cosine",
}
_AUDIT = {
    "time": "UTC",
    "action": "what was done or decided",
    "number": "of the person",
    "name": "at that time",
    "details": "of the action; all of them with --json",
}
_CANDIDATES = {
    "rank": "1 = most alike",
    "name": "who is enrolled",
    "score": "cosine with the picture",
    "images": "enrolled of the person",
}


def people_table(people: Sequence[Person]) -> TextTable:
    """Everyone who is enrolled."""
    return TextTable(_PEOPLE, [[one.name, str(one.num_images), one.added] for one in people])


def pictures_table(rows: Iterable[Mapping[str, Any]]) -> TextTable:
    """The pictures of a person, as the fields of their JSON."""
    cells = [
        [
            str(row["number"]),
            row["source"],
            row["added"],
            "kept" if row["kept"] else "not kept",
            number(row["similarity"], 3),
        ]
        for row in rows
    ]
    return TextTable(_PICTURES, cells)


def audit_table(rows: Iterable[AuditRow]) -> TextTable:
    """What was done and decided."""
    cells = []
    for row in rows:
        details = str(row.details) if row.details else ""
        short = details if len(details) <= _LONGEST_DETAILS else f"{details[: _LONGEST_DETAILS - 3]}..."
        cells.append([row.time, row.action, "-" if row.person is None else str(row.person), row.name, short])
    return TextTable(_AUDIT, cells)


def describe_identified(found: Identified) -> Summary:
    """Who each picture shows with the candidates, and how far the threshold is to be trusted."""
    lines: list[str | TextTable] = []
    for face, answer in zip(found.faces, found.answers, strict=True):
        name = answer.known.name if answer.known else "unknown"
        rows = [
            [f"{rank}", one.person.name, f"{one.score:.4f}", f"{one.person.num_images}"]
            for rank, one in enumerate(answer.candidates, start=1)
        ]
        lines += [str(face), f"{face.source} shows {name}: {answer.decision}", TextTable(_CANDIDATES, rows)]
    among, rate = f"compared with {counted(found.num_people, 'person')}", found.false_alarm_rate
    if rate == 0:
        among += "; at this threshold none of them is taken for another"
    elif rate is not None:
        among += f"; at this threshold about {rate:.1%} of strangers would get one of their names"
    return [*lines, among]

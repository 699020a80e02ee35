"""Summaries of one-shot recognition: enrolled people, pictures, the audit log, answers and their accuracy."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kaggle_face.errors import counted
from kaggle_face.summaries.summary import Summary, TextTable, number

if TYPE_CHECKING:
    from kaggle_face.recognition.evaluation_report import EvaluationReport
    from kaggle_face.recognition.gallery.enrolment import FolderReport
    from kaggle_face.recognition.gallery.model_card import ModelCard
    from kaggle_face.recognition.gallery.tables import AuditRow, Person
    from kaggle_face.recognition.one_shot import Enrolled, Identified, Verified

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


def describe_people(gallery: Path, people: Sequence[Person], model: ModelCard | None) -> Summary:
    """The enrolled people of a gallery, and its model."""
    if not people or model is None:
        return [f"nobody is enrolled in {gallery}"]
    rows = [[one.name, str(one.num_images), one.added] for one in people]
    return [TextTable(_PEOPLE, rows), f"{counted(len(people), 'person')}; model {model.name}"]


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
    """The audit log as a table."""
    cells = []
    for row in rows:
        details = str(row.details) if row.details else ""
        short = details if len(details) <= _LONGEST_DETAILS else f"{details[: _LONGEST_DETAILS - 3]}..."
        cells.append([row.time, row.action, "-" if row.person is None else str(row.person), row.name, short])
    return TextTable(_AUDIT, cells)


def describe_enrolled(enrolled: Enrolled) -> Summary:
    """The place of each enrolled face, and the number of images of the person."""
    outcome, person = enrolled.outcome, enrolled.outcome.person
    known = f" ({outcome.num_known} were there already)" if outcome.num_known else ""
    count = f"{person.name}: images enrolled: {outcome.num_added}{known}, {person.num_images} in all"
    return [*map(str, enrolled.faces), count]


def describe_enrolled_folder(report: FolderReport) -> Summary:
    """Counts of a folder's people and images: enrolled, already there, left out."""
    skipped = f", {report.num_skipped} were there already" if report.num_skipped else ""
    images, people = counted(report.num_images, "image"), counted(report.num_people, "person")
    return [f"{people} enrolled with {images}{skipped}; {len(report.left_out)} left out"]


def describe_verified(found: Verified) -> Summary:
    """The place of each face, and whether both are the same person."""
    verdict = "the same person as" if found.decision.accepted else "NOT the same person as"
    answer = f"{found.faces[-1].source} shows {verdict} {found.claim}: {found.decision}"
    return [*map(str, found.faces), answer]


def describe_identified(found: Identified) -> Summary:
    """The identity of each picture with the candidates, and how far the threshold is to be trusted."""
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
        among += f"; at this threshold about {rate:.1%} of unknown people would get one of their names"
    return [*lines, among]


def describe_recognition(report: EvaluationReport) -> Summary:
    """The models, and the one-shot accuracy of each on a folder."""
    people = counted(len(set(report.faces.people.tolist())), "person")
    lines: list[str | TextTable] = [f"{people}, {counted(len(report.faces.people), 'picture')}"]
    for one in report.models:
        speed = "" if math.isnan(one.milliseconds) else f", {one.milliseconds:.1f} ms a face on this machine"
        lines.append(f"{one.model.name} [{one.model.fingerprint[:8]}]{speed}")
    for table in report.tables():
        legend = {name: table.legend[name] for name in table.header}
        lines += ["", table.title, TextTable(legend, table.rows), *table.notes]
    return lines

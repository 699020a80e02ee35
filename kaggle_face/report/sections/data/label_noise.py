"""Held-out images whose label is doubted, with usual pictures of both identities."""

from __future__ import annotations

import numpy as np

from kaggle_face.errors import counted
from kaggle_face.report.advice import USUALLY_RIGHT
from kaggle_face.report.blocks import Card, Cards, Column, Table
from kaggle_face.report.facts import ClassFacts, ReportFacts
from kaggle_face.report.pictures import picture_of
from kaggle_face.report.section import Content, LeftOut, Section

MOST_IMAGES = 36


def build(facts: ReportFacts) -> Content:
    """Cards of the doubtful images; without pictures a table of them."""
    classes = facts.classes
    if classes is None or classes.doubtful is None:
        return LeftOut(facts.missing.get("classes", "no identities are classified"))
    doubtful = classes.doubtful
    if not len(doubtful.image_ids):
        return LeftOut("no held-out image has a doubtful label")
    count = min(MOST_IMAGES, len(doubtful.image_ids))
    note = f"{count} of {counted(len(doubtful.image_ids), 'doubtful image')}, the most doubtful first."
    accuracy = float((classes.answers.predicted == classes.answers.labels).mean())
    is_usually_right = accuracy >= USUALLY_RIGHT
    if not is_usually_right:
        note += (
            f" None is marked: at a held-out accuracy of {accuracy:.1%} right labels are doubted too "
            f"({USUALLY_RIGHT:.0%} is the limit)."
        )
    rows = [
        (
            str(doubtful.image_ids[row]),
            str(classes.class_names[doubtful.labels[row]]),
            str(classes.class_names[doubtful.rivals[row]]),
            float(doubtful.deviations[row]),
        )
        for row in range(count)
    ]
    if facts.cache is None:
        columns = (Column("image"), Column("label"), Column("looks like"), Column("deviations", 1, "number"))
        return (Table("Doubtful labels", columns, tuple(rows), note),)
    mark = "possible label noise" if is_usually_right else ""
    cards = []
    for row, (image, label, rival, deviations) in enumerate(rows):
        pictures = [picture_of(facts.cache, image, f"{image}: labelled {label}")]
        for number, name in ((int(doubtful.labels[row]), label), (int(doubtful.rivals[row]), rival)):
            usual = _usual(classes, number, image)
            if usual is not None:
                pictures.append(picture_of(facts.cache, usual, f"{usual}: {name}"))
        lines = (f"labelled {label}", f"looks like {rival}", f"{-deviations:.1f} deviations below the usual")
        cards.append(Card(tuple(pictures), image, lines, mark))
    return (Cards("Doubtful labels", tuple(cards), f"{note} Then a usual picture of each identity."),)


def _usual(classes: ClassFacts, label: int, without: str) -> str | None:
    """An image of an identity that is recognised surely; None where there is none."""
    figures = classes.answers
    rows = np.flatnonzero(
        (figures.labels == label) & (figures.predicted == label) & (classes.image_ids != without)
    )
    if not len(rows):
        return None
    return str(classes.image_ids[rows[int(np.argmax(figures.confidences[rows]))]])


SECTION = Section(
    "label-noise",
    "Possible label noise",
    "Networks that did not train on these images call them another identity, and far more surely than they "
    "usually err on that identity. The command 'check --labels' writes them as a list to train without.",
    build,
)

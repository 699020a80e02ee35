"""The most confused pairs of identities, with pictures of both."""

from __future__ import annotations

import numpy as np

from kaggle_face.errors import counted
from kaggle_face.report.blocks import Card, Cards, Column, Picture, Table
from kaggle_face.report.facts import ClassFacts, ReportFacts
from kaggle_face.report.pictures import picture_of
from kaggle_face.report.section import Content, LeftOut, Section

MOST_COUPLES = 24
_EXAMPLES = 2


def couples_of(classes: ClassFacts) -> list[tuple[int, int, int, int]]:
    """Two identities, how often the first was taken for the second, and the other way, most mistakes
    first."""
    figures = classes.answers
    wrong = figures.predicted != figures.labels
    counts: dict[tuple[int, int], list[int]] = {}
    for label, predicted in zip(
        figures.labels[wrong].tolist(), figures.predicted[wrong].tolist(), strict=True
    ):
        first, second = sorted((label, predicted))
        counts.setdefault((first, second), [0, 0])[0 if label == first else 1] += 1
    found = [(first, second, there, back) for (first, second), (there, back) in counts.items()]
    return sorted(found, key=lambda each: (-(each[2] + each[3]), each[:2]))


def build(facts: ReportFacts) -> Content:
    """Cards of the pairs of identities with most mistakes; without pictures a table of them."""
    classes = facts.classes
    if classes is None:
        return LeftOut(facts.missing.get("classes", "no identities are classified"))
    couples = couples_of(classes)
    if not couples:
        return LeftOut("no held-out image was taken for another identity")
    shown, names = couples[:MOST_COUPLES], classes.class_names
    note = f"{len(shown):,} of {counted(len(couples), 'pair')} of identities with mistakes."
    if facts.cache is None:
        columns = (
            Column("identity"),
            Column("other identity"),
            Column("first taken for second", 0, "number"),
            Column("second taken for first", 0, "number"),
        )
        rows = tuple((str(names[a]), str(names[b]), there, back) for a, b, there, back in shown)
        return (Table("Most confused pairs of identities", columns, rows, note),)
    cards = tuple(_card(facts, classes, *couple) for couple in shown)
    return (
        Cards(
            "Most confused pairs of identities", cards, f"{note} First mistakes, then usual pictures of both."
        ),
    )


def _card(facts: ReportFacts, classes: ClassFacts, first: int, second: int, there: int, back: int) -> Card:
    figures = classes.answers
    one, other = str(classes.class_names[first]), str(classes.class_names[second])
    wrong = np.flatnonzero(
        ((figures.labels == first) & (figures.predicted == second))
        | ((figures.labels == second) & (figures.predicted == first))
    )
    wrong = wrong[np.argsort(-figures.confidences[wrong], kind="stable")][:_EXAMPLES]
    pictures: list[Picture] = []
    for place in wrong.tolist():
        name, taken_for = (one, other) if figures.labels[place] == first else (other, one)
        image = str(classes.image_ids[place])
        pictures.append(picture_of(facts.cache, image, f"{image}: {name}, taken for {taken_for}"))
    for label, name in ((first, one), (second, other)):
        usual = np.flatnonzero((figures.labels == label) & (figures.predicted == label))[:1]
        for place in usual.tolist():
            image = str(classes.image_ids[place])
            pictures.append(picture_of(facts.cache, image, f"{image}: {name}"))
    lines = []
    for count, name, taken_for in ((there, one, other), (back, other, one)):
        if count:
            lines.append(f"{name} taken for {taken_for}: {count}")
    return Card(tuple(pictures), f"{one} and {other}", tuple(lines))


SECTION = Section(
    "confusions",
    "Most confused identities",
    "If two identities look like one person, they may be one: the data then has the same person under two "
    "names. If they are alike but different, more pictures of both help most.",
    build,
)

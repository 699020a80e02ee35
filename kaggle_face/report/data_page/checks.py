"""The counts of each split, and all results of the data check."""

from __future__ import annotations

from kaggle_face.report.blocks import Column, Table
from kaggle_face.report.data_page.facts import DataFacts
from kaggle_face.report.section import Content, PageSection

_WORDS = {"problem": "problem", "note": "note", "good": "ok"}
_ORDER = ("problem", "note", "good")


def build(facts: DataFacts) -> Content:
    """A table of splits, and one of results with problems first."""
    columns = (
        Column("split"),
        Column("images", kind="number"),
        Column("labelled", kind="number"),
        Column("identities", kind="number"),
    )
    rows = tuple((each.split, each.images, each.labelled, each.classes) for each in facts.counts)
    note = f"In {facts.root}. Labelled: the identity is known. Identities: different ones among these."
    results = sorted(facts.results, key=lambda each: _ORDER.index(each.level))
    return (
        Table("Images of each split", columns, rows, note),
        Table(
            "Data check",
            (Column("result"), Column("what was found")),
            tuple((_WORDS[each.level], each.text) for each in results),
            highlighted=frozenset(row for row, each in enumerate(results) if each.level == "problem"),
        ),
    )


SECTION = PageSection(
    "checks",
    "Counts and checks",
    "A problem stops a training or a submission; a note is worth knowing.",
    build,
)

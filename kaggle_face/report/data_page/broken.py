"""Picture files that cannot be read, by name."""

from __future__ import annotations

import numpy as np

from kaggle_face.report.blocks import Column, Paragraph, Table
from kaggle_face.report.data_page.facts import DataFacts
from kaggle_face.report.section import Content, PageSection

MOST_ROWS = 500


def build(facts: DataFacts) -> Content:
    """A row for each file with the reason."""
    rows = np.flatnonzero(facts.files.problems != "")
    if not len(rows):
        return (Paragraph(f"All {len(facts.faces):,} pictures can be read."),)
    cells = tuple(
        (
            str(facts.faces.image_ids[row]),
            str(facts.faces.splits[row]),
            facts.identity_of(row),
            str(facts.files.problems[row]),
        )
        for row in rows[:MOST_ROWS].tolist()
    )
    columns = (Column("file"), Column("split"), Column("identity"), Column("why it cannot be read"))
    note = f"{len(cells):,} of {len(rows):,} files. data.broken_images=skip leaves them out of training."
    return (Table("Files that cannot be read", columns, cells, note),)


SECTION = PageSection(
    "broken",
    "Broken files",
    "Fix them or download them again: a broken test image is predicted as a grey one.",
    build,
)

"""Sizes and colour modes of the picture files."""

from __future__ import annotations

import numpy as np

from kaggle_face.report.blocks import Cell, Column, Table
from kaggle_face.report.data_page.facts import DataFacts
from kaggle_face.report.document.histograms import share_histogram
from kaggle_face.report.section import Content, LeftOut, PageSection


def build(facts: DataFacts) -> Content:
    """The longer sides by split, and a table of sizes, shapes and modes."""
    sides = np.maximum(facts.files.widths, facts.files.heights)
    is_good = sides > 0
    by_split = {split: np.flatnonzero(is_good & (facts.faces.splits == split)) for split in facts.splits}
    by_split = {split: rows for split, rows in by_split.items() if len(rows)}
    if not by_split:
        return LeftOut("no picture can be read")
    rows: list[tuple[Cell, ...]] = []
    for split, found in by_split.items():
        longer, shapes = sides[found], facts.files.widths[found] / facts.files.heights[found]
        modes, counts = np.unique(facts.files.modes[found], return_counts=True)
        named = ", ".join(f"{mode} {count:,}" for mode, count in zip(modes, counts, strict=True))
        is_small = float((longer < facts.image_size).mean())
        rows.append(
            (
                *(split, int(longer.min()), float(np.median(longer)), int(longer.max()), is_small),
                *(float(np.median(shapes)), named),
            )
        )
    columns = (
        Column("split"),
        Column("smallest", kind="number"),
        Column("median", 0, "number"),
        Column("largest", kind="number"),
        Column(f"below {facts.image_size} px", 1, "percent"),
        Column("width / height", 2, "number"),
        Column("colour modes"),
    )
    chart = share_histogram(
        "Longer side of the pictures",
        "pixels",
        [(split, sides[found].astype(np.float64)) for split, found in by_split.items()],
        f"The dotted line is data.image_size, {facts.image_size} pixels: pictures left of it are enlarged.",
        float(facts.image_size),
    )
    return chart, Table("Sizes in pixels", columns, tuple(rows), "Width / height: the median.")


SECTION = PageSection(
    "sizes",
    "Sizes",
    "Pictures far above data.image_size lose detail: try a larger one. Far below it: try a smaller one.",
    build,
)

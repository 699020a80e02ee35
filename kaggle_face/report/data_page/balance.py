"""The number of images of each identity."""

from __future__ import annotations

import numpy as np

from kaggle_face.records import IntArray
from kaggle_face.report.blocks import SERIES, Cell, Column, Figure, Table
from kaggle_face.report.data_page.facts import DataFacts
from kaggle_face.report.section import Content, LeftOut, PageSection

MOST_ROWS = 12
_MOST_BARS = 60
_MOST_TICKS = 24


def build(facts: DataFacts) -> Content:
    """A histogram of images per identity, and the identities with most and fewest."""
    by_split = {
        split: np.bincount(labels[labels >= 0], minlength=len(facts.class_names))
        for split in facts.splits
        if (labels := facts.faces.of_split(split).labels).max(initial=-1) >= 0  # type: ignore[arg-type]
    }
    if not by_split:
        return LeftOut("no image has a label")
    first, counts = next(iter(by_split.items()))
    order = np.argsort(-counts, kind="stable")
    columns = (Column("identity"), *(Column(split, kind="number") for split in by_split))

    def rows(labels: IntArray) -> tuple[tuple[Cell, ...], ...]:
        return tuple(
            (str(facts.class_names[label]), *(int(each[label]) for each in by_split.values()))
            for label in labels.tolist()
        )

    of_how_many = f"of {len(order):,} identities, by images of the split {first}."
    blocks = [_histogram(counts, first)]
    if len(order) <= 2 * MOST_ROWS:
        return (*blocks, Table("Images of each identity", columns, rows(order), f"All {of_how_many}"))
    most, fewest = order[:MOST_ROWS], order[::-1][:MOST_ROWS]
    return (
        *blocks,
        Table("Identities with most images", columns, rows(most), f"{MOST_ROWS} {of_how_many}"),
        Table("Identities with fewest images", columns, rows(fewest), f"{MOST_ROWS} {of_how_many}"),
    )


def _histogram(counts: IntArray, split: str) -> Figure:
    width = max(1, -(-int(counts.max() - counts.min() + 1) // _MOST_BARS))
    edges = np.arange(int(counts.min()), int(counts.max()) + width + 1, width)
    num_identities = np.histogram(counts, edges)[0]
    names = [str(low) if width == 1 else f"{low} to {low + width - 1}" for low in edges[:-1].tolist()]
    trace = {
        "type": "bar",
        "x": edges[:-1] + (width - 1) / 2,
        "y": num_identities,
        "customdata": names,
        "width": 0.9 * width,
        "marker": {"color": SERIES[0]},
        "hovertemplate": "%{y} identities with %{customdata} images<extra></extra>",
    }
    summary = (
        f"{counts.min():,} to {counts.max():,} images, median {np.median(counts):g}. The largest tenth of "
        f"the identities has {_share_of_largest(counts):.0%} of the images."
    )
    ends = float(edges[0] - width), float(edges[-1])
    steps = {"dtick": 1} if ends[1] - ends[0] <= _MOST_TICKS else {}
    layout = {
        "xaxis": {"title": {"text": f"images of the split {split}"}, "range": ends, **steps},
        "yaxis": {"title": {"text": "identities"}},
    }
    return Figure("Identities by their number of images", summary, (trace,), layout, height_px=300)


def _share_of_largest(counts: IntArray) -> float:
    """The share of all images that the largest tenth of the identities has."""
    largest = np.sort(counts)[::-1][: max(1, round(len(counts) / 10))]
    return float(largest.sum() / max(1, counts.sum()))


SECTION = PageSection(
    "balance",
    "Balance of the identities",
    "An even height is easiest to learn from. Far apart: try sampler.name=balanced or margin.by_class_size.",
    build,
)

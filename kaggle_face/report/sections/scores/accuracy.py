"""Accuracy by identity, by training images of an identity, and by brightness and sharpness of the picture."""

from __future__ import annotations

import numpy as np

from kaggle_face.metrics.intervals.bootstrap import Resampling, clustered_mean_interval
from kaggle_face.records import FloatArray, IntArray
from kaggle_face.report.blocks import SERIES, Block, Column, Figure, Table
from kaggle_face.report.facts import ClassFacts, ReportFacts
from kaggle_face.report.pictures import BRIGHTNESS_UNIT, SHARPNESS_UNIT, PictureStatistics
from kaggle_face.report.section import Content, LeftOut, Section

MOST_IDENTITIES = 200
"""Rows of the table of identities: the worst ones."""
_GROUPS = 8
_SHARES = np.linspace(0, 1, _GROUPS + 1)
_RESAMPLING = Resampling(num_resamples=200)


def build(facts: ReportFacts) -> Content:
    """A table of identities and charts of accuracy by possible causes of mistakes."""
    classes = facts.classes
    if classes is None:
        return LeftOut(facts.missing.get("classes", "no identities are classified"))
    figures = classes.answers
    right = (figures.predicted == figures.labels).astype(np.float64)
    blocks: list[Block] = [
        _by_identity(classes, right),
        _grouped(
            "Accuracy by training images of the identity",
            "training images",
            classes.train_images[figures.labels].astype(np.float64),
            right,
            figures.labels,
        ),
    ]
    pictures = facts.train_pictures
    if pictures is not None and len(pictures):
        blocks += _by_picture(classes, right, pictures)
    return tuple(blocks)


def _by_identity(classes: ClassFacts, right: FloatArray) -> Table:
    labels = classes.answers.labels
    counts = np.bincount(labels, minlength=len(classes.class_names))
    hits = np.bincount(labels, weights=right, minlength=len(classes.class_names))
    present = np.flatnonzero(counts)
    accuracies = hits[present] / counts[present]
    order = present[np.lexsort((-counts[present], accuracies))]
    shown = order[:MOST_IDENTITIES]
    rows = tuple(
        (
            str(classes.class_names[k]),
            float(hits[k] / counts[k]),
            int(counts[k]),
            int(counts[k] - hits[k]),
            int(classes.train_images[k]),
        )
        for k in shown.tolist()
    )
    note = f"The worst {len(shown):,} of {len(order):,} identities." if len(order) > len(shown) else ""
    columns = (
        Column("identity"),
        Column("accuracy", 1, "percent"),
        Column("held-out images", 0, "number"),
        Column("mistakes", 0, "number"),
        Column("training images", 0, "number"),
    )
    return Table("Accuracy by identity, the lowest first", columns, rows, note)


def _by_picture(classes: ClassFacts, right: FloatArray, pictures: PictureStatistics) -> list[Figure]:
    order = np.argsort(pictures.image_ids)
    ids = pictures.image_ids[order]
    rows = np.minimum(np.searchsorted(ids, classes.image_ids), len(ids) - 1)
    found = ids[rows] == classes.image_ids
    if not found.any():
        return []
    at: IntArray = order[rows[found]]
    return [
        _grouped(f"Accuracy by {name}", unit, values[at], right[found], classes.answers.labels[found])
        for name, unit, values in (
            ("brightness", BRIGHTNESS_UNIT, pictures.brightness),
            ("sharpness", SHARPNESS_UNIT, pictures.sharpness),
        )
    ]


def _grouped(title: str, unit: str, values: FloatArray, right: FloatArray, labels: IntArray) -> Figure:
    """Groups of about equal size by value, each with the interval of its accuracy for other identities."""
    distinct = np.unique(values)
    edges = distinct if len(distinct) <= _GROUPS else np.unique(np.quantile(values, _SHARES))[:-1]
    groups = np.searchsorted(edges, values, side="right") - 1
    centres, shares, up, down, counts = [], [], [], [], []
    for group in np.unique(groups).tolist():
        inside = right[groups == group]
        interval = clustered_mean_interval(inside, labels[groups == group], _RESAMPLING)
        centres.append(float(values[groups == group].mean()))
        shares.append(float(inside.mean()))
        down.append(interval.value - interval.low)
        up.append(interval.high - interval.value)
        counts.append(len(inside))
    trace = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": centres,
        "y": shares,
        "customdata": counts,
        "error_y": {"type": "data", "array": up, "arrayminus": down, "color": SERIES[0], "thickness": 1},
        "line": {"color": SERIES[0]},
        "marker": {"color": SERIES[0], "size": 7},
        "hovertemplate": "%{x:.3~g}: %{y:.1%} of %{customdata} images<extra></extra>",
    }
    layout = {
        "xaxis": {"title": {"text": unit}},
        "yaxis": {"title": {"text": "accuracy"}, "tickformat": ".0%", "rangemode": "tozero"},
    }
    summary = (
        f"From {centres[0]:.3g} to {centres[-1]:.3g}, groups of about {counts[0]:,} images: accuracy from "
        f"{min(shares):.1%} to {max(shares):.1%}. Bars are 95 % intervals for other identities."
    )
    return Figure(title, summary, (trace,), layout, height_px=320)


SECTION = Section(
    "accuracy",
    "Where accuracy is lost",
    "Out of fold, by the member that the report is about. Each chart groups the held-out images by one "
    "property; a trend over several groups beyond their intervals matters, one point apart may be chance.",
    build,
)

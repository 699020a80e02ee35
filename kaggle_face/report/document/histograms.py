"""Distributions of a property of pictures, one outline for each set of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kaggle_face.records import FloatArray
from kaggle_face.report.blocks import FAINT, Figure, series_colour

_BINS = 50
_DASHES = ("solid", "dot", "dash")


def share_histogram(
    title: str,
    unit: str,
    sets: Sequence[tuple[str, FloatArray]],
    summary: str,
    marked: float | None = None,
) -> Figure:
    """The share of each set by value; `marked` is a value with a line of its own.

    Args:
        title: Above the chart.
        unit: Below the axis.
        sets: A name and at least one value each.
        summary: The chart in words.
        marked: None: there is no such value.
    """
    everything = np.concatenate([values for _, values in sets])
    if marked is not None:
        everything = np.append(everything, marked)
    low, high = float(everything.min()), float(everything.max())
    pad = (high - low) / _BINS or 0.5
    edges = np.linspace(low - pad, high + pad, _BINS + 1)
    traces = tuple(
        {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "x": (edges[:-1] + edges[1:]) / 2,
            "y": np.histogram(values, edges)[0] / len(values),
            "line": {
                "color": series_colour(number),
                "width": 2,
                "shape": "hvh",
                "dash": _DASHES[number % len(_DASHES)],
            },
            "hovertemplate": "%{x:.3~g}: %{y:.1%}<extra>%{fullData.name}</extra>",
        }
        for number, (name, values) in enumerate(sets)
    )
    line = {"type": "line", "x0": marked, "x1": marked, "yref": "paper", "y0": 0, "y1": 1}
    layout = {
        "xaxis": {"title": {"text": unit}},
        "yaxis": {"title": {"text": "share of its pictures"}, "tickformat": ".0%"},
        "shapes": [] if marked is None else [{**line, "line": {"color": FAINT, "width": 2, "dash": "dot"}}],
    }
    return Figure(title, summary, traces, layout, height_px=300)

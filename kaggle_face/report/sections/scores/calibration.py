"""Calibration: how often answers are right, by the confidence that they are given with."""

from __future__ import annotations

import numpy as np

from kaggle_face.errors import counted
from kaggle_face.evaluation.figures import ClassFigures
from kaggle_face.metrics.classification import calibration_error
from kaggle_face.report.blocks import FAINT, Figure, series_colour
from kaggle_face.report.facts import ReportFacts
from kaggle_face.report.section import Content, LeftOut, Section

_BINS = 15
_FEWEST = 10
"""The fewest answers of a bin whose share is meaningful: below it a single one moves it by a tenth."""


def build(facts: ReportFacts) -> Content:
    """The reliability diagram of each member."""
    classes = facts.classes
    if classes is None:
        return LeftOut(facts.missing.get("classes", "no identities are classified"))
    traces: list[dict[str, object]] = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": "as it should be",
            "x": [0, 1],
            "y": [0, 1],
            "line": {"color": FAINT, "dash": "dash", "width": 1},
            "hoverinfo": "skip",
        }
    ]
    errors, rare = [], 0
    for number, (name, figures) in enumerate(zip(classes.members, classes.figures, strict=True)):
        error = calibration_error(figures.confidences, figures.predicted == figures.labels)
        errors.append(f"{name} {error:.4f}")
        trace, left_out = _reliability(name, figures, series_colour(number))
        traces.append(trace)
        rare += left_out
    layout = {
        "xaxis": {"title": {"text": "confidence"}, "range": [0, 1.02]},
        "yaxis": {"title": {"text": "share that is right"}, "range": [0, 1.02]},
    }
    summary = f"Expected calibration error: {'; '.join(errors)}."
    if rare:
        summary += f" {counted(rare, 'answer')} of confidences that fewer than {_FEWEST} have: no point."
    return (Figure("Right answers by confidence", summary, tuple(traces), layout),)


def _reliability(name: str, figures: ClassFigures, colour: str) -> tuple[dict[str, object], int]:
    """The share of right answers of a member by bins of confidence, and how many answers lie in rare ones."""
    right = figures.predicted == figures.labels
    bins = np.clip(np.ceil(figures.confidences * _BINS).astype(np.int64) - 1, 0, _BINS - 1)
    counts = np.bincount(bins, minlength=_BINS)
    there = counts >= _FEWEST
    trace: dict[str, object] = {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": np.bincount(bins, weights=figures.confidences, minlength=_BINS)[there] / counts[there],
        "y": np.bincount(bins, weights=right, minlength=_BINS)[there] / counts[there],
        "customdata": counts[there],
        "line": {"color": colour, "width": 2},
        "marker": {"size": 7, "color": colour},
        "hovertemplate": "confidence %{x:.2f}: right %{y:.1%} of %{customdata} images"
        "<extra>%{fullData.name}</extra>",
    }
    return trace, int(counts[~there].sum())


SECTION = Section(
    "calibration",
    "Calibration",
    "Points below the broken line are answers that are given too surely, points above it too hesitantly. It "
    "matters for pseudo-labels and for blends of probabilities.",
    build,
)

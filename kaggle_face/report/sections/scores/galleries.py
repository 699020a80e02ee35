"""Galleries: detection and identification rate against FPIR, and accuracy by threshold."""

from __future__ import annotations

import numpy as np

from kaggle_face.errors import counted
from kaggle_face.metrics.identification import best_gallery_threshold, dir_at_fpir
from kaggle_face.report.blocks import BAD, SERIES, Block, Column, Figure, Table
from kaggle_face.report.facts import GalleryFacts, ReportFacts
from kaggle_face.report.pictures import evenly
from kaggle_face.report.section import Content, LeftOut, Section

_FPIRS = (0.3, 0.1, 0.01)
_MOST_POINTS = 800


def build(facts: ReportFacts) -> Content:
    """DIR against FPIR, accuracy by threshold, and the rates at some FPIRs."""
    gallery = facts.gallery
    if gallery is None:
        return LeftOut(facts.missing.get("gallery", "the competition has no gallery"))
    if not gallery.is_enrolled.any():
        return LeftOut("no probe has a match in the gallery")
    blocks: list[Block] = []
    if not gallery.is_enrolled.all():
        blocks += [_curve(gallery), _rates(gallery)]
    blocks.append(_accuracy(gallery))
    return tuple(blocks)


def _curve(gallery: GalleryFacts) -> Figure:
    unknown = np.sort(gallery.scores[~gallery.is_enrolled])
    named = np.sort(gallery.scores[gallery.is_correct])
    thresholds = np.unique(gallery.scores)[::-1]
    thresholds = thresholds[evenly(len(thresholds), _MOST_POINTS)]
    fpir = (len(unknown) - np.searchsorted(unknown, thresholds, "left")) / len(unknown)
    dir_ = (len(named) - np.searchsorted(named, thresholds, "left")) / int(gallery.is_enrolled.sum())
    trace = {
        "type": "scatter",
        "mode": "lines",
        "x": np.where(fpir > 0, fpir, np.nan),
        "y": dir_,
        "customdata": thresholds,
        "line": {"color": SERIES[0], "width": 2, "shape": "hv"},
        "hovertemplate": "FPIR %{x:.4g}, DIR %{y:.4f}, threshold %{customdata:.4f}<extra></extra>",
    }
    layout = {
        "xaxis": {"title": {"text": "FPIR (log)"}, "type": "log", "tickformat": "~g", "dtick": 1},
        "yaxis": {"title": {"text": "DIR"}, "range": [0, 1.02]},
    }
    summary = (
        f"{gallery.source}: {counted(gallery.num_enrolled, 'enrolled identity')}, "
        f"{counted(int(gallery.is_enrolled.sum()), 'probe')} of them and {len(unknown):,} of unknown ones."
    )
    return Figure("DIR against FPIR", summary, (trace,), layout)


def _rates(gallery: GalleryFacts) -> Table:
    columns = (gallery.scores, gallery.is_correct, gallery.is_enrolled)
    rows = []
    for rate in _FPIRS:
        found = dir_at_fpir(*columns, rate)
        threshold = found.threshold if np.isfinite(found.threshold) else None
        rows.append((rate, found.rate, found.fpir, threshold))
    return Table(
        "DIR at some FPIRs",
        (
            Column("FPIR at most", 2, "number"),
            Column("DIR", 4, "number"),
            Column("FPIR", 4, "number"),
            Column("threshold", 4, "number"),
        ),
        tuple(rows),
    )


def _accuracy(gallery: GalleryFacts) -> Figure:
    curve = best_gallery_threshold(gallery.scores, gallery.is_correct, gallery.is_enrolled)
    finite = np.flatnonzero(np.isfinite(curve.thresholds))
    chosen = finite[evenly(len(finite), _MOST_POINTS)]
    trace = {
        "type": "scatter",
        "mode": "lines",
        "x": curve.thresholds[chosen],
        "y": curve.accuracies[chosen],
        "line": {"color": SERIES[0], "width": 2},
        "hovertemplate": "threshold %{x:.4f}: accuracy %{y:.4f}<extra></extra>",
    }
    shapes = []
    if np.isfinite(curve.threshold):
        line = {"color": BAD, "width": 2}
        shapes.append(
            {
                "type": "line",
                "x0": curve.threshold,
                "x1": curve.threshold,
                "yref": "paper",
                "y0": 0,
                "y1": 1,
                "line": line,
            }
        )
    layout = {
        "shapes": shapes,
        "xaxis": {"title": {"text": "threshold"}},
        "yaxis": {"title": {"text": "accuracy"}, "rangemode": "tozero"},
    }
    summary = f"Best accuracy {curve.accuracy:.4f} at {curve.threshold:.4f} on these very probes (red line)."
    return Figure("Accuracy by threshold", summary, (trace,), layout, height_px=320)


SECTION = Section(
    "galleries",
    "Identification in a gallery",
    "DIR: the share of probes of enrolled identities that are accepted and named rightly. FPIR: the share of "
    "probes of unknown identities that are accepted.",
    build,
)

"""Time, throughput and memory of the training of each fold."""

from __future__ import annotations

import numpy as np

from kaggle_face.report.blocks import Cell, Column, Figure, Table, series_colour
from kaggle_face.report.facts import FoldFacts, ReportFacts
from kaggle_face.report.section import Content, LeftOut, Section
from kaggle_face.report.sections.run.learning_curves import epoch_axis, is_measured

_MIB = 2**20


def build(facts: ReportFacts) -> Content:
    """A row for each fold of each run, and the throughput by epoch of the first."""
    trained = [(run.name, fold) for run in facts.runs for fold in run.folds if fold.info.get("seconds")]
    if not trained:
        return LeftOut("no network was trained here, so no time is kept")
    rows = tuple(_row(name, fold) for name, fold in trained)
    columns = (
        Column("run"),
        Column("fold", 0, "number"),
        Column("minutes", 1, "number"),
        Column("epochs", 0, "number"),
        Column("images a second", 0, "number"),
        Column("training images", 0, "number"),
        Column("parameters", 0, "number"),
        Column("weights, MiB", 1, "number"),
        Column("memory, MiB", 0, "number"),
        Column("device memory, MiB", 0, "number"),
        Column("device"),
        Column("threads", 0, "number"),
    )
    note = (
        "Memory: the most that the training process held; a dash where a run was trained before it was kept."
    )
    table = Table("Cost of each fold", columns, rows, note)
    curves = [fold for fold in facts.run.folds if is_measured(fold, "images_per_second")]
    return (table, _throughput(curves)) if curves else (table,)


def _row(name: str, fold: FoldFacts) -> tuple[Cell, ...]:
    info = fold.info
    rates = fold.history["images_per_second"] if is_measured(fold, "images_per_second") else None
    memory = info.get("peak_memory_bytes")
    memory = memory if isinstance(memory, dict) else {}
    return (
        name,
        fold.fold,
        float(info.get("seconds", 0.0)) / 60,
        len(fold.history.get("epoch", ())),
        None if rates is None else float(np.nanmedian(rates)),
        info.get("train_images"),
        info.get("num_parameters"),
        fold.weights_bytes / _MIB if fold.weights_bytes else None,
        *(memory[key] / _MIB if key in memory else None for key in ("process", "device")),
        str(info.get("device", "")),
        info.get("threads"),
    )


def _throughput(folds: list[FoldFacts]) -> Figure:
    traces = tuple(
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": f"fold {fold.fold}",
            "x": fold.history["epoch"],
            "y": fold.history["images_per_second"],
            "line": {"color": series_colour(number), "width": 2},
            "hovertemplate": "epoch %{x}: %{y:.0f} images/s<extra>%{fullData.name}</extra>",
        }
        for number, fold in enumerate(folds)
    )
    median = float(np.nanmedian(np.concatenate([fold.history["images_per_second"] for fold in folds])))
    layout = {
        "xaxis": epoch_axis(folds),
        "yaxis": {"title": {"text": "images a second"}, "rangemode": "tozero"},
    }
    return Figure("Throughput", f"Median {median:.0f} images a second.", traces, layout, height_px=280)


SECTION = Section(
    "cost",
    "Time, throughput, memory",
    "What the folds cost. A rate that falls within a training is another program on the machine; "
    "'kaggle-face "
    "bench train' finds what bounds it.",
    build,
)

"""Learning curves of all folds: losses, held-out metrics and the learning rate by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kaggle_face.metrics.table import METRICS, higher_is_better, title_of
from kaggle_face.report.blocks import Figure, series_colour
from kaggle_face.report.facts import FoldFacts, ReportFacts
from kaggle_face.report.section import Content, LeftOut, Section

_LOSSES = (("train_loss", "training loss", "solid"), ("log_loss", "held-out log loss", "dot"))
_METRICS = ("accuracy", "eer", "auc", "score")
_MOST_TICKS = 12


def build(facts: ReportFacts) -> Content:
    """A chart of losses, one of each metric that was measured, and one of the learning rate."""
    folds = [fold for fold in facts.run.folds if len(fold.history.get("epoch", ()))]
    if not folds:
        return LeftOut(f"{facts.run.name} has no history: no network of it was trained here")
    figures = [_losses(folds)]
    measured = [metric for metric in _METRICS if any(is_measured(fold, metric) for fold in folds)]
    figures += [_metric(metric, folds) for metric in measured]
    if any("lr" in fold.history for fold in folds):
        figures.append(_chart("Learning rate", "lr", folds, "Learning rate by epoch."))
    return tuple(figures)


def is_measured(fold: FoldFacts, column: str) -> bool:
    """Whether a column has a value; it is there without one where nothing could be measured."""
    return column in fold.history and bool(np.isfinite(fold.history[column]).any())


def _losses(folds: Sequence[FoldFacts]) -> Figure:
    traces = [
        {**_line(fold, name, number), "name": f"fold {fold.fold} {words}", "line": _style(number, dash)}
        for number, fold in enumerate(folds)
        for name, words, dash in _LOSSES
        if name in fold.history
    ]
    last = [float(fold.history["train_loss"][-1]) for fold in folds if "train_loss" in fold.history]
    summary = (
        f"Losses by epoch. Training loss at the end, mean of folds: {np.mean(last):.3f}." if last else ""
    )
    layout = {"xaxis": epoch_axis(folds), "yaxis": {"title": {"text": "loss in nats"}}}
    return Figure("Losses", summary, tuple(traces), layout)


def _metric(metric: str, folds: Sequence[FoldFacts]) -> Figure:
    best = []
    for fold in folds:
        if is_measured(fold, metric):
            values = fold.history[metric]
            place = int(np.nanargmax(values) if higher_is_better(metric) else np.nanargmin(values))
            best.append(f"fold {fold.fold} {values[place]:.4f} in epoch {int(fold.history['epoch'][place])}")
    title = title_of(metric) if metric in METRICS else "score of training"
    return _chart(f"Held-out {title}", metric, folds, f"Best of each fold: {'; '.join(best)}.")


def _chart(title: str, column: str, folds: Sequence[FoldFacts], summary: str) -> Figure:
    traces = tuple(
        {**_line(fold, column, number), "name": f"fold {fold.fold}", "line": _style(number, "solid")}
        for number, fold in enumerate(folds)
        if column in fold.history
    )
    layout = {"xaxis": epoch_axis(folds), "yaxis": {"title": {"text": title}}}
    return Figure(title, summary, traces, layout, height_px=320)


def epoch_axis(folds: Sequence[FoldFacts]) -> Mapping[str, Any]:
    """The axis of epochs; of few epochs each has a tick, where plotly would write 1.5 and 2.5 too."""
    most = max(float(fold.history["epoch"].max()) for fold in folds)
    return {"title": {"text": "epoch"}, **({"dtick": 1} if most <= _MOST_TICKS else {})}


def _line(fold: FoldFacts, column: str, number: int) -> Mapping[str, Any]:
    values = fold.history[column]
    there = np.isfinite(values)
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": fold.history["epoch"][there],
        "y": values[there],
        "marker": {"size": 5, "color": series_colour(number)},
        "hovertemplate": "epoch %{x}: %{y:.4f}<extra>%{fullData.name}</extra>",
    }


def _style(number: int, dash: str) -> Mapping[str, Any]:
    return {"color": series_colour(number), "dash": dash, "width": 2}


SECTION = Section(
    "learning-curves",
    "Learning curves",
    "One colour a fold. A held-out loss that rises while the training loss falls is overfitting; curves that "
    "still climb at the end need more epochs; one fold apart from the others is worth a look.",
    build,
)

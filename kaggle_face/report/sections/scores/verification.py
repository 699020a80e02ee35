"""ROC and DET curves of the held-out trials, with the operating points that runs keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kaggle_face.errors import counted
from kaggle_face.metrics.trials import SortedTrials, sort_trials
from kaggle_face.records import FloatArray
from kaggle_face.report.blocks import BAD, FAINT, INK, Column, Figure, Table, series_colour
from kaggle_face.report.facts import PairFacts, ReportFacts
from kaggle_face.report.section import Content, LeftOut, Section

PIXELS = 1200
"""A curve is thinned on a screen of so many pixels a side, twice what a chart has on most screens."""
PUBLISHED_FPRS = (0.1, 1e-2, 1e-3, 1e-4)
"""False positive rates at which verification results are published."""
_LEAST_RATE = 1e-5


@dataclass(frozen=True, eq=False)
class ErrorCurve:
    """FPR and FNR in [0, 1] at thresholds in descending order."""

    fpr: FloatArray
    fnr: FloatArray
    thresholds: FloatArray


def error_curve(trials: SortedTrials) -> ErrorCurve:
    """Every vertex of the ROC, thinned so that no point moves by more than a pixel on linear or log axes.

    Of neighbours in one pixel of both kinds of axes the first and the last stay.
    """
    thresholds = np.unique(np.concatenate([trials.genuine.scores, trials.impostor.scores]))[::-1]
    fpr = np.concatenate([[0.0], trials.impostor.accepted_shares(thresholds)])
    fnr = 1.0 - np.concatenate([[0.0], trials.genuine.accepted_shares(thresholds)])
    thresholds = np.concatenate([[np.inf], thresholds])
    axes = (fpr, fnr, _log_share(fpr), _log_share(fnr), _log_share(1 - fnr))
    cells = [np.floor(axis * PIXELS) for axis in axes]
    changes = np.any([cell[1:] != cell[:-1] for cell in cells], axis=0)
    kept = np.concatenate([[True], changes]) | np.concatenate([changes, [True]])
    return ErrorCurve(fpr[kept], fnr[kept], thresholds[kept])


def build(facts: ReportFacts) -> Content:
    """ROC and DET of each member and of each fold of the first, and the rates at published points."""
    pairs = facts.pairs
    if pairs is None:
        return LeftOut(facts.missing.get("pairs", "there are no held-out trials"))
    trials = [sort_trials(scores, pairs.trials.labels) for scores in pairs.comparable]
    curves = [(name, error_curve(each), "solid") for name, each in zip(pairs.members, trials, strict=True)]
    curves += _fold_curves(pairs)
    marks = _marks(pairs, trials[0])
    left_edge = 0.5 / trials[0].impostor.total
    num_genuine = int(pairs.trials.labels.sum())
    impostors = counted(len(pairs.trials.labels) - num_genuine, "impostor pair")
    amount = f"{num_genuine:,} genuine and {impostors}"
    eer = trials[pairs.subject].equal_error_rate().eer
    return (
        _roc(curves, marks, left_edge, f"{amount}. EER of {pairs.members[pairs.subject]}: {eer:.4f}."),
        _det(
            curves,
            marks,
            left_edge,
            f"{amount}. Nearer to the lower left corner is better. Points at the left edge have a FPR of 0.",
        ),
        _rates(pairs, trials),
    )


def _fold_curves(pairs: PairFacts) -> list[tuple[str, ErrorCurve, str]]:
    curves = []
    for fold in pairs.trials.folds:
        labels = pairs.trials.labels[fold.positions]
        if len(pairs.trials.folds) > 1 and 0 < labels.sum() < len(labels):
            scores = fold.member_scores[0].block(slice(0, len(fold.positions)))
            curves.append((f"fold {fold.fold}", error_curve(sort_trials(scores, labels)), "dot"))
    return curves


def _marks(pairs: PairFacts, trials: SortedTrials) -> Mapping[str, Any]:
    """The operating points: at published rates, and the thresholds that the run keeps."""
    names, fpr, fnr, symbols, colours = [], [], [], [], []
    for rate in PUBLISHED_FPRS:
        if rate * trials.impostor.total >= 1:
            found = trials.tpr_at_fpr(rate)
            names.append(f"FPR {rate:g}: TPR {found.tpr:.4f}")
            fpr.append(rate)
            fnr.append(1 - found.tpr)
            symbols.append("circle-open")
            colours.append(INK)
    for each in pairs.thresholds:
        is_chosen = each.rule == pairs.chosen
        words = "chosen threshold" if is_chosen else "kept threshold"
        names.append(f"{words} {each.threshold:.4f} ({each.rule}): FPR {each.fpr:.4f}, FNR {each.fnr:.4f}")
        fpr.append(each.fpr)
        fnr.append(each.fnr)
        symbols.append("star" if is_chosen else "diamond-open")
        colours.append(BAD if is_chosen else INK)
    return {"text": names, "fpr": fpr, "fnr": fnr, "symbol": symbols, "colour": colours}


def _roc(
    curves: list[tuple[str, ErrorCurve, str]], marks: Mapping[str, Any], left_edge: float, summary: str
) -> Figure:
    traces = [
        _line(number, name, curve.fpr, 1 - curve.fnr, curve.thresholds, dash, "TPR")
        for number, (name, curve, dash) in enumerate(curves)
    ]
    traces.append(_points(marks, left_edge, [1 - each for each in marks["fnr"]]))
    layout = {
        "xaxis": {"title": {"text": "false positive rate (log)"}, "type": "log", **_LOG},
        "yaxis": {"title": {"text": "true positive rate"}, "range": [0, 1.01]},
    }
    return Figure("ROC", summary, tuple(traces), layout, height_px=440)


def _det(
    curves: list[tuple[str, ErrorCurve, str]], marks: Mapping[str, Any], left_edge: float, summary: str
) -> Figure:
    traces = [
        _line(number, name, curve.fpr, curve.fnr, curve.thresholds, dash, "FNR")
        for number, (name, curve, dash) in enumerate(curves)
    ]
    least = max(_LEAST_RATE, min(float(curve.fpr[curve.fpr > 0].min()) for _, curve, _ in curves))
    traces.append(
        {
            "type": "scatter",
            "mode": "lines",
            "name": "EER line",
            "x": [least, 1],
            "y": [least, 1],
            "line": {"color": FAINT, "dash": "dash", "width": 1},
            "hoverinfo": "skip",
        }
    )
    traces.append(_points(marks, left_edge, marks["fnr"]))
    layout = {
        "xaxis": {"title": {"text": "false positive rate (log)"}, "type": "log", **_LOG},
        "yaxis": {"title": {"text": "false negative rate (log)"}, "type": "log", **_LOG},
    }
    return Figure("DET", summary, tuple(traces), layout, height_px=440)


_LOG: Mapping[str, Any] = {"tickformat": "~g", "dtick": 1}


def _line(
    number: int, name: str, x: FloatArray, y: FloatArray, thresholds: FloatArray, dash: str, title: str
) -> Mapping[str, Any]:
    """A curve; points of a rate 0, which a log axis does not have, are left to it as gaps at its end.

    The scores of a member over all folds are `comparable`, those of a fold are cosines.
    """
    score = "standardised score" if dash == "solid" else "score"
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": np.where(x > 0, x, np.nan),
        "y": y if title == "TPR" else np.where(y > 0, y, np.nan),
        "customdata": thresholds,
        "line": {"color": series_colour(number), "dash": dash, "width": 2 if dash == "solid" else 1.3},
        "hovertemplate": f"FPR %{{x:.4g}}, {title} %{{y:.4f}}, {score} %{{customdata:.4f}}"
        "<extra>%{fullData.name}</extra>",
    }


def _points(marks: Mapping[str, Any], left_edge: float, y: list[float]) -> Mapping[str, Any]:
    """The operating points; one of a FPR below what the pairs can show stands at the left edge."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "operating points",
        "x": [max(each, left_edge) for each in marks["fpr"]],
        "y": [each if each > 0 else None for each in y],
        "text": marks["text"],
        "marker": {"symbol": marks["symbol"], "size": 10, "color": marks["colour"]},
        "hovertemplate": "%{text}<extra></extra>",
    }


def _rates(pairs: PairFacts, trials: list[SortedTrials]) -> Table:
    rows = []
    for name, each in zip(pairs.members, trials, strict=True):
        enough = [rate for rate in PUBLISHED_FPRS if rate * each.impostor.total >= 1]
        tprs = {rate: each.tpr_at_fpr(rate).tpr for rate in enough}
        rows.append((name, each.equal_error_rate().eer, *(tprs.get(rate) for rate in PUBLISHED_FPRS)))
    columns = [Column("member"), Column("EER", 4, "number")]
    columns += [Column(f"TPR at FPR {rate:g}", 4, "number") for rate in PUBLISHED_FPRS]
    return Table(
        "Rates at published operating points",
        tuple(columns),
        tuple(rows),
        "A dash: the rate would stand on less than one impostor pair.",
    )


def _log_share(rates: FloatArray) -> FloatArray:
    """A rate as its share of a log axis from `_LEAST_RATE` to 1."""
    return np.asarray(1 - np.log10(np.maximum(rates, _LEAST_RATE)) / np.log10(_LEAST_RATE))


SECTION = Section(
    "verification",
    "Verification: ROC and DET",
    "Full lines are members over all folds, dotted ones the folds of the first. On the first member: circles "
    "are published operating points, diamonds the thresholds that the run keeps, and the star is the one "
    "that one-shot recognition uses.",
    build,
)

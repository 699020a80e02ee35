"""Histograms of the scores of genuine and impostor pairs, with the thresholds that are kept."""

from __future__ import annotations

import numpy as np

from kaggle_face.report.blocks import BAD, FAINT, SERIES, Figure
from kaggle_face.report.facts import PairFacts, ReportFacts
from kaggle_face.report.section import Content, LeftOut, Section

_BINS = 60


def build(facts: ReportFacts) -> Content:
    """The shares of genuine and of impostor pairs by score."""
    pairs = facts.pairs
    if pairs is None:
        return LeftOut(facts.missing.get("pairs", "there are no held-out trials"))
    layout = {
        "barmode": "overlay",
        "bargap": 0,
        "shapes": [_line(each.threshold, each.rule == pairs.chosen) for each in pairs.thresholds],
        "xaxis": {"title": {"text": "score"}},
        "yaxis": {"title": {"text": "share of its pairs"}, "tickformat": ".0%"},
    }
    return (Figure(f"Scores of {pairs.members[0]}", _summary(pairs), _histograms(pairs), layout),)


def _histograms(pairs: PairFacts) -> tuple[dict[str, object], ...]:
    """Bars of the shares of genuine and of impostor pairs, in the same bins."""
    scores, same = pairs.scores[0], pairs.trials.labels == 1
    edges = np.linspace(float(scores.min()), float(scores.max()) + 1e-9, _BINS + 1)
    traces: list[dict[str, object]] = []
    for name, chosen, colour in (("genuine", same, SERIES[0]), ("impostor", ~same, SERIES[1])):
        counts = np.histogram(scores[chosen], edges)[0]
        traces.append(
            {
                "type": "bar",
                "name": f"{name} pairs ({int(chosen.sum()):,})",
                "x": (edges[:-1] + edges[1:]) / 2,
                "y": counts / max(1, int(chosen.sum())),
                "customdata": counts,
                "width": edges[1] - edges[0],
                "opacity": 0.65,
                "marker": {"color": colour},
                "hovertemplate": "score %{x:.3f}: %{customdata} pairs, "
                "%{y:.1%}<extra>%{fullData.name}</extra>",
            }
        )
    return tuple(traces)


def _line(threshold: float, is_chosen: bool) -> dict[str, object]:
    """A threshold from bottom to top of the chart."""
    style = (
        {"color": BAD, "width": 2, "dash": "solid"}
        if is_chosen
        else {"color": FAINT, "width": 1, "dash": "dot"}
    )
    ends = {"x0": threshold, "x1": threshold, "yref": "paper", "y0": 0, "y1": 1}
    return {"type": "line", **ends, "line": style}


def _summary(pairs: PairFacts) -> str:
    """The medians of both kinds and the thresholds, in words."""
    scores, same = pairs.scores[0], pairs.trials.labels == 1
    kept = ", ".join(f"{each.rule} at {each.threshold:.3f}" for each in pairs.thresholds)
    medians = float(np.median(scores[same])), float(np.median(scores[~same]))
    summary = f"Median score {medians[0]:.3f} of genuine and {medians[1]:.3f} of impostor pairs."
    if kept:
        has_chosen = any(each.rule == pairs.chosen for each in pairs.thresholds)
        summary += f" Lines: thresholds {kept}" + (f"; red: {pairs.chosen}." if has_chosen else ".")
    return summary


SECTION = Section(
    "scores",
    "Scores of genuine and impostor pairs",
    "Where the two hills overlap the network errs. A small hill of genuine pairs among the impostors is most "
    "often a wrong label or another person of the same name.",
    build,
)

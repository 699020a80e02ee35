"""Figures of each member over all folds and in each fold."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from kaggle_face.evaluation.held_out_figures import Estimate
from kaggle_face.metrics.intervals.bootstrap import Difference
from kaggle_face.metrics.table import higher_is_better, title_of
from kaggle_face.report.blocks import Cell, Column, Table
from kaggle_face.report.facts import ReportFacts
from kaggle_face.report.section import Content, LeftOut, Section


def build(facts: ReportFacts) -> Content:
    """A table of all metrics with intervals for each task, and one of each fold."""
    tables = []
    class_folds = () if facts.classes is None else tuple(sorted(set(facts.classes.answers.folds.tolist())))
    pair_folds = () if facts.pairs is None else facts.pairs.trials.folds
    tasks = (
        ("Identities", facts.classes, class_folds),
        ("Pairs", facts.pairs, tuple(fold.fold for fold in pair_folds)),
    )
    for title, found, folds in tasks:
        if found is None:
            continue
        rows: list[tuple[Cell, ...]] = []
        of_folds: list[tuple[Cell, ...]] = []
        for member, estimates in zip(found.members, found.estimates, strict=True):
            for each in estimates:
                rows.append((member, *_cells(each)))
                if folds and len(each.folds) == len(folds):
                    of_folds.append((member, title_of(each.metric), *each.folds))
        tables.append(Table(f"{title}: all folds together", _COLUMNS, tuple(rows)))
        if differences := _differences(found.members, found.differences):
            caption = f"{title}: differences from {found.members[0]}"
            tables.append(
                Table(caption, _OF_DIFFERENCES, differences, "Paired, on the same resampled identities.")
            )
        if len(folds) > 1 and of_folds:
            columns = (Column("member"), Column("metric"), *(Column(f"fold {k}", 4, "number") for k in folds))
            tables.append(Table(f"{title}: each fold", columns, tuple(of_folds)))
    if not tables:
        return LeftOut("no fold kept out-of-fold records with labels")
    return tuple(tables)


_COLUMNS = (
    Column("member"),
    Column("metric"),
    Column("value", 4, "number"),
    Column("low", 4, "number"),
    Column("high", 4, "number"),
    Column("mean of parts", 4, "number"),
    Column("deviation", 4, "number"),
    Column("remark"),
)


_OF_DIFFERENCES = (
    Column("member"),
    Column("metric"),
    Column("difference", 4, "number"),
    Column("low", 4, "number"),
    Column("high", 4, "number"),
    Column("verdict"),
)


def _differences(
    members: Sequence[str], differences: Sequence[Mapping[str, Difference]]
) -> tuple[tuple[Cell, ...], ...]:
    return tuple(
        (member, title_of(metric), each.value, each.low, each.high, verdict_of(metric, each))
        for member, of_member in zip(members[1:], differences, strict=False)
        for metric, each in of_member.items()
    )


def verdict_of(metric: str, found: Difference) -> str:
    """Whether a difference is more than noise, in words.

    >>> verdict_of("eer", Difference(-0.02, -0.03, -0.01, 0.0))
    'better'
    """
    if found.low <= 0 <= found.high:
        return "not more than noise"
    return "better" if (found.value > 0) == higher_is_better(metric) else "worse"


def _cells(each: Estimate) -> tuple[Cell, ...]:
    low, high = (None, None) if each.interval is None else (each.interval.low, each.interval.high)
    ends = (None if end is None or math.isnan(end) else end for end in (low, high))
    return (title_of(each.metric), each.value, *ends, each.mean, each.spread, each.note)


SECTION = Section(
    "members",
    "Members and folds",
    "Out-of-fold figures with 95 % intervals for other identities. A part is a fold, or one of "
    "the ten sets of "
    "pairs of the ten-fold accuracy.",
    build,
)

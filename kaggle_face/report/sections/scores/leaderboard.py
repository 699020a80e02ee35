"""Out-of-fold scores of uploads against their scores on the leaderboard."""

from __future__ import annotations

from kaggle_face.errors import counted
from kaggle_face.metrics.table import title_of
from kaggle_face.report.blocks import SERIES, Block, Column, Figure, Table
from kaggle_face.report.facts import ReportFacts, Upload
from kaggle_face.report.section import Content, LeftOut, Section

MOST_ROWS = 200


def build(facts: ReportFacts) -> Content:
    """The uploads with both scores as points, and a table of all CSVs."""
    if not facts.uploads:
        return LeftOut("the ledger has no row: nothing was written or uploaded yet")
    blocks: list[Block] = []
    comparable = [each for each in facts.uploads if each.is_comparable]
    if comparable:
        blocks.append(_scatter(comparable, facts.agreement))
    newest = list(facts.uploads)[::-1][:MOST_ROWS]
    rows = tuple(
        (
            each.time,
            each.competition,
            each.file,
            each.status,
            each.oof_metric,
            each.oof_score,
            each.public_score,
            each.private_score,
        )
        for each in newest
    )
    columns = (
        Column("time"),
        Column("competition"),
        Column("file"),
        Column("status"),
        Column("metric"),
        Column("out of fold", 5, "number"),
        Column("public", 5, "number"),
        Column("private", 5, "number"),
    )
    note = f"The newest {len(newest):,} of {counted(len(facts.uploads), 'row')} of the ledger."
    blocks.append(Table("Written and uploaded", columns, rows, note))
    return tuple(blocks)


def _scatter(uploads: list[Upload], agreement: float | None) -> Figure:
    metric = title_of(uploads[0].oof_metric or "score")
    trace = {
        "type": "scatter",
        "mode": "markers",
        "x": [each.oof_score for each in uploads],
        "y": [each.public_score for each in uploads],
        "text": [each.file for each in uploads],
        "marker": {"size": 9, "color": SERIES[0]},
        "hovertemplate": "%{text}: %{x:.5g} out of fold, %{y:.5g} public<extra></extra>",
    }
    layout = {
        "xaxis": {"title": {"text": f"{metric}, out of fold"}},
        "yaxis": {"title": {"text": "public score"}},
    }
    words = (
        ""
        if agreement is None
        else f" Rank correlation {agreement:.2f}; 1 where the better is always the better."
    )
    summary = f"{counted(len(uploads), 'upload')} with both scores.{words}"
    return Figure("Out of fold against the leaderboard", summary, (trace,), layout)


SECTION = Section(
    "leaderboard",
    "Out of fold against the leaderboard",
    "Points on a rising line (falling, where only one of the two metrics is better when lower) "
    "mean that folds "
    "predict the leaderboard. Where they do not, trust neither before the reason is found.",
    build,
)

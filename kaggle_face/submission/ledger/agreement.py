"""Agreement of out-of-fold and public scores: rank correlation, and a picture of it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import numpy.typing as npt

from kaggle_face.competitions.catalogue.ranking import metric_of_leaderboard
from kaggle_face.errors import one_line
from kaggle_face.submission.ledger.entries import Entry

_WIDTH, _HEIGHT, _MARGIN = 480, 360, 56


def comparable(entries: Sequence[Entry]) -> list[Entry]:
    """The rows of a competition with both scores, of the out-of-fold metric that its leaderboard goes by.

    Where the leaderboard's metric is not known it is the one that most of them have.
    """
    scored = [entry for entry in entries if entry.oof_score is not None and entry.public is not None]
    metrics = [entry.oof_metric for entry in scored]
    own = metric_of_leaderboard(scored[0].competition) if scored else None
    wanted = own or max(metrics, key=metrics.count, default=None)
    return [entry for entry in scored if entry.oof_metric == wanted]


def spearman(first: npt.ArrayLike, second: npt.ArrayLike) -> float | None:
    """Spearman's rank correlation in [-1, 1]; equal values share their mean rank.

    None for fewer than three pairs, or where all values of a side are equal.

    >>> round(spearman([1, 2, 3, 4, 5], [5, 6, 7, 8, 7]), 6)
    0.820783
    """
    values = [np.asarray(side, np.float64) for side in (first, second)]
    if len(values[0]) < 3:
        return None
    centred = []
    for side in values:
        _, inverse, counts = np.unique(side, return_inverse=True, return_counts=True)
        ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
        centred.append(ranks - ranks.mean())
    spread = float(np.sqrt((centred[0] ** 2).sum() * (centred[1] ** 2).sum()))
    return float((centred[0] * centred[1]).sum() / spread) if spread > 0 else None


def agreement(entries: Sequence[Entry], public_lower_is_better: bool) -> float | None:
    """The rank correlation of rows, 1 where the better out-of-fold score always has the better public one."""
    rows = comparable(entries)
    out_of_fold = [goodness_out_of_fold(entry) for entry in rows]
    public = [goodness_public(entry, public_lower_is_better) for entry in rows]
    return spearman(out_of_fold, public)


def goodness_out_of_fold(entry: Entry) -> float:
    """The out-of-fold score, turned so that more is better."""
    assert entry.oof_score is not None
    return entry.oof_score if entry.oof_higher_is_better else -entry.oof_score


def goodness_public(entry: Entry, lower_is_better: bool) -> float:
    """The public score, turned so that more is better."""
    assert entry.public is not None
    return -entry.public if lower_is_better else entry.public


def agreement_svg(entries: Sequence[Entry], title: str) -> str:
    """A scatter plot of out-of-fold (across) and public score (up) as an SVG document.

    Each point names its row when the pointer rests on it.
    """
    rows = comparable(entries)
    across = _Axis([entry.oof_score or 0.0 for entry in rows], _MARGIN, _WIDTH - 16)
    up = _Axis([entry.public or 0.0 for entry in rows], _HEIGHT - _MARGIN, 32)
    metric = rows[0].oof_metric if rows else "score"
    bottom = _HEIGHT - _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="{_WIDTH / 2:.0f}" y="18" text-anchor="middle">{escape(one_line(title))}</text>',
    ]
    for value, x in across.ticks:
        parts.append(
            f'<line x1="{x:.1f}" y1="32" x2="{x:.1f}" y2="{bottom}" stroke="#ddd"/>'
            f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{value:.4g}</text>'
        )
    for value, y in up.ticks:
        parts.append(
            f'<line x1="{_MARGIN}" y1="{y:.1f}" x2="{_WIDTH - 16}" y2="{y:.1f}" stroke="#ddd"/>'
            f'<text x="{_MARGIN - 4}" y="{y + 4:.1f}" text-anchor="end" font-size="10">{value:.4g}</text>'
        )
    for row in rows:
        x, y = across.place(row.oof_score or 0.0), up.place(row.public or 0.0)
        name = escape(one_line(f"{row.file}: {row.oof_score} -> {row.public_score}"))
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="#1f77b4"><title>{name}</title></circle>')
    parts += [
        f'<text x="{_WIDTH / 2:.0f}" y="{_HEIGHT - 8}" text-anchor="middle">'
        f"out-of-fold {escape(one_line(metric or ''))}</text>",
        f'<text transform="translate(14 {_HEIGHT / 2:.0f}) rotate(-90)" text-anchor="middle">'
        "public score</text>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


class _Axis:
    """A scale from values to pixels, with a little room at both ends."""

    def __init__(self, values: Sequence[float], first_pixel: float, last_pixel: float) -> None:
        low, high = min(values, default=0.0), max(values, default=1.0)
        room = (high - low) * 0.08 or abs(low) * 0.05 or 1.0
        self._low, self._high = low - room, high + room
        self._first, self._last = first_pixel, last_pixel
        self.ticks = [(value, self.place(value)) for value in sorted({low, (low + high) / 2, high})]

    def place(self, value: float) -> float:
        share = (value - self._low) / (self._high - self._low)
        return self._first + share * (self._last - self._first)

"""The hardest held-out pairs as a picture: false matches and false non-matches with their scores."""

from __future__ import annotations

import numpy as np

from kaggle_face.data.cache.image_cache import ImageCache
from kaggle_face.data.picture_grid import GridRow, Tile, draw_grid
from kaggle_face.records import IntArray, Pairs, PairScores
from kaggle_face.train.loggers.logger import LoggedPicture

MOST_PAIRS = 6


def draw_hardest_pairs(
    scores: PairScores, pairs: Pairs, cache: ImageCache, checkpoint: str, epoch: int
) -> LoggedPicture:
    """The impostor pairs of the highest scores, and below them the genuine pairs of the lowest."""
    aligned = scores.aligned_to(pairs.pair_ids).scores
    impostors, genuine = np.flatnonzero(pairs.labels == 0), np.flatnonzero(pairs.labels == 1)
    highest = impostors[np.argsort(-aligned[impostors], kind="stable")][:MOST_PAIRS]
    lowest = genuine[np.argsort(aligned[genuine], kind="stable")][:MOST_PAIRS]

    def group(row: int) -> tuple[Tile, ...]:
        ids = np.array([pairs.first_ids[row], pairs.second_ids[row]])
        first, second = (np.asarray(pixels) for pixels in cache.images[cache.rows_of(ids)])
        return Tile(first, f"score {aligned[row]:.4f}"), Tile(second, " ")

    def groups(rows: IntArray) -> tuple[tuple[Tile, ...], ...]:
        return tuple(group(row) for row in rows.tolist())

    caption = f"the {len(highest)} hardest impostor and {len(lowest)} hardest genuine pairs of {checkpoint}"
    rows = [
        GridRow(f"impostor pairs of the highest scores ({checkpoint})", groups(highest)),
        GridRow(f"genuine pairs of the lowest scores ({checkpoint})", groups(lowest)),
    ]
    named = [
        f"{pairs.first_ids[row]} and {pairs.second_ids[row]}: {aligned[row]:.4f}"
        for row in (*highest.tolist(), *lowest.tolist())
    ]
    picture = np.array(draw_grid(rows))
    return LoggedPicture("hardest_pairs", picture, epoch, f"{caption}: {'; '.join(named)}")

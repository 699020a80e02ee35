"""ROC and histogram of an epoch's trials as small pictures, for loggers without charts of their own."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from kaggle_face.records import FloatArray
from kaggle_face.train.loggers.logger import TrialScores

_SIZE_PX = (520, 400)
_LEFT, _TOP, _RIGHT, _BOTTOM = 58, 34, 500, 350
"""The frame of a chart in pixels."""
_LEAST_FPR = 1e-4
_BINS = 40
_PAPER, _INK, _GRID, _GENUINE, _IMPOSTOR = "white", "#1b1f24", "#d5d9df", "#0b57a4", "#b3520b"


def draw_roc(scores: TrialScores) -> npt.NDArray[np.uint8]:
    """TPR over FPR, uint8 (H, W, 3), with a logarithmic FPR from 1e-4; left of it is drawn on the edge."""
    picture, draw = _frame(f"epoch {scores.epoch}: ROC, EER {100 * scores.eer:.2f} %", "FPR", "TPR")
    for power in range(-4, 1):
        _mark_x(draw, (power + 4) / 4, f"1e{power}" if power else "1")
    for tenth in range(0, 11, 2):
        _mark_y(draw, tenth / 10, f"{tenth / 10:g}")
    places = (np.log10(np.maximum(scores.roc.fpr, _LEAST_FPR)) + 4) / 4
    draw.line(_points(places, scores.roc.tpr), fill=_GENUINE, width=2)
    return np.array(picture)


def draw_histogram(scores: TrialScores) -> npt.NDArray[np.uint8]:
    """The shares of genuine and of impostor pairs by score, uint8 (H, W, 3)."""
    title = f"epoch {scores.epoch}: {len(scores.genuine):,} genuine (blue), {len(scores.impostor):,} impostor"
    picture, draw = _frame(title, "score", "share")
    both = np.concatenate([scores.genuine, scores.impostor])
    edges = np.linspace(float(both.min()), float(both.max()) + 1e-9, _BINS + 1)
    shares = [np.histogram(each, edges)[0] / len(each) for each in (scores.genuine, scores.impostor)]
    highest = float(max(each.max() for each in shares))
    for place in (0.0, 0.25, 0.5, 0.75, 1.0):
        _mark_x(draw, place, f"{edges[0] + place * (edges[-1] - edges[0]):.2f}")
        _mark_y(draw, place, f"{place * highest:.2f}")
    for each, colour in zip(shares, (_GENUINE, _IMPOSTOR), strict=True):
        places = np.repeat(np.linspace(0, 1, _BINS + 1), 2)[1:-1]
        draw.line(_points(places, np.repeat(each / highest, 2)), fill=colour, width=2)
    return np.array(picture)


def _frame(title: str, below: str, beside: str) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    picture = Image.new("RGB", _SIZE_PX, _PAPER)
    draw = ImageDraw.Draw(picture)
    draw.text((_LEFT, 10), title, fill=_INK)
    draw.text(((_LEFT + _RIGHT) / 2, _BOTTOM + 24), below, fill=_INK)
    draw.text((6, (_TOP + _BOTTOM) / 2 - 20), beside, fill=_INK)
    draw.rectangle((_LEFT, _TOP, _RIGHT, _BOTTOM), outline=_INK)
    return picture, draw


def _mark_x(draw: ImageDraw.ImageDraw, place: float, text: str) -> None:
    x = _LEFT + place * (_RIGHT - _LEFT)
    draw.line((x, _TOP, x, _BOTTOM), fill=_GRID)
    draw.text((x - 10, _BOTTOM + 6), text, fill=_INK)


def _mark_y(draw: ImageDraw.ImageDraw, place: float, text: str) -> None:
    y = _BOTTOM - place * (_BOTTOM - _TOP)
    draw.line((_LEFT, y, _RIGHT, y), fill=_GRID)
    draw.text((_LEFT - 28, y - 6), text, fill=_INK)


def _points(x: FloatArray, y: FloatArray) -> list[tuple[float, float]]:
    """Pixels of places in [0, 1]."""
    across = _LEFT + np.asarray(x, np.float64) * (_RIGHT - _LEFT)
    down = _BOTTOM - np.asarray(y, np.float64) * (_BOTTOM - _TOP)
    return list(zip(across.tolist(), down.tolist(), strict=True))

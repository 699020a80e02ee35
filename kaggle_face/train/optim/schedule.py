"""The learning rate as a pure function of time, so that a resumed run needs no scheduler state."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import assert_never

from kaggle_face.config import ScheduleConfig


def learning_rate(
    config: ScheduleConfig, peak_lr: float, epoch: float, epochs: int, scores: Sequence[float] = ()
) -> float:
    """The learning rate at a moment of the training.

    Args:
        config: The schedule; its lengths are in epochs.
        peak_lr: `optim.lr`, > 0.
        epoch: Epochs trained so far with their fraction, in [0, epochs).
        epochs: Length of the training.
        scores: One validation score per finished epoch, higher is better; only `plateau` looks at them.

    >>> learning_rate(ScheduleConfig(name="cosine"), 0.1, 15.0, 30)
    0.05
    """
    if epoch < config.warmup_epochs:
        rise = epoch / config.warmup_epochs
        return peak_lr * (config.warmup_start + (1.0 - config.warmup_start) * rise)
    since, length = epoch - config.warmup_epochs, epochs - config.warmup_epochs
    match config.name:
        case "constant":
            return peak_lr
        case "cosine":
            return _cosine(peak_lr, config.final_lr, since / length)
        case "warm_restarts":
            return _cosine(peak_lr, config.final_lr, _position_in_cycle(config, since))
        case "step":
            return peak_lr * config.step_factor ** sum(epoch >= step for step in config.step_epochs)
        case "plateau":
            falls = _count_plateaus(scores, config.patience_epochs)
            return max(peak_lr * config.step_factor**falls, config.final_lr)
        case "one_cycle":
            return _one_cycle(config, peak_lr, since / length)
        case _:
            assert_never(config.name)


def _cosine(start: float, end: float, position: float) -> float:
    return end + (start - end) * (1.0 + math.cos(math.pi * min(position, 1.0))) / 2.0


def _position_in_cycle(config: ScheduleConfig, since: float) -> float:
    """The position in the current cycle, in [0, 1); Loshchilov and Hutter 2017, equation 5."""
    length = config.restart_epochs
    while since >= length:
        since -= length
        length *= config.restart_multiplier
    return since / length


def _one_cycle(config: ScheduleConfig, peak_lr: float, position: float) -> float:
    """Smith and Topin 2018, with cosine flanks."""
    if position < config.peak_fraction:
        return _cosine(peak_lr / config.start_divisor, peak_lr, position / config.peak_fraction)
    fall = (position - config.peak_fraction) / (1.0 - config.peak_fraction)
    return _cosine(peak_lr, config.final_lr, fall)


def _count_plateaus(scores: Sequence[float], patience_epochs: int) -> int:
    best, waited, falls = -math.inf, 0, 0
    for score in scores:
        best, waited = (score, 0) if score > best else (best, waited + 1)
        if waited > patience_epochs:
            falls, waited = falls + 1, 0
    return falls

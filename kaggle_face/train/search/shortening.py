"""Trials that are shorter than the training whose settings they look for.

A trial of N epochs stands for a training of E: all that settings give in epochs (warmups, steps of the
learning rate, growing images, averaged last epochs) shrinks by N / E, so that a trial passes through the same
phases. So settings that were found are those of the long training as they are.
"""

from __future__ import annotations

from kaggle_face.config import Config

_TIMES = (
    "schedule.warmup_epochs",
    "schedule.restart_epochs",
    "schedule.step_epochs",
    "margin.warmup_epochs",
    "train.ema_warmup_epochs",
)
_COUNTS = (
    "schedule.patience_epochs",
    "train.freeze_backbone_epochs",
    "train.grow_epochs",
    "train.swa_epochs",
)
"""Whole numbers of epochs, which stay above zero. The patience of early stopping and the rhythm of measuring
are not phases of a training and stay what they are."""

_LEAST_TIME = 1e-6


def shortened(config: Config, epochs: int) -> list[str]:
    """Overrides that make a training one of `epochs`, with all its phases.

    Args:
        config: The settings of the long training, with what a trial chose.
        epochs: The length of the trial, at most that of the training.

    >>> from kaggle_face.config import ScheduleConfig
    >>> shortened(Config(schedule=ScheduleConfig(warmup_epochs=3.0)), 6)[:3]
    ['train.epochs=6', 'schedule.warmup_epochs=0.6', 'schedule.restart_epochs=2']
    """
    share = epochs / config.train.epochs
    if share == 1:
        return []
    overrides = [f"train.epochs={epochs}"]
    for key in (*_TIMES, *_COUNTS):
        part, _, name = key.partition(".")
        value = getattr(getattr(config, part), name)
        if not value:
            continue
        if isinstance(value, tuple):
            short = [max(round(each * share, 6), _LEAST_TIME) for each in value]
            overrides.append(f"{key}=[{', '.join(f'{each:.7g}' for each in short)}]")
        elif key in _COUNTS:
            overrides.append(f"{key}={max(1, round(value * share))}")
        else:
            overrides.append(f"{key}={max(round(value * share, 6), _LEAST_TIME):.7g}")
    return overrides

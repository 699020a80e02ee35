"""The number of CPU threads of a training: a short trial where a training is long enough to repay it.

As many threads as there are cores is the usual choice, and a bad one where another program holds one of them:
each step waits for its slowest thread. On two cores of which one was busy two threads trained a small network
at 153 to 189 images/s and one at 258 to 320.

Sums are rounded in another order with another number of threads, so the number is kept in `run.json` and a
resumed training goes on with it, to the same bits; only where a new trial finds another number half as fast
again, or the machine grants fewer cores, does it change, with a line of the log.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal

import torch

from kaggle_face.model.network import FaceNetwork
from kaggle_face.progress import Progress, rate_in_words
from kaggle_face.train.speed.step_timing import Workload, copy_for_trial, random_images, time_steps

ThreadSetting = int | Literal["auto", "all"]
Rates = Mapping[int, float]
"""Images a second, by the number of threads."""

_CHOSEN_BY_USER = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
_LEAST_STEPS = 500
_LARGEST_BATCH = 32
"""Images of a trial's step, as in the trial of bf16."""
_LARGEST_SHARE = 0.01
"""Of a training's time, for a trial."""
_ROUNDS = 2
_SECONDS_A_ROUND = 0.5
_ALL_UP_TO = 8
"""Every number up to this is tried, and beyond it the doubled ones and the highest."""
_LEAST_GAIN = 1.05
_LEAST_GAIN_TO_CHANGE = 1.5
"""A resumed training gives up the bits of an unbroken one for no less."""


def choose_threads(
    network: FaceNetwork,
    setting: ThreadSetting,
    workload: Workload,
    recorded: int | None,
    progress: Progress,
    environment: Mapping[str, str] = os.environ,
    measure: Callable[[FaceNetwork, Workload, list[int]], Rates] | None = None,
) -> int | None:
    """The number of threads to train with, on a CPU; None elsewhere.

    Args:
        network: On its device.
        setting: `train.threads`.
        workload: The training's steps.
        recorded: The number that the training was begun with; None if it begins now.
        progress: Gets a line about the trial.
        environment: Where the user may have chosen already, or torchrun for its processes.
        measure: Measures the rates; `time_threads` unless given.
    """
    if next(network.parameters()).device.type != "cpu":
        return None
    granted = torch.get_num_threads()
    if isinstance(setting, int):
        return setting
    if setting == "all" or granted == 1 or any(name in environment for name in _CHOSEN_BY_USER):
        return granted
    kept = recorded if recorded is not None and recorded <= granted else None
    usual = kept if kept is not None else granted
    counts = _counts(granted)
    short = replace(workload, batch_size=min(workload.batch_size, _LARGEST_BATCH))
    if workload.steps < _LEAST_STEPS or not _repays(network, workload, short, len(counts)):
        return usual
    rates = (measure or time_threads)(network, short, counts)
    return _decide(rates, usual, kept is not None, progress)


@contextmanager
def training_threads(count: int | None) -> Iterator[None]:
    """Sets the number of torch's threads for the block; None changes nothing."""
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def time_threads(network: FaceNetwork, workload: Workload, counts: list[int]) -> Rates:
    """The rate with each number of threads, for about a second each, in two turns."""
    trained, images_BCHW = copy_for_trial(network), random_images(network, workload)
    done, seconds = dict.fromkeys(counts, 0), dict.fromkeys(counts, 0.0)
    for _ in range(_ROUNDS):
        for count in counts:
            with training_threads(count):
                time_steps(trained, images_BCHW, workload.amp_dtype, steps=1)
                end = time.perf_counter() + _SECONDS_A_ROUND
                while time.perf_counter() < end:
                    seconds[count] += time_steps(trained, images_BCHW, workload.amp_dtype, steps=1)
                    done[count] += workload.batch_size
    return {count: done[count] / seconds[count] for count in counts}


def _counts(granted: int) -> list[int]:
    """Thread counts to try.

    >>> _counts(3), _counts(24)
    ([1, 2, 3], [1, 2, 3, 4, 5, 6, 7, 8, 16, 24])
    """
    doubled = (_ALL_UP_TO << power for power in range(1, granted.bit_length()))
    few = range(1, min(granted, _ALL_UP_TO) + 1)
    return sorted({*few, *(count for count in doubled if count < granted), granted})


def _repays(network: FaceNetwork, workload: Workload, short: Workload, tries: int) -> bool:
    """Whether the training is so long that the trial is a small share of it."""
    trained, images_BCHW = copy_for_trial(network), random_images(network, short)
    time_steps(trained, images_BCHW, workload.amp_dtype, steps=1)
    step = time_steps(trained, images_BCHW, workload.amp_dtype, steps=1)
    whole = step * workload.steps * workload.batch_size / short.batch_size
    return tries * _ROUNDS * max(_SECONDS_A_ROUND, 2 * step) < _LARGEST_SHARE * whole


def _decide(rates: Rates, usual: int, is_begun: bool, progress: Progress) -> int:
    best = max(rates, key=lambda count: rates[count])
    shown = ", ".join(f"{rate_in_words(rate)} with {count}" for count, rate in rates.items())
    needed = _LEAST_GAIN_TO_CHANGE if is_begun else _LEAST_GAIN
    if rates[best] <= needed * rates[usual]:
        kept = " as before, which keeps its bits" if is_begun and best != usual else ""
        progress.log(f"train.threads=auto: {usual}{kept}: {shown}")
        return usual
    rounding = f"; it was begun with {usual}, so the last digits will differ" if is_begun else ""
    progress.log(f"train.threads=auto: {best}: {shown}{rounding}")
    return best

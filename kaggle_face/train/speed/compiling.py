"""torch.compile where it pays: a short trial on a copy of the network before the training begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from kaggle_face.model.network import FaceNetwork
from kaggle_face.progress import Progress
from kaggle_face.train.speed.step_timing import Forward, Workload, copy_for_trial, random_images, time_steps

Compiler = Callable[[FaceNetwork], Forward]

_WARMUP_STEPS = 3
_TIMED_STEPS = 10
_LEAST_GAIN = 0.05
"""Of a step's time; less is within the spread of so few steps."""


@dataclass(frozen=True)
class Trial:
    """Seconds of a step without and with torch.compile, and of the compilation itself."""

    plain_seconds: float
    compiled_seconds: float
    compiling_seconds: float

    def pays(self, steps: int) -> bool:
        """Whether a number of steps and one more compilation take less time compiled."""
        gain = self.plain_seconds - self.compiled_seconds
        return gain > _LEAST_GAIN * self.plain_seconds and gain * steps > self.compiling_seconds


def should_compile(
    network: FaceNetwork,
    setting: bool | Literal["auto"],
    workload: Workload,
    progress: Progress,
    compiler: Compiler = torch.compile,
) -> bool:
    """Whether to train the compiled form: by the setting, or with `auto` on a GPU by a trial.

    On a CPU `auto` leaves it off: compiling takes as long as thousands of a small network's images.
    """
    if setting != "auto":
        return setting
    device = next(network.parameters()).device
    return device.type == "cuda" and is_worth_compiling(network, workload, progress, compiler)


def is_worth_compiling(
    network: FaceNetwork, workload: Workload, progress: Progress, compiler: Compiler
) -> bool:
    """Whether a trial finds the compiled form faster by more than its compilation costs."""
    try:
        trial = try_compiling(network, workload, compiler)
    except Exception as error:  # a missing compiler, an operation it does not know, ...
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        progress.warn(f"train.compile=auto: torch.compile does not work here ({reason}); training without it")
        return False
    pays = trial.pays(workload.steps)
    decision = "is used" if pays else "is left off"
    progress.log(
        f"torch.compile {decision}: {1e3 * trial.compiled_seconds:.1f} ms a step with it, "
        f"{1e3 * trial.plain_seconds:.1f} ms without, {trial.compiling_seconds:.0f} s to compile"
    )
    return pays


def try_compiling(network: FaceNetwork, workload: Workload, compiler: Compiler) -> Trial:
    """Times forward and backward passes of a copy of the network on random images."""
    trained = copy_for_trial(network)
    images_BCHW = random_images(network, workload)
    plain_seconds, _ = _time(trained, images_BCHW, workload.amp_dtype)
    compiled_seconds, compiling_seconds = _time(compiler(trained), images_BCHW, workload.amp_dtype)
    return Trial(plain_seconds, compiled_seconds, compiling_seconds)


def _time(forward: Forward, images_BCHW: Tensor, amp_dtype: torch.dtype | None) -> tuple[float, float]:
    """Seconds of a step, and those that the first steps took beyond that."""
    first = time_steps(forward, images_BCHW, amp_dtype, _WARMUP_STEPS)
    step = time_steps(forward, images_BCHW, amp_dtype, _TIMED_STEPS) / _TIMED_STEPS
    return step, max(0.0, first - _WARMUP_STEPS * step)

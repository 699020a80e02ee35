"""bf16 on a CPU where it pays: a short trial before the training begins, whose outcome the run keeps.

On a CPU that computes bf16 itself it about doubles the rate of residual networks and halves that of
depthwise ones: 145 and 319 images/s for ResNet-18 and 206 and 123 for EfficientNet-Lite0, at 64 pixels on two
threads of an AMD EPYC with AVX-512 BF16.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from kaggle_face.artifacts.runs import FoldFolder, RunFolder
from kaggle_face.model.amp import AmpSetting, CpuAmp
from kaggle_face.model.network import FaceNetwork
from kaggle_face.progress import Progress
from kaggle_face.train.speed.step_timing import Workload, copy_for_trial, random_images, time_steps

_FORMATS: tuple[torch.dtype | None, ...] = (None, torch.bfloat16)
_ROUNDS = 3
_LARGEST_BATCH = 32
"""Images of a trial's step: enough for the rates, and seconds even for the largest networks."""
_LEAST_STEPS = 500
"""A training of fewer steps would not win back what the trial and the coarser numbers cost."""
_LEAST_GAIN = 1.1
"""bf16 has 8 bits of precision instead of 24; a tenth of the time is too little for that."""


def decide_cpu_amp(
    network: FaceNetwork,
    setting: AmpSetting,
    workload: Workload,
    recorded: CpuAmp | None,
    progress: Progress,
) -> CpuAmp:
    """Chooses `train.amp=auto` on a CPU: as recorded, or by a trial; `off` without a choice.

    Args:
        network: On its device.
        setting: `train.amp`.
        workload: The training's steps.
        recorded: What the run decided before; then nothing is tried.
        progress: Gets a line about the trial.
    """
    if next(network.parameters()).device.type != "cpu":
        return "off"
    if setting == "bf16" and not computes_bf16():
        progress.warn(
            "train.amp=bf16: torch sees no bf16 instructions in this processor and emulates them, which may "
            "take several times as long as float32; set train.amp=auto"
        )
    if setting != "auto":
        return "off"
    if recorded is not None:
        return recorded
    if workload.steps < _LEAST_STEPS or not computes_bf16():
        return "off"
    short = replace(workload, batch_size=min(workload.batch_size, _LARGEST_BATCH))
    plain, bf16 = time_formats(network, short)
    pays = plain > _LEAST_GAIN * bf16
    rates = [f"{short.batch_size / seconds:.0f}" for seconds in (bf16, plain)]
    progress.log(
        f"train.amp=auto: bf16 {'is used' if pays else 'is left off'}: "
        f"{rates[0]} images/s with it, {rates[1]} without"
    )
    return "bf16" if pays else "off"


def recorded_cpu_amp(folder: FoldFolder, anew: bool = False) -> CpuAmp | None:
    """The recorded choice of `train.amp=auto` on a CPU, of this fold or the first of its run that has one.

    Args:
        folder: The fold.
        anew: Whether it is to be replaced: then only the other folds count.
    """
    if not anew and folder.info_file.is_file():
        own: CpuAmp | None = folder.read_info().get("cpu_amp", "off")  # before runs kept it, it was off
        if own is not None:
            return own
    others = [fold for fold in RunFolder(folder.path.parent).started_folds() if fold != folder]
    return next((amp for fold in others if (amp := fold.read_info().get("cpu_amp")) is not None), None)


def computes_bf16() -> bool:
    """Whether the CPU has instructions for bf16; false where this torch cannot detect it."""
    if not hasattr(torch.cpu, "get_capabilities"):  # torch before 2.10
        return False
    has = torch.cpu.get_capabilities()
    return any(has[name] for name in has if "bf16" in name)  # of AVX-512, AMX, NEON or SVE


def time_formats(network: FaceNetwork, workload: Workload) -> tuple[float, float]:
    """Seconds of a step in float32 and in bf16: the fastest of three, taken in turns after one each."""
    trained = copy_for_trial(network)
    images_BCHW = random_images(network, workload)
    rounds = [
        [time_steps(trained, images_BCHW, amp_dtype, steps=1) for amp_dtype in _FORMATS]
        for _ in range(1 + _ROUNDS)
    ]
    plain, bf16 = (min(seconds) for seconds in zip(*rounds[1:], strict=True))
    return plain, bf16

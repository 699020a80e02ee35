"""The number format of mixed precision on each device."""

from __future__ import annotations

from typing import Literal, assert_never

import torch

from kaggle_face.errors import ConfigError

AmpSetting = Literal["auto", "off", "bf16", "fp16"]
CpuAmp = Literal["off", "bf16"]
"""What `auto` became on a CPU, by a trial before the training."""

# Tensor cores for fp16 came with Volta; before, half precision is no faster than single.
_FIRST_FAST_FP16 = (7, 0)
# Ampere computes bf16 itself; older ones emulate it slowly.
_FIRST_BF16 = (8, 0)


def resolve_amp(setting: AmpSetting, device: torch.device, on_cpu: CpuAmp = "off") -> torch.dtype | None:
    """The dtype for `torch.autocast` on a device, or None for plain float32.

    `auto` is bf16 on Ampere GPUs and newer, fp16 on Volta and Turing (Kaggle's T4), off on older ones and on
    Apple's, and `on_cpu` on the CPU.

    Raises:
        ConfigError: The device cannot compute in that format.
    """
    match setting:
        case "off":
            return None
        case "auto":
            if device.type == "cpu":
                return torch.bfloat16 if on_cpu == "bf16" else None
            if device.type != "cuda":
                return None
            capability = torch.cuda.get_device_capability(device)
            if capability >= _FIRST_BF16:
                return torch.bfloat16
            return torch.float16 if capability >= _FIRST_FAST_FP16 else None
        case "bf16":
            if device.type == "cuda" and torch.cuda.get_device_capability(device) < _FIRST_BF16:
                raise ConfigError(
                    f"train.amp=bf16 needs an Ampere GPU or newer, and {torch.cuda.get_device_name(device)} "
                    "is older; set train.amp=fp16"
                )
            return torch.bfloat16
        case "fp16":
            if device.type == "cpu":
                raise ConfigError("train.amp=fp16 has no use on the CPU; set train.amp=bf16 or train.amp=off")
            return torch.float16
        case _:
            assert_never(setting)

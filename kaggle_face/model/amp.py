"""Where to compute and how finely: the device, and the number format of mixed precision."""

from __future__ import annotations

from typing import Literal, assert_never

import torch

from kaggle_face.errors import ConfigError, counted

AmpSetting = Literal["auto", "off", "bf16", "fp16"]
CpuAmp = Literal["off", "bf16"]
"""What `auto` became on a CPU, by a trial before the training."""

# Tensor cores for fp16 came with Volta; before, half precision is no faster than single.
_FIRST_FAST_FP16 = (7, 0)
# Ampere computes bf16 itself; older ones emulate it slowly.
_FIRST_BF16 = (8, 0)


def resolve_device(setting: str) -> torch.device:
    """The device of the setting; `auto` is the first CUDA GPU, else Apple's GPU, else the CPU.

    Raises:
        ConfigError: torch cannot use that device on this machine.
    """
    if setting == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda:0")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    device = torch.device(setting)
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            found = f"has {counted(count, 'CUDA GPU')} that torch can use"
            raise ConfigError(f"device={setting}: this machine {found}; set device=auto")
        return torch.device("cuda", device.index or 0)
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("device=mps: this machine has no Apple GPU that torch can use; set device=auto")
    return device


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

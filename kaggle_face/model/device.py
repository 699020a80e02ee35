"""Choosing devices, and waiting for what they compute."""

from __future__ import annotations

import torch

from kaggle_face.errors import ConfigError, counted


def resolve_device(setting: str) -> torch.device:
    """The device of the setting; `auto` is the first CUDA GPU, else Apple's GPU, else the CPU.

    Raises:
        ConfigError: torch cannot use that device on this machine.
    """
    if setting == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda:0")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(setting)
    except RuntimeError:
        raise ConfigError(
            f"device must be auto, cpu, cuda, cuda:<number> or mps, got {setting[:40]!a}"
        ) from None
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            found = f"has {counted(count, 'CUDA GPU')} that torch can use"
            raise ConfigError(f"device={setting}: this machine {found}; set device=auto")
        return torch.device("cuda", device.index or 0)
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("device=mps: this machine has no Apple GPU that torch can use; set device=auto")
    return device


def wait_for(device: torch.device) -> None:
    """Waits until the device has finished all of its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()

"""CPU settings for the full rate: as many threads as there are cores, and memory that is kept."""

from __future__ import annotations

import ctypes
import os
import platform

import torch

from kaggle_face.hardware import available_cpus

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # the parameters' numbers in glibc's malloc.h
_KEPT_BYTES = 1 << 30
_SETTINGS = ("GLIBC_TUNABLES", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")


def prepare_cpu(device: torch.device) -> None:
    """Sets threads and memory for networks, where the CPU computes them.

    torch counts the cores of the machine; threads beyond those that a container grants wait for each other.
    A smaller number that was set before, such as by OMP_NUM_THREADS, stays.
    """
    if device.type != "cpu":
        return
    if torch.get_num_threads() > available_cpus():
        torch.set_num_threads(available_cpus())
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Keeps freed large blocks of memory for the next step, with glibc.

    glibc hands blocks of 32 MiB and more back to the kernel, which clears each of their pages when the next
    step allocates them: a sixth to a third of the time of networks with large maps. What its own environment
    variables say stays. Source: mallopt(3).
    """
    if platform.libc_ver()[0] == "glibc" and not any(name in os.environ for name in _SETTINGS):
        set_option = ctypes.CDLL(None).mallopt
        set_option(_MMAP_THRESHOLD, _KEPT_BYTES)
        set_option(_TRIM_THRESHOLD, _KEPT_BYTES)

"""Threads on the CPU: as many as there are cores for them."""

from __future__ import annotations

import torch

from kaggle_face.cores import available_cores


def use_granted_cores(device: torch.device) -> None:
    """Keeps torch from starting more threads than the container grants cores, where the CPU computes.

    torch counts the cores of the machine; threads beyond those that are granted wait for each other. A
    smaller number that was set before, such as by OMP_NUM_THREADS, stays.
    """
    if device.type == "cpu" and torch.get_num_threads() > available_cores():
        torch.set_num_threads(available_cores())

"""The machine that a benchmark runs on, and the memory that a piece of work takes there."""

from __future__ import annotations

import os
import platform
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from kaggle_face.bench.report import Cell
from kaggle_face.hardware import available_cpus, cpu_name

if TYPE_CHECKING:
    import torch

_STATUS = Path("/proc/self/status")
_SECONDS_BETWEEN_LOOKS = 0.02


def describe_machine(device: torch.device | None = None) -> dict[str, Cell]:
    """Processor, cores, load, system, and where torch is used its version and device."""
    about: dict[str, Cell] = {
        "processor": cpu_name(),
        "cores": available_cpus(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
    }
    if device is not None:
        import torch

        is_cuda = device.type == "cuda"
        about["device"] = torch.cuda.get_device_name(device) if is_cuda else str(device)
        about["torch"] = str(torch.__version__)
        about["threads"] = torch.get_num_threads()
    return about


class MemoryWatch:
    """The most memory that a block takes beyond what was taken at its start, in megabytes (10^6 bytes).

    Of the process only what is its own counts: the pages of a memory map belong to the file. Worker processes
    are not counted.

    Attributes:
        process_mb: Of the process; None where the system does not report it.
        device_mb: Of a CUDA device; None on others.
    """

    def __init__(self, device: torch.device | None = None) -> None:
        self._device = device if device is not None and device.type == "cuda" else None
        self.process_mb: float | None = None
        self.device_mb: float | None = None

    def __enter__(self) -> MemoryWatch:
        self._first = self._most = own_memory_mb()
        if self._device is not None:
            import torch

            torch.cuda.reset_peak_memory_stats(self._device)
            self._first_on_device = torch.cuda.memory_allocated(self._device)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()
        self._look_once()
        if self._first is not None and self._most is not None:
            self.process_mb = self._most - self._first
        if self._device is not None:
            import torch

            most = torch.cuda.max_memory_allocated(self._device)
            self.device_mb = (most - self._first_on_device) / 1e6

    def _look(self) -> None:
        while not self._over.wait(_SECONDS_BETWEEN_LOOKS):
            self._look_once()

    def _look_once(self) -> None:
        now = own_memory_mb()
        if now is not None and self._most is not None:
            self._most = max(self._most, now)


def own_memory_mb() -> float | None:
    """The memory in use that belongs to this process alone, in megabytes; None where it is not reported."""
    try:
        text = _STATUS.read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    lines = (line.split() for line in text.splitlines() if line.startswith(("RssAnon:", "RssShmem:")))
    kibibytes = [int(words[1]) for words in lines]
    return sum(kibibytes) * 1024 / 1e6 if kibibytes else None

"""How many processor cores this process may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def available_cores(cgroup: Path = _CGROUP) -> int:
    """The cores that the scheduler and the container grant, at least 1.

    A container may be granted less time than the machine has cores (`docker run --cpus=2`), and more threads
    than that wait for each other. Processes that torchrun started on this machine divide them.
    """
    granted = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    sharers = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return max(1, min(granted, _quota(cgroup) or granted) // sharers)


def _quota(cgroup: Path) -> int | None:
    """The cores' worth of time of the control group (version 2, then 1), rounded up; None without a limit."""
    try:
        if (cgroup / "cpu.max").is_file():
            quota, period = (cgroup / "cpu.max").read_text(encoding="ascii").split()
        else:
            quota = (cgroup / "cpu" / "cpu.cfs_quota_us").read_text(encoding="ascii")
            period = (cgroup / "cpu" / "cpu.cfs_period_us").read_text(encoding="ascii")
        return math.ceil(int(quota) / int(period)) if int(quota) > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None  # "max", or no control groups here

"""The CPUs that this process may use, and the CPU features that NumPy may use."""

from __future__ import annotations

import math
import os
import platform
import sys
from collections.abc import MutableMapping
from pathlib import Path

NUMPY_SETTING = "NPY_DISABLE_CPU_FEATURES"

_CGROUP = Path("/sys/fs/cgroup")
_CPUINFO = Path("/proc/cpuinfo")
_STATUS = Path("/proc/self/status")
_FIRST_BYTES = 8192  # hold the first CPU; a large machine lists hundreds
_AVX512 = "X86_V4 AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR"
"""The names that releases of NumPy give to what is left out; each knows some and passes over the others."""


def available_cpus(cgroup: Path = _CGROUP) -> int:
    """The number of CPUs that the scheduler and the container grant, at least 1.

    A container may be granted less time than the machine has CPUs (`docker run --cpus=2`), and more threads
    than that wait for each other. Processes that torchrun started on this machine divide them.
    """
    granted = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    sharers = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return max(1, min(granted, _cgroup_limit(cgroup) or granted) // sharers)


def _cgroup_limit(cgroup: Path = _CGROUP) -> int | None:
    """The CPUs' worth of time of the control group (version 2, then 1), rounded up; None without a limit."""
    try:
        if (cgroup / "cpu.max").is_file():
            quota, period = (cgroup / "cpu.max").read_text(encoding="ascii").split()
        else:
            quota = (cgroup / "cpu" / "cpu.cfs_quota_us").read_text(encoding="ascii")
            period = (cgroup / "cpu" / "cpu.cfs_period_us").read_text(encoding="ascii")
        return math.ceil(int(quota) / int(period)) if int(quota) > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None  # "max", or no control groups here


def peak_memory_bytes(status: Path = _STATUS) -> int:
    """The most memory that this process has held; 0 where the system does not keep it (Windows).

    On Linux as `/proc` has it: `getrusage` counts what the parent held when it started this process.
    """
    try:
        lines = status.read_text(encoding="ascii", errors="replace").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    except (OSError, ValueError, StopIteration):
        pass
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)  # bytes on a Mac, KiB elsewhere


def cpu_name(cpuinfo: Path = _CPUINFO) -> str:
    """The name of the CPU; of its kind where the system does not report it."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def choose_sort_instructions(
    environment: MutableMapping[str, str] = os.environ, cpuinfo: Path = _CPUINFO
) -> None:
    """Makes NumPy sort with AVX2 on AMD's Zen 4, where its sort with AVX-512 takes five times as long.

    To be called before NumPy is imported. Its AVX-512 sort packs numbers straight into memory, which this CPU
    does in microcode (AMD, Software Optimization Guide for the Zen 4 Microarchitecture, 57647, section
    2.11.2). Processes that this one starts inherit the choice. A setting that is there already, even an empty
    one, is the user's.
    """
    if NUMPY_SETTING in environment:
        return
    try:
        with cpuinfo.open(encoding="utf-8", errors="replace") as stream:
            first = stream.read(_FIRST_BYTES).partition("\n\n")[0]
    except OSError:
        return  # not Linux
    facts = {
        name.strip(): value.split() for name, _, value in (line.partition(":") for line in first.splitlines())
    }
    # Family 25 is Zen 3 and Zen 4, and only the later one has AVX-512.
    is_family_25 = facts.get("vendor_id") == ["AuthenticAMD"] and facts.get("cpu family") == ["25"]
    if is_family_25 and "avx512f" in facts.get("flags", []):
        environment[NUMPY_SETTING] = _AVX512

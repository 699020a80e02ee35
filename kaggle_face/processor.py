"""What NumPy must be told of the processor before it is imported."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path

NUMPY_SETTING = "NPY_DISABLE_CPU_FEATURES"

_CPUINFO = Path("/proc/cpuinfo")
_FIRST_BYTES = 8192  # hold the first processor; a large machine lists hundreds
_AVX512 = "X86_V4 AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR"
"""The names that releases of NumPy give to what is left out; each knows some and passes over the others."""


def choose_sort_instructions(
    environment: MutableMapping[str, str] = os.environ, cpuinfo: Path = _CPUINFO
) -> None:
    """Lets NumPy sort with AVX2 on AMD's Zen 4, where its sort with AVX-512 takes five times as long.

    NumPy's AVX-512 sort packs numbers straight into memory, which this processor does in microcode (AMD,
    Software Optimization Guide for the Zen 4 Microarchitecture, 57647, section 2.11.2). Processes that this
    one starts inherit the choice. A setting that is there already, even an empty one, is the user's.
    """
    if NUMPY_SETTING not in environment and _is_zen_4(cpuinfo):
        environment[NUMPY_SETTING] = _AVX512


def _is_zen_4(cpuinfo: Path) -> bool:
    try:
        with cpuinfo.open(encoding="utf-8", errors="replace") as stream:
            first = stream.read(_FIRST_BYTES).partition("\n\n")[0]
    except OSError:
        return False  # no Linux
    facts = {
        name.strip(): value.split() for name, _, value in (line.partition(":") for line in first.splitlines())
    }
    # Family 25 is Zen 3 and Zen 4, and only the later one has AVX-512.
    return (
        facts.get("vendor_id") == ["AuthenticAMD"]
        and facts.get("cpu family") == ["25"]
        and "avx512f" in facts.get("flags", [])
    )

"""Threads and memory on the CPU."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest
import torch

from kaggle_face.model import cpu
from kaggle_face.model.cpu import prepare_cpu

CPU, GPU = torch.device("cpu"), torch.device("cuda")

PAGES_TAKEN_AGAIN = """
import resource, sys, torch
from kaggle_face.model.cpu import prepare_cpu
prepare_cpu(torch.device(sys.argv[1]))
step = lambda: torch.ones(1 << 24).sum()  # 64 MiB, freed at once
for _ in range(20):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.parametrize(
    ("cores", "before", "device", "after"), [(2, 4, CPU, 2), (4, 3, CPU, 3), (2, 4, GPU, 4)], ids=str
)
def test_no_more_threads_than_granted_cores_compute(
    cores: int, before: int, device: torch.device, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cpu, "available_cpus", lambda: cores)
    torch.set_num_threads(before)  # conftest puts it back
    prepare_cpu(device)
    assert torch.get_num_threads() == after


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's memory is what is kept")
@pytest.mark.parametrize(
    ("device", "variables", "is_kept"),
    [
        ("cpu", {}, True),
        pytest.param("cuda", {}, False, marks=pytest.mark.slow),
        pytest.param("cpu", {"MALLOC_MMAP_THRESHOLD_": "1000000"}, False, marks=pytest.mark.slow),
    ],
)
def test_large_blocks_are_used_again_without_asking_the_kernel(
    device: str, variables: dict[str, str], is_kept: bool
) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in cpu._SETTINGS}
    words = [sys.executable, "-c", PAGES_TAKEN_AGAIN, device]
    found = subprocess.run(
        words, env=environment | variables, capture_output=True, text=True, check=True, timeout=600
    )
    pages_of_ten_blocks = 10 * (1 << 26) // os.sysconf("SC_PAGE_SIZE")
    assert (int(found.stdout) < pages_of_ten_blocks / 100) == is_kept

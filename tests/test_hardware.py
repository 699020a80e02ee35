"""CPUs that a container grants, and the CPU features that NumPy may use."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from kaggle_face.hardware import (
    NUMPY_SETTING,
    available_cpus,
    choose_sort_instructions,
    peak_memory_bytes,
)

PROCESSOR = """processor\t: {number}
vendor_id\t: {vendor}
cpu family\t: {family}
model name\t: a processor
flags\t\t: fpu sse2 avx2 {flags}

"""


def test_without_a_limit_the_scheduler_decides(tmp_path: Path) -> None:
    assert available_cpus(tmp_path) >= 1
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert available_cpus(tmp_path) == available_cpus(tmp_path / "nowhere")


@pytest.mark.parametrize(("quota", "cores"), [("50000 100000", 1), ("100000 100000", 1)])
def test_a_container_gets_no_more_threads_than_it_has_time_for(
    tmp_path: Path, quota: str, cores: int
) -> None:
    (tmp_path / "cpu.max").write_text(quota + "\n")
    assert available_cpus(tmp_path) == cores


def test_the_older_kind_of_control_group_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text("60000\n")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000\n")
    assert available_cpus(tmp_path) == 1


def test_processes_of_one_training_divide_the_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(5)), raising=False)
    for processes, cores in (("1", 5), ("2", 2), ("8", 1)):
        monkeypatch.setenv("LOCAL_WORLD_SIZE", processes)
        assert available_cpus(tmp_path) == cores


def choice(tmp_path: Path, vendor: str, family: int, flags: str) -> dict[str, str]:
    path = tmp_path / "cpuinfo"
    path.write_text(
        "".join(
            PROCESSOR.format(number=number, vendor=vendor, family=family, flags=flags)
            for number in range(100)
        )
    )
    environment: dict[str, str] = {}
    choose_sort_instructions(environment, path)
    return environment


def test_zen_4_sorts_with_avx2(tmp_path: Path) -> None:
    left_out = choice(tmp_path, "AuthenticAMD", 25, "avx512f avx512dq").pop(NUMPY_SETTING).split()
    assert {"X86_V4", "AVX512_ICL", "AVX512_SKX"} <= set(left_out)  # as NumPy 2.4 and NumPy 1.26 name them


@pytest.mark.parametrize(
    ("vendor", "family", "flags"),
    [("AuthenticAMD", 25, ""), ("AuthenticAMD", 26, "avx512f"), ("GenuineIntel", 25, "avx512f")],
    ids=["Zen 3", "Zen 5", "Intel"],
)
def test_other_processors_are_left_alone(tmp_path: Path, vendor: str, family: int, flags: str) -> None:
    assert choice(tmp_path, vendor, family, flags) == {}


def test_without_a_list_of_processors_nothing_is_chosen(tmp_path: Path) -> None:
    environment: dict[str, str] = {}
    choose_sort_instructions(environment, tmp_path / "cpuinfo")
    (tmp_path / "cpuinfo").write_text("no list\n")
    choose_sort_instructions(environment, tmp_path / "cpuinfo")
    assert environment == {}


def test_what_the_user_set_stays(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(
        PROCESSOR.format(number=0, vendor="AuthenticAMD", family=25, flags="avx512f")
    )
    environment = {NUMPY_SETTING: ""}
    choose_sort_instructions(environment, tmp_path / "cpuinfo")
    assert environment == {NUMPY_SETTING: ""}


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="its names are of x86 processors")
def test_numpy_takes_the_choice_in_silence_and_keeps_to_it(tmp_path: Path) -> None:
    environment = choice(tmp_path, "AuthenticAMD", 25, "avx512f")
    code = "import numpy; print(numpy.sort([2, 1]), numpy.__config__.CONFIG['SIMD Extensions']['found'])"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.startswith("[1 2]") and ran.stderr == ""
    assert "X86_V4" not in ran.stdout and "AVX512" not in ran.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not keep it")
def test_the_peak_of_memory_holds_what_was_held() -> None:
    code = (
        "from kaggle_face.hardware import peak_memory_bytes\n"
        "before = peak_memory_bytes(); held = b'x' * (256 << 20); del held\n"
        "print(before, peak_memory_bytes())"
    )
    before, after = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert 200 << 20 < int(after) - int(before) < 300 << 20


def test_without_proc_the_peak_is_that_of_the_process(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    assert peak_memory_bytes(tmp_path / "none") >= resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (tmp_path / "status").write_text("Name:\tpython\nVmHWM:\t  2048 kB\n")
    assert peak_memory_bytes(tmp_path / "status") == 2 << 20

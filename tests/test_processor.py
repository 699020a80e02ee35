"""What NumPy is told of the processor before it is imported."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from kaggle_face.processor import NUMPY_SETTING, choose_sort_instructions

PROCESSOR = """processor\t: {number}
vendor_id\t: {vendor}
cpu family\t: {family}
model name\t: a processor
flags\t\t: fpu sse2 avx2 {flags}

"""


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

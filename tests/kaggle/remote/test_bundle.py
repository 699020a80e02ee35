"""Wheels of a bundle: the package's own, and others fetched by pip from a folder that the test fills."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from kaggle_face.errors import RemoteError
from kaggle_face.kaggle.remote.bundle import download_wheels, write_wheel


def write_small_wheel(folder: Path, tag: str) -> str:
    folder.mkdir(exist_ok=True)
    name = f"small-1.0-{tag}.whl"
    texts = {
        "METADATA": "Metadata-Version: 2.1\nName: small\nVersion: 1.0\n",
        "WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
        "RECORD": "",
    }
    with zipfile.ZipFile(folder / name, "w") as archive:
        for file, text in texts.items():
            archive.writestr(f"small-1.0.dist-info/{file}", text)
    return name


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "shelf"))
    return tmp_path / "shelf"


@pytest.mark.parametrize(
    "tag",
    [
        "py3-none-any",
        pytest.param("cp310-abi3-manylinux_2_17_x86_64", marks=pytest.mark.slow),
        "cp312-cp312-manylinux_2_34_x86_64",
    ],
)
def test_a_wheel_for_any_glibc_up_to_the_images_is_fetched(shelf: Path, tmp_path: Path, tag: str) -> None:
    name = write_small_wheel(shelf, tag)
    folder = download_wheels(["small"], "3.12", tmp_path / "wheels")
    assert [path.name for path in folder.iterdir()] == [name]


def test_a_wheel_for_another_machine_is_refused_in_one_line(shelf: Path, tmp_path: Path) -> None:
    write_small_wheel(shelf, "cp312-cp312-macosx_11_0_arm64")
    with pytest.raises(RemoteError, match="the wheels of small cannot be fetched: ERROR: No matching"):
        download_wheels(["small"], "3.12", tmp_path / "wheels")


def test_the_packages_wheel_holds_its_scripts_and_settings_and_is_the_same_each_time(tmp_path: Path) -> None:
    first, second = (write_wheel(tmp_path / name) for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        names = set(archive.namelist())
        (record,) = (name for name in names if name.endswith(".dist-info/RECORD"))
        lines = archive.read(record).decode().splitlines()
    assert {"kaggle_face/kaggle/notebooks/bundle_setup.py", "kaggle_face/configs/demo.yaml"} <= names
    assert {line.rsplit(",", 2)[0] for line in lines} == names

"""Full disks, limits and lack of memory are one line that names the path and what would help."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from kaggle_face.artifacts.files.atomic import (
    replacing,
    replacing_folder,
    write_array,
    write_json,
    write_text,
    writing,
)
from kaggle_face.artifacts.files.disk import explaining, state_line, state_of
from kaggle_face.artifacts.files.reading import reading
from kaggle_face.artifacts.tables import write_table
from kaggle_face.errors import DiskError, RunError

STATES = {
    "ENOSPC": r"the disk of .* is full; free some room \(.* are free\) and start again",
    "EDQUOT": r"the disk quota for .* is used up; free some room",
    "EFBIG": "no file may become this large here; raise the limit",
    "EMFILE": r"this process has too many files open.*; raise the limit with: ulimit -n 4096",
    "ENFILE": "this machine has too many files open; end other programs",
    "ENOMEM": "there is not enough memory; end other programs",
    "EROFS": "the disk can only be read; choose another folder",
    "EACCES": "permission denied; allow it or choose another folder",
    "EIO": "the disk reports an error; check the disk",
    "EEXIST": "something else stands there already; see whether another process works there",
    "ENOTEMPTY": "another process wrote there at the same time; see that only one works there",
}


def failing(name: str) -> OSError:
    number = getattr(errno, name)
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize("name", STATES)
def test_a_state_of_the_disk_while_writing_is_one_line_and_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = tmp_path / "run.json"
    write_json(path, {"old": 1})

    def fail(_descriptor: int) -> None:
        raise failing(name)

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(DiskError, match=rf"run\.json cannot be written: {STATES[name]}") as caught:
        write_json(path, {"new": 1})
    assert "\n" not in str(caught.value) and caught.value.errno == getattr(errno, name)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [
        ("run.json", '{\n  "old": 1\n}\n')
    ]


@pytest.mark.parametrize(
    ("winerror", "number", "line"),
    [
        (32, errno.EACCES, "another program uses it"),
        (1455, errno.EINVAL, "there is not enough memory"),
        (1450, errno.EINVAL, "there is not enough memory"),
        (59, errno.EINVAL, "the network disk has lost it"),
        (1314, errno.EINVAL, "this is not permitted"),
        (5, errno.EACCES, "permission denied"),
        (123, errno.EINVAL, "x.csv: Invalid argument"),
    ],
)
def test_a_state_that_windows_numbers_by_itself_is_known(winerror: int, number: int, line: str) -> None:
    error = OSError(number, "Invalid argument", "x.csv")
    error.winerror = winerror  # type: ignore[attr-defined]
    assert line in (state_line(error) or "")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            RuntimeError("unable to open </torch_1> in read-write mode: Too many open files (24)"),
            "files open",
        ),
        (RuntimeError("unable to write to file </torch_1>: No space left on device (28)"), "is full"),
        (RuntimeError("received 0 items of ancdata"), "too many files open"),
        (ImportError("libx.so: cannot open shared object file: Too many open files"), "too many files open"),
        (OSError(getattr(errno, "ENOTCONN", 0), "Transport endpoint is not connected", "r"), "connected"),
        (OSError(getattr(errno, "ETXTBSY", 0), "Text file busy", "r"), "another program uses it"),
        (OSError(errno.EINVAL, "Invalid argument", "a?.jpg"), "a?.jpg: Invalid argument"),
    ],
)
def test_what_libraries_and_network_disks_raise_is_no_bug(error: Exception, line: str) -> None:
    assert line in (state_line(error) or "")


def test_other_errors_stay_bugs() -> None:
    for error in (RuntimeError("a shape"), OSError(errno.EINVAL, "Invalid argument"), ImportError("torch")):
        assert state_line(error) is None


@pytest.mark.parametrize("name", ["EMFILE", "ENOMEM", "EACCES", "EIO"])
def test_a_state_of_the_machine_while_reading_says_nothing_against_the_file(
    tmp_path: Path, name: str
) -> None:
    with (
        pytest.raises(DiskError, match=rf"a\.npy cannot be read: {STATES[name]}") as caught,
        reading(tmp_path / "a.npy"),
    ):
        raise failing(name)
    assert "delete" not in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        np._core._exceptions._ArrayMemoryError((2**40,), np.dtype(float)),
        ValueError("Error tokenizing data. C error: out of memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_want_of_memory_is_told_as_such_in_all_its_shapes(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(DiskError, match="there is not enough memory"), reading(tmp_path / "a.csv"):
        try:
            raise error
        except RuntimeError as raised:
            raise ValueError(str(raised)) from None
    assert state_line(error) == "there is not enough memory; end other programs, or use a smaller batch"


def test_what_is_needed_and_what_is_free_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 3_000_000})
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    with (
        pytest.raises(DiskError, match=r"\(12\.5 MB are needed, 3 MB are free\)"),
        writing(tmp_path / "resume.pt", needed_bytes=12_500_000),
    ):
        raise failing("ENOSPC")


def test_a_copy_that_failed_within_a_folder_names_the_folder(tmp_path: Path) -> None:
    reason = "[Errno 28] No space left on device: 'a' -> 'b'"
    with (
        pytest.raises(DiskError, match=r"bundle cannot be written: the disk of .* is full"),
        replacing_folder(tmp_path / "bundle"),
    ):
        raise shutil.Error([("a", "b", reason)])


def test_another_file_that_is_read_meanwhile_is_named_itself(tmp_path: Path) -> None:
    with (
        pytest.raises(DiskError, match=r"^/elsewhere/secret\.png: permission denied"),
        replacing(tmp_path / "sheet.jpg"),
    ):
        raise PermissionError(errno.EACCES, "Permission denied", "/elsewhere/secret.png")


@pytest.mark.parametrize(
    "error", [ValueError("no"), KeyError("x"), OSError("x"), RuntimeError("y"), OSError(errno.EBADF, "Bad")]
)
def test_a_bug_stays_a_bug(tmp_path: Path, error: Exception) -> None:
    assert state_of(error) is None and state_line(error) is None
    with pytest.raises(type(error)) as caught, explaining(tmp_path):
        raise error
    assert caught.value is error


def test_a_missing_file_is_still_told_as_missing(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"a\.npy cannot be read \(No such file"), reading(tmp_path / "a.npy"):
        (tmp_path / "a.npy").read_bytes()


@contextmanager
def limit(name: str, value: int) -> Iterator[None]:
    """Lowers a limit of this process for the block."""
    import resource

    kind = getattr(resource, name)
    soft, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (value, hard))
    try:
        yield
    finally:
        resource.setrlimit(kind, (soft, hard))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")
def test_every_way_of_writing_meets_a_limit_with_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    import torch

    from kaggle_face.model.weights.checkpoints import save_weights

    big = np.random.default_rng(0).random(100_000)
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "big").write_bytes(big.tobytes())

    def save(path: Path) -> None:
        with writing(path) as stream:
            torch.save({"a": torch.from_numpy(big)}, stream)

    def copy(path: Path) -> None:
        with replacing_folder(path) as new:
            shutil.copytree(tmp_path / "source", new, dirs_exist_ok=True)

    ways: dict[str, Callable[[Path], None]] = {
        "a.txt": lambda path: write_text(path, "x" * 100_000),
        "a.npy": lambda path: write_array(path, big),
        "a.csv": lambda path: write_table(path, {"number": big}),
        "a.safetensors": lambda path: save_weights({"a": torch.from_numpy(big)}, path),
        "resume.pt": save,
        "record": copy,
    }
    for name, way in ways.items():
        with limit("RLIMIT_FSIZE", 50_000), pytest.raises(DiskError) as caught:
            way(tmp_path / name)
        assert str(caught.value) == (
            f"{tmp_path / name} cannot be written: no file may become this large here (limit: 0.05 MB); "
            "raise the limit (ulimit -f) or choose another disk"
        )
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")
def test_no_file_that_can_be_opened_is_one_line(tmp_path: Path) -> None:
    with limit("RLIMIT_NOFILE", 3), pytest.raises(DiskError) as caught:
        write_text(tmp_path / "b.txt", "x")
    assert str(caught.value) == (
        f"{tmp_path / 'b.txt'} cannot be written: this process has too many files open (limit: 3); "
        "raise the limit with: ulimit -n 4096"
    )


def test_a_disk_that_is_really_full_is_one_line(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=200k", "none", str(small)]
    if shutil.which("mount") is None or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk is not allowed here")
    try:
        with pytest.raises(
            DiskError, match=rf"the disk of {small} is full; free some room \(0\.205 MB are f"
        ):
            write_array(small / "a.npy", np.zeros(100_000))
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", str(small)], check=True)

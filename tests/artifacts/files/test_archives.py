"""What a damaged archive raises while it is open is one error, and a disk's errors stay what they are."""

from __future__ import annotations

import errno
import os
import zipfile
import zlib
from pathlib import Path

import pytest

from kaggle_face.artifacts.files.archives import DamagedArchiveError, growth, opened_archive
from kaggle_face.errors import ConfigError


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("zeros", bytes(100_000))
    return tmp_path / "a.zip"


@pytest.mark.parametrize(
    "error", [zlib.error("bad\nblock"), EOFError(), RuntimeError("x"), OSError("Invalid data stream"),
              OSError(errno.EINVAL, "Invalid argument"), KeyError("x"), MemoryError(), OverflowError("x")],
)  # fmt: skip
def test_a_fault_of_the_decoders_is_one_line_that_names_the_archive(archive: Path, error: Exception) -> None:
    expected = pytest.raises(DamagedArchiveError, match=r"a\.zip is damaged: .+; delete it and")
    with expected as caught, opened_archive(archive):
        raise error
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space"), ConfigError("mine"), KeyboardInterrupt()]
)
def test_what_the_archive_is_not_to_blame_for_goes_on(archive: Path, error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, opened_archive(archive):
        raise error
    assert caught.value is error


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.zip")
    expected = pytest.raises(DamagedArchiveError, match=r"a\.zip is damaged: not a regular file")
    with expected, opened_archive(tmp_path / "a.zip"):
        pass


def test_growth_counts_no_more_packed_bytes_than_the_file_has(archive: Path) -> None:
    with opened_archive(archive) as opened:
        members = opened.infolist()
        members[0].compress_size = 10**9
        unpacked, times = growth(opened, members)
    assert unpacked == 100_000
    assert times == pytest.approx(100_000 / archive.stat().st_size)

"""Files that show people are for their owner alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from kaggle_face.artifacts.files.private import (
    make_private_folder,
    replacing_privately,
    tighten,
    write_privately,
)

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such rights")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def _usual_umask():
    old = os.umask(0o022)
    yield
    os.umask(old)


def test_a_file_and_the_folders_made_for_it_are_private(tmp_path: Path) -> None:
    write_privately(tmp_path / "a" / "b" / "face.png", b"face")
    assert mode(tmp_path / "a" / "b" / "face.png") == 0o600
    assert mode(tmp_path / "a") == mode(tmp_path / "a" / "b") == 0o700


def test_a_folder_that_was_there_keeps_its_rights(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir(mode=0o755)
    make_private_folder(tmp_path / "mine" / "new")
    assert (mode(tmp_path / "mine"), mode(tmp_path / "mine" / "new")) == (0o755, 0o700)


def test_a_file_that_others_could_read_is_replaced_by_a_private_one(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    path.write_bytes(b"old")
    with replacing_privately(path) as temporary:
        assert mode(temporary) == 0o600, "from the first byte on"
        temporary.write_bytes(b"new")
    assert (path.read_bytes(), mode(path)) == (b"new", 0o600)


@pytest.mark.parametrize(
    ("before", "after"), [(0o644, 0o600), (0o666, 0o600), (0o640, 0o600), (0o444, 0o400)]
)
def test_the_rights_of_others_are_taken(tmp_path: Path, before: int, after: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    path.chmod(before)
    assert tighten(path)
    assert mode(path) == after
    assert not tighten(path)


def test_what_is_no_file_is_left_alone(tmp_path: Path) -> None:
    assert not tighten(tmp_path)
    assert not tighten(tmp_path / "nothing")

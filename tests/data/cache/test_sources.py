"""Which files an image cache is made of, and when they count as changed."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from kaggle_face.data.cache.sources import find_sources
from kaggle_face.errors import DataError
from tests.support.images import write_pictures


def test_the_order_of_ids_and_their_repetition_do_not_matter(tmp_path: Path) -> None:
    ids = write_pictures(tmp_path, 6)
    mixed = np.concatenate([ids[::-1], ids[:2]])
    one, other = find_sources(tmp_path, ids), find_sources(tmp_path, mixed)
    assert one.state_digest() == other.state_digest() and (one.image_ids == other.image_ids).all()


def test_a_changed_time_or_size_changes_the_digest(tmp_path: Path) -> None:
    ids = write_pictures(tmp_path, 3)
    digests = {find_sources(tmp_path, ids).state_digest()}
    path = tmp_path / str(ids[0])
    found = path.stat()
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns + 1))
    digests.add(find_sources(tmp_path, ids).state_digest())
    path.write_bytes(path.read_bytes() + b"x")
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    digests.add(find_sources(tmp_path, ids).state_digest())
    assert len(digests) == 3


def test_further_words_change_the_digest(tmp_path: Path) -> None:
    sources = find_sources(tmp_path, write_pictures(tmp_path, 2))
    assert len({sources.state_digest(1, 64), sources.state_digest(1, 112), sources.state_digest(2, 64)}) == 3


@pytest.mark.parametrize("name", ["../x.jpg", "a/../../x.jpg", "/etc/passwd", "", "a\0b", "a/.."])
def test_a_path_that_leads_out_of_the_root_is_refused(tmp_path: Path, name: str) -> None:
    # numpy drops a NUL at the end of a text, so it is put in the middle.
    with pytest.raises(DataError, match="1 of 2 image paths leads out of"):
        find_sources(tmp_path, np.array(["good.jpg", name]))


@pytest.mark.parametrize("name", ["a..b.jpg", "..a/b.jpg", "a:b.jpg", "a b/ä,\"'.jpg", "a/./b.jpg"])
def test_an_odd_name_below_the_root_is_fine(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"12345")
    assert find_sources(tmp_path, np.array([name])).sizes_bytes.tolist() == [5]


def test_what_is_missing_or_no_file_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "folder.jpg").mkdir()
    sources = find_sources(tmp_path, np.array(["folder.jpg", "missing.jpg"]))
    assert sources.sizes_bytes.tolist() == [-2, -1]

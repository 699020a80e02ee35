"""What is in the picture files today, from an image cache of them or from the files themselves."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from kaggle_face.data.cache import decoding
from kaggle_face.data.cache.contents import contents_today
from kaggle_face.data.cache.image_cache import ImageCache, open_image_cache
from kaggle_face.data.cache.search import CachePlan
from kaggle_face.data.cache.sources import joint_digest
from kaggle_face.progress import SilentProgress
from kaggle_face.records import IntArray, StrArray
from tests.support.images import write_pictures

SIZE = 16


class Place:
    """A data root and a folder of image caches, and the files that were read."""

    def __init__(self, folder: Path, ids: StrArray, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.packs, self.ids = folder / "data", folder / "packs", ids
        self.read: list[str] = []
        read = decoding.read_file

        def listening(path: str, size_bytes: int) -> bytes:
            self.read.append(Path(path).relative_to(self.root).as_posix())
            return read(path, size_bytes)

        monkeypatch.setattr(decoding, "read_file", listening)

    @property
    def plan(self) -> CachePlan:
        return CachePlan(self.packs, self.root, self.ids, SIZE)

    def cache(self) -> ImageCache:
        progress = SilentProgress()
        cache = open_image_cache(self.plan, "x", broken="skip", progress=progress, workers=1)
        self.read.clear()
        return cache

    def today(self, wanted: StrArray) -> IntArray:
        return contents_today(self.plan, wanted, SilentProgress())


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(tmp_path, write_pictures(tmp_path / "data", 8), monkeypatch)


def test_a_pack_of_todays_files_answers_without_reading_them(place: Place) -> None:
    cache, wanted = place.cache(), place.ids[[5, 2, 5]]
    digests = place.today(wanted)
    assert place.read == [] and digests.tolist() == cache.digests[[5, 2, 5]].tolist()
    assert joint_digest(wanted, digests) == cache.contents_digest(wanted)


def test_without_a_pack_the_wanted_files_alone_are_read_and_nothing_is_written(place: Place) -> None:
    wanted = place.ids[[5, 2, 5]]
    digests = place.today(wanted)
    assert sorted(place.read) == sorted(set(wanted.tolist())) and not place.packs.exists()
    first = hashlib.sha256((place.root / str(wanted[0])).read_bytes()).digest()[:8]
    assert digests.astype("<i8").tobytes()[:8] == first
    assert joint_digest(wanted, digests) == place.cache().contents_digest(wanted)


def test_a_picture_that_was_replaced_under_its_name_and_time_is_seen(place: Place) -> None:
    before = place.cache().contents_digest(place.ids)
    path = place.root / str(place.ids[3])
    found = path.stat()
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert joint_digest(place.ids, place.today(place.ids)) != before
    assert (place.today(place.ids[:3]) == place.cache().digests[:3]).all()


def test_a_missing_file_and_an_empty_one_differ_from_all_others(place: Place) -> None:
    (place.root / str(place.ids[0])).unlink()
    (place.root / str(place.ids[1])).write_bytes(b"")
    read = place.today(place.ids)
    assert read[0] == -1 and len(np.unique(read)) == len(read)
    assert (place.cache().digests == read).all()


def test_files_that_only_got_another_time_have_the_same_contents(place: Place) -> None:
    cache = place.cache()
    os.utime(place.root / str(place.ids[0]), ns=(1, 1))
    assert place.today(place.ids[:2]).tolist() == cache.digests[:2].tolist()
    assert place.read == place.ids[:2].tolist()


def test_a_wanted_image_that_is_not_among_all_of_them_is_read(place: Place) -> None:
    place.cache()
    place_ids, place.ids = place.ids, place.ids[:4]
    assert place.today(place_ids[[6]])[0] != -1 and place.read == [place_ids[6]]

"""Pixels on disk: the right rows, whatever is asked for, and nothing that was not written."""

from __future__ import annotations

import errno
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from kaggle_face.data.cache import pixels as stored_pixels
from kaggle_face.data.cache.pixels import StoredPixels, checksum, take_rows
from kaggle_face.errors import DataError, DiskError
from kaggle_face.progress import SilentProgress

IMAGES, SIZE = 40, 6
WRITTEN = np.random.default_rng(4).integers(0, 256, (IMAGES, SIZE, SIZE, 3), np.uint8)
SUMS = np.array([checksum(image) for image in WRITTEN], np.uint32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    np.save(tmp_path / "images.npy", WRITTEN)
    return tmp_path / "images.npy"


@pytest.fixture(params=["at", "in turn"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of reading: with a place, and where the system has none, one after the other."""
    monkeypatch.setattr(stored_pixels, "_CAN_READ_AT", request.param == "at")
    return str(request.param)


@pytest.mark.parametrize(
    "key",
    [
        3,
        -1,
        slice(None),
        slice(5, 30, 7),
        slice(9, 2, -1),
        [7],
        [3, 4, 5, 0, 39, 38, 3],
        [],
        WRITTEN[:, 0, 0, 0] > 99,
    ],
)
def test_rows_are_chosen_as_from_an_array(path: Path, way: str, key: object) -> None:
    key = np.array(key, np.int64) if isinstance(key, list) else key
    stored = StoredPixels(path, SUMS)
    assert stored[key].shape == WRITTEN[key].shape and (stored[key] == WRITTEN[key]).all()


def test_it_looks_like_the_array_that_was_written(path: Path) -> None:
    stored = StoredPixels(path, SUMS)
    assert (stored.shape, stored.nbytes, len(stored)) == (WRITTEN.shape, WRITTEN.nbytes, IMAGES)
    assert (np.asarray(stored) == WRITTEN).all() and (stored == WRITTEN).all()
    assert np.asarray(stored, np.float32).dtype == np.float32
    again = pickle.loads(pickle.dumps(stored))
    assert (again == stored).all()
    target = np.empty((3, SIZE, SIZE, 3), np.uint8)
    for pixels in (stored, WRITTEN):
        take_rows(pixels, np.array([9, 1, 2]), target)
        assert (target == WRITTEN[[9, 1, 2]]).all()


def test_a_flipped_bit_is_told_when_its_row_is_first_read(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[128 + 17 * 3 * SIZE**2 + 50] ^= 4
    path.write_bytes(content)
    stored = StoredPixels(path, SUMS)
    assert (stored[:17] == WRITTEN[:17]).all()
    for key in (17, slice(None)):
        with pytest.raises(DataError, match=r"is damaged; delete it, .*row 17 holds other pixels"):
            stored[key]
    with pytest.raises(
        DataError, match=r"1 of 40 images holds other pixels than were written, first: row 17"
    ):
        stored.verify(SilentProgress())


def test_a_file_that_is_cut_while_it_is_open_is_told_and_ends_no_process(path: Path, way: str) -> None:
    stored = StoredPixels(path, SUMS)
    os.truncate(path, 128 + 10 * 3 * SIZE**2 + 3)
    assert (stored[:10] == WRITTEN[:10]).all()
    with pytest.raises(DataError, match=r"images\.npy: it was cut while it was read"):
        stored[10]
    with pytest.raises(DataError, match=r"images\.npy: it was cut while it was read"):
        stored.verify(SilentProgress())


def test_a_disk_that_fails_says_nothing_against_the_cache(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    stored = StoredPixels(path, SUMS)
    monkeypatch.setattr(os, "preadv", fail)
    with pytest.raises(
        DiskError, match=r"images\.npy cannot be read: the disk reports an error; check the disk"
    ):
        stored[0]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        pickle.dumps([1]),
        b"PK\x03\x04" + bytes(200),
        b"\x93NUMPY\x01\x00\x76\x00" + b"(" * 200,
        b"\x93NUMPY\x01\x00\xff\xff{'descr': '|O', 'fortran_order': False, 'shape': (40, 6, 6, 3), }\n",
    ],
)
def test_a_foreign_file_is_refused_in_one_line(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(
        DataError, match=r"is damaged; delete it, and it is made again \(images\.npy"
    ) as caught:
        StoredPixels(path, SUMS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "array", [WRITTEN[:-1], WRITTEN[:, :5], WRITTEN.astype(np.int8), np.asfortranarray(WRITTEN)]
)
def test_pixels_of_another_shape_or_kind_are_refused(path: Path, array: np.ndarray) -> None:
    np.save(path, array)
    with pytest.raises(DataError, match="is damaged; delete it"):
        StoredPixels(path, SUMS)

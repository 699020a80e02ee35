"""Finding or making an image cache, and what it says about pictures that cannot be read."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from kaggle_face.data.cache import decoding
from kaggle_face.data.cache import image_cache as pack_module
from kaggle_face.data.cache.decoding import BROKEN_GREY
from kaggle_face.data.cache.image_cache import (
    ImageCache,
    broken_images,
    find_image_cache,
    open_image_cache,
    verify_image_cache,
)
from kaggle_face.data.cache.search import CachePlan
from kaggle_face.errors import DataError, DiskError
from kaggle_face.pictures import decode_rgb
from kaggle_face.progress import SilentProgress
from kaggle_face.records import StrArray
from tests.support.images import write_pictures

SIZE = 16


class Listening(SilentProgress):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, line: str) -> None:
        self.warnings.append(line)


class Workplace:
    """A data root, a folder of image caches, and a count of the pictures that were decoded."""

    def __init__(self, folder: Path, ids: StrArray, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.packs, self.ids = folder / "data", folder / "packs", ids
        self.decoded = 0
        self.progress = Listening()
        decode = decoding.decode_rgb_into

        def counting(target: np.ndarray, data: bytes) -> None:
            self.decoded += 1
            decode(target, data)

        monkeypatch.setattr(decoding, "decode_rgb_into", counting)

    def open(self, **changes: object) -> ImageCache:
        where = {"folder": self.packs, "root": self.root, "image_ids": self.ids, "size_px": SIZE}
        how = {"name": "tiny", "broken": "error", "progress": self.progress, "workers": 1}
        plan = CachePlan(**(where | {key: changes[key] for key in where if key in changes}))  # type: ignore[arg-type]
        how |= {key: value for key, value in changes.items() if key not in where}
        return open_image_cache(plan, **how)  # type: ignore[arg-type]

    def path(self, row: int) -> Path:
        return self.root / str(self.ids[row])

    def folders(self) -> list[str]:
        return sorted(path.name for path in self.packs.iterdir())


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    return Workplace(tmp_path, write_pictures(tmp_path / "data", 10), monkeypatch)


def test_a_pack_holds_the_pixels_of_each_file(place: Workplace) -> None:
    cache = place.open()
    assert cache.valid.all() and (cache.image_ids == place.ids).all()
    for row in range(len(cache)):
        assert (cache.images[row] == decode_rgb(place.path(row).read_bytes(), SIZE)).all()


def test_processes_give_the_same_bytes(place: Workplace, tmp_path: Path) -> None:
    alone = place.open()
    shared = place.open(folder=tmp_path / "other", workers=2)
    assert (alone.folder / "images.npy").read_bytes() == (shared.folder / "images.npy").read_bytes()


def test_a_finished_pack_is_not_made_again(place: Workplace) -> None:
    place.open()
    place.open()
    assert place.decoded == len(place.ids)


def test_settings_of_another_name_share_the_pack(place: Workplace) -> None:
    first = place.open(name="one")
    second = place.open(name="two", image_ids=place.ids[::-1])
    assert first.folder == second.folder and place.decoded == len(place.ids)


def test_a_changed_file_makes_another_pack(place: Workplace) -> None:
    first = place.open()
    found = place.path(0).stat()
    place.path(0).write_bytes(place.path(1).read_bytes())
    os.utime(place.path(0), ns=(found.st_atime_ns, found.st_mtime_ns + 10**9))
    second = place.open()
    assert first.folder != second.folder
    assert (second.images[0] == second.images[1]).all()


def test_files_unpacked_again_are_known_by_their_contents(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = place.open()
    for path in sorted(place.root.rglob("*.jpg")):
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
        os.utime(path, ns=(1, 1))
    assert place.open(name="other").folder == first.folder
    read: list[str] = []
    monkeypatch.setattr(decoding, "digest_of_file", lambda path, _size: read.append(path))
    assert place.open().folder == first.folder  # and need not be read a second time
    assert (read, place.decoded) == ([], len(place.ids))


def test_a_pack_that_moved_with_its_files_is_taken_there(place: Workplace, tmp_path: Path) -> None:
    first = place.open()
    shutil.copytree(place.root, tmp_path / "input")
    shutil.move(place.packs, tmp_path / "working")
    found = place.open(root=tmp_path / "input", folder=tmp_path / "working")
    assert found.folder.name == first.folder.name and place.decoded == len(place.ids)


def test_a_pack_on_a_disk_that_is_only_read_is_taken_too(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    first = place.open()
    os.utime(place.path(0), ns=(1, 1))
    monkeypatch.setattr(Path, "touch", refuse)
    for _ in range(2):
        assert place.open().folder == first.folder
    assert place.decoded == len(place.ids)


def test_other_contents_of_the_same_size_and_time_are_never_taken_for_the_packed_ones(
    place: Workplace,
) -> None:
    first = place.open()
    path = place.path(0)
    found, content = path.stat(), bytearray(path.read_bytes())
    content[-10] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    second = place.open(broken="skip")
    assert first.folder != second.folder and place.decoded == 2 * len(place.ids)
    path.write_bytes(path.read_bytes())
    assert place.open(broken="skip").folder == second.folder  # of two packs the one with these contents


def test_files_that_cannot_be_read_now_are_not_compared(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.open()
    os.utime(place.path(0), ns=(1, 1))

    def fail(path: str, _size: int) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO), path)

    monkeypatch.setattr(decoding, "read_file", fail)
    with pytest.raises(DataError, match=r"could not be read now .*; start again to go on"):
        place.open()


def test_another_size_makes_another_pack(place: Workplace) -> None:
    assert place.open().folder != place.open(size_px=SIZE + 1).folder


def test_nothing_but_the_pack_is_left_in_the_folder(place: Workplace) -> None:
    cache = place.open()
    assert place.folders() == [cache.folder.name]
    assert sorted(path.name for path in cache.folder.iterdir()) == ["images.npy", "index.csv", "pack.json"]


def test_rows_are_found_by_id(place: Workplace) -> None:
    cache = place.open()
    assert cache.rows_of(place.ids[[7, 2, 2]]).tolist() == [7, 2, 2]
    assert cache.rows_of(place.ids[:0]).tolist() == []


def test_each_image_keeps_the_digest_of_its_file(place: Workplace) -> None:
    place.path(4).unlink()
    place.path(5).write_bytes(b"")
    cache = place.open(broken="skip")
    files = [place.path(row).read_bytes() for row in (0, 9, 5)]
    sums = [int.from_bytes(hashlib.sha256(data).digest()[:8], "little", signed=True) for data in files]
    assert cache.digests[[0, 9, 5, 4]].tolist() == [*sums, -1]  # -1: there is no such file


def test_the_digest_of_some_images_follows_their_names_contents_and_order(place: Workplace) -> None:
    ids = place.ids
    cache = place.open()
    known = hashlib.blake2b(digest_size=16)
    for row in (3, 1):
        known.update(
            str(ids[row]).encode() + b"\0" + hashlib.sha256(place.path(row).read_bytes()).digest()[:8]
        )
    assert cache.contents_digest(ids[[3, 1]]) == known.hexdigest() != cache.contents_digest(ids[[1, 3]])
    place.path(1).write_bytes(place.path(2).read_bytes())
    later = place.open()
    assert later.contents_digest(ids[[3, 1]]) != known.hexdigest()
    assert later.contents_digest(ids[[3, 2]]) == cache.contents_digest(ids[[3, 2]])
    with pytest.raises(DataError, match="1 of 2 images is not in the image cache, first: other"):
        cache.contents_digest(np.array([ids[0], "other"]))


def test_images_without_files_have_the_digests_of_their_pixels() -> None:
    images = np.zeros((3, 4, 4, 3), np.uint8)
    images[1] = 1
    cache = ImageCache(np.array(["a", "b", "c"]), images, np.ones(3, np.bool_), 4)
    assert cache.digests[0] == cache.digests[2] != cache.digests[1]


@pytest.mark.parametrize("text", ["", "0123456789abcde", "01" * 9, "0123456789abcdeg", "01234567 9abcdef"])
def test_an_index_with_a_digest_that_is_none_is_damaged(place: Workplace, text: str) -> None:
    path = place.open().folder / "index.csv"
    lines = path.read_text().splitlines()
    lines[3] = f"{lines[3].rpartition(',')[0]},{text}"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match="is damaged; delete it"):
        place.open()


@pytest.mark.parametrize("name", ["zzz.jpg", "aaa.jpg", "train/0/0000.jp"])
def test_an_id_that_is_not_packed_is_named(place: Workplace, name: str) -> None:
    with pytest.raises(DataError, match=f"^1 of 2 images is not in the image cache, first: {name}"):
        place.open().rows_of(np.array([place.ids[0], name]))


def test_broken_pictures_are_counted_and_the_first_is_named(place: Workplace) -> None:
    place.path(3).write_bytes(place.path(3).read_bytes()[:-20])
    place.path(5).write_bytes(b"")
    place.path(8).unlink()
    with pytest.raises(DataError) as error:
        place.open()
    assert str(error.value) == (
        f"3 of 10 images cannot be read, first: {place.ids[3]} (image file is truncated); "
        "fix or remove them, or set data.broken_images=skip"
    )


def test_broken_pictures_are_refused_again_without_decoding(place: Workplace) -> None:
    place.path(3).write_bytes(b"")
    for _ in range(2):
        with pytest.raises(DataError, match="1 of 10 images cannot be read"):
            place.open()
    assert place.decoded == len(place.ids)


def test_skipped_pictures_are_grey_and_not_valid_and_warned_of(place: Workplace) -> None:
    place.path(3).write_bytes(b"")
    cache = place.open(broken="skip")
    assert np.flatnonzero(~cache.valid).tolist() == [3]
    assert (cache.images[3] == BROKEN_GREY).all()
    assert place.progress.warnings == [
        f"1 of 10 images cannot be read, first: {place.ids[3]} (the file is empty); left out"
    ]
    assert broken_images(cache) == {str(place.ids[3]): "the file is empty"}


def test_a_mended_picture_is_seen(place: Workplace) -> None:
    place.path(3).write_bytes(b"")
    place.open(broken="skip")
    place.path(3).write_bytes(place.path(4).read_bytes())
    assert place.open().valid.all()


def test_pictures_none_of_which_can_be_read_are_refused_even_if_skipped(place: Workplace) -> None:
    for row in range(len(place.ids)):
        place.path(row).write_bytes(b"")
    with pytest.raises(DataError, match="10 of 10 images cannot be read"):
        place.open(broken="skip")


def test_no_pictures_are_an_error(place: Workplace) -> None:
    with pytest.raises(DataError, match="no images under"):
        place.open(image_ids=place.ids[:0])


@pytest.mark.parametrize("file", ["images.npy", "index.csv", "pack.json"])
@pytest.mark.parametrize("damage", ["cut", "gone", *(["a pipe"] if hasattr(os, "mkfifo") else [])])
def test_a_damaged_pack_says_what_to_do(place: Workplace, file: str, damage: str) -> None:
    path = place.open().folder / file
    path.write_bytes(path.read_bytes()[:50]) if damage == "cut" else path.unlink()
    if damage == "a pipe":  # it is not waited for
        os.mkfifo(path)
    with pytest.raises(DataError, match="is damaged; delete it, and it is made again"):
        place.open()


@pytest.mark.parametrize("file", ["images.npy", "index.csv", "pack.json"])
def test_a_bit_that_flips_anywhere_gives_the_same_contents_or_one_line(place: Workplace, file: str) -> None:
    def read() -> tuple[object, ...]:
        cache = place.open()
        return cache.folder, cache.images[:].tobytes(), cache.digests.tolist(), cache.image_ids.tolist()

    right = read()
    path = right[0] / file
    content = path.read_bytes()
    draw = np.random.default_rng(len(file))
    told = 0
    for bit in draw.choice(8 * min(len(content), 2_000), 150, replace=False).tolist():
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        try:
            assert read() == right
        except DataError as error:
            assert "is damaged; delete it, and it is made again" in str(error) and "\n" not in str(error)
            told += 1
    path.write_bytes(content)
    assert read() == right and told > 140


def test_want_of_memory_and_of_files_says_nothing_against_a_pack(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.open()
    for error in (MemoryError(), OSError(errno.ENOMEM, "Cannot allocate memory"), OSError(errno.EMFILE, "x")):

        def fail(*_: object, error: BaseException = error) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(pack_module, "StoredPixels", fail)
            with pytest.raises(DiskError, match=r"not enough memory|too many files") as caught:
                place.open()
        assert "delete" not in str(caught.value)
    assert place.open().valid.all()


def test_all_of_a_pack_is_verified_on_request(place: Workplace) -> None:
    path = place.open().folder / "images.npy"
    verify_image_cache(place.open(), SilentProgress())
    content = bytearray(path.read_bytes())
    for row in (3, 8):
        content[-3 * SIZE**2 * (len(place.ids) - row) + 9] ^= 128
    path.write_bytes(content)
    cache = place.open()
    with pytest.raises(DataError, match="2 of 10 images hold other pixels than were written, first: row 3"):
        verify_image_cache(cache, SilentProgress())
    found = find_image_cache(CachePlan(place.packs, place.root, place.ids, SIZE))
    assert found is not None and found.folder == cache.folder
    os.utime(place.path(0), ns=(1, 1))
    assert find_image_cache(CachePlan(place.packs, place.root, place.ids, SIZE)) is None


def test_odd_names_come_back_from_the_index(place: Workplace) -> None:
    names = ["a, b.jpg", 'quoted "x".jpg', "ä/ü.jpg", "NA", "1.0", "line\nbreak.jpg", "carriage\rreturn.jpg"]
    for name in names:
        path = place.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(place.path(0).read_bytes())
    assert place.open(image_ids=np.array(names)).image_ids.tolist() == sorted(names)

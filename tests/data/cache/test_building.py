"""Building an image cache: kills, full disks, and several processes at once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import namedtuple
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kaggle_face.artifacts.files.locking import wait_for_lock
from kaggle_face.artifacts.seals import sealed
from kaggle_face.data.cache import building as packing
from kaggle_face.data.cache import decoding
from kaggle_face.data.cache.decoding import Chunk, decode_chunks
from kaggle_face.data.cache.image_cache import ImageCache, open_image_cache
from kaggle_face.data.cache.search import CachePlan
from kaggle_face.errors import DataError
from kaggle_face.progress import Counter, Progress, SilentProgress
from kaggle_face.records import StrArray
from tests.support.images import write_pictures

SIZE = 16
PICTURES, CHUNK = 22, 4

KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from kaggle_face.data.cache import building as packing
from kaggle_face.data.cache.image_cache import open_image_cache
from kaggle_face.data.cache.search import CachePlan
from kaggle_face.progress import SilentProgress

write = packing._Record._write
def write_and_die(self, rows, outcome):
    write(self, rows, outcome)
    if rows == 3 * 4:
        os.kill(os.getpid(), signal.SIGKILL)

packing._Record._write = write_and_die
packing._CHUNK_IMAGES = 4
root = Path(sys.argv[1])
ids = np.array(sorted(str(path.relative_to(root)) for path in root.rglob("*.jpg")))
packs, progress = Path(sys.argv[2]), SilentProgress()
plan = CachePlan(packs, root, ids, 16)
open_image_cache(plan, "tiny", broken="error", progress=progress, workers=1)
"""


@pytest.fixture
def ids(tmp_path: Path) -> StrArray:
    return write_pictures(tmp_path / "data", PICTURES)


@pytest.fixture
def count_decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with every decoded picture."""
    calls: list[int] = []
    decode = decoding.decode_rgb_into

    def counting(target: np.ndarray, data: bytes) -> None:
        calls.append(1)
        decode(target, data)

    monkeypatch.setattr(decoding, "decode_rgb_into", counting)
    return calls


def make(
    tmp_path: Path, ids: StrArray, packs: str = "packs", progress: Progress | None = None, workers: int = 1
) -> ImageCache:
    progress = progress or SilentProgress()
    return open_image_cache(
        CachePlan(tmp_path / packs, tmp_path / "data", ids, SIZE),
        "tiny",
        broken="error",
        progress=progress,
        workers=workers,
    )


def kill_a_build(tmp_path: Path) -> Path:
    """Builds in a process that is killed as its third chunk is recorded; returns the unfinished folder."""
    words = [sys.executable, "-c", KILLED, str(tmp_path / "data"), str(tmp_path / "packs")]
    assert subprocess.run(words, timeout=600, check=False).returncode == -signal.SIGKILL
    (part,) = (tmp_path / "packs").glob("*.part")
    return part


def test_a_killed_build_leaves_no_pack(tmp_path: Path, ids: StrArray) -> None:
    part = kill_a_build(tmp_path)
    assert not part.with_suffix("").exists()
    assert not (part / "pack.json").exists()


def test_a_killed_build_goes_on_after_its_last_finished_chunk(
    tmp_path: Path, ids: StrArray, count_decoded: list[int]
) -> None:
    kill_a_build(tmp_path)
    cache = make(tmp_path, ids)
    assert len(count_decoded) == PICTURES - 3 * CHUNK
    whole = make(tmp_path, ids, "other")
    assert (cache.folder / "images.npy").read_bytes() == (whole.folder / "images.npy").read_bytes()
    for name in ("index.csv", "pack.json"):
        assert (cache.folder / name).read_bytes() == (whole.folder / name).read_bytes()


def test_a_record_that_the_kill_cut_off_in_a_line_is_read_up_to_that_line(
    tmp_path: Path, ids: StrArray, count_decoded: list[int]
) -> None:
    record = kill_a_build(tmp_path) / "record.jsonl"
    record.write_bytes(record.read_bytes() + b'{"rows": 16, "bro')
    cache = make(tmp_path, ids)
    assert len(count_decoded) == PICTURES - 3 * CHUNK
    assert (cache.images == make(tmp_path, ids, "other").images).all()


def test_a_record_that_the_disk_changed_is_decoded_again_from_there(
    tmp_path: Path, ids: StrArray, count_decoded: list[int]
) -> None:
    record = kill_a_build(tmp_path) / "record.jsonl"
    first, second, third = record.read_bytes().splitlines(keepends=True)
    changed = second.replace(b'"digests": [', b'"digests": [1')
    assert changed != second
    record.write_bytes(first + changed + third)
    cache = make(tmp_path, ids)
    assert len(count_decoded) == PICTURES - CHUNK
    assert cache.digests.tolist() == make(tmp_path, ids, "other").digests.tolist()


def test_a_record_without_one_of_its_lines_is_read_up_to_the_gap(tmp_path: Path) -> None:
    lines = [
        json.dumps(sealed({"rows": rows, "broken": {}, "digests": [1, 2], "checksums": [3, 4]})) + "\n"
        for rows in (2, 4, 6)
    ]
    path = tmp_path / "record.jsonl"
    path.write_text(lines[0] + lines[2])
    done = packing._read_record(path)
    assert done is not None and (done.rows, done.digests) == (2, [1, 2])
    assert path.read_text() == lines[0]


def test_pixels_of_a_killed_build_that_were_cut_are_made_again(
    tmp_path: Path, ids: StrArray, count_decoded: list[int]
) -> None:
    pixels = kill_a_build(tmp_path) / "images.npy"
    os.truncate(pixels, pixels.stat().st_size - 1)
    assert make(tmp_path, ids).valid.all() and len(count_decoded) == PICTURES


def test_a_build_killed_before_its_first_chunk_begins_anew(
    tmp_path: Path, ids: StrArray, count_decoded: list[int]
) -> None:
    part = kill_a_build(tmp_path)
    (part / "record.jsonl").unlink()
    (part / "images.npy").write_bytes(b"half a header")
    assert make(tmp_path, ids).valid.all()
    assert len(count_decoded) == PICTURES


def test_broken_pictures_of_finished_chunks_are_remembered(tmp_path: Path, ids: StrArray) -> None:
    (tmp_path / "data" / str(ids[1])).write_bytes(b"")
    kill_a_build(tmp_path)
    with pytest.raises(DataError, match=f"1 of {PICTURES} images cannot be read, first: {ids[1]}"):
        make(tmp_path, ids)


def test_unfinished_work_on_other_files_is_not_taken_over(
    tmp_path: Path, ids: StrArray, count_decoded: list[int]
) -> None:
    kill_a_build(tmp_path)
    make(tmp_path, ids[:-1])
    assert len(count_decoded) == PICTURES - 1


def test_unfinished_work_that_nothing_goes_on_with_is_removed(tmp_path: Path, ids: StrArray) -> None:
    part = kill_a_build(tmp_path)
    make(tmp_path, ids[:-1])
    assert not part.exists()
    assert len(list((tmp_path / "packs").iterdir())) == 1


def test_unfinished_work_of_a_living_process_is_left_alone(tmp_path: Path, ids: StrArray) -> None:
    part = kill_a_build(tmp_path)
    with wait_for_lock(part.with_name(f".{part.stem}.lock"), lambda: None):
        make(tmp_path, ids[:-1])
    assert part.is_dir()


@pytest.mark.parametrize("other", ["tiny-8px-0123456789ab.part", "second-16px-0123456789ab.part"])
def test_unfinished_work_of_another_size_or_name_is_left_alone(
    tmp_path: Path, ids: StrArray, other: str
) -> None:
    (tmp_path / "packs" / other).mkdir(parents=True)
    make(tmp_path, ids)
    assert (tmp_path / "packs" / other).is_dir()


def test_a_disk_with_too_little_room_is_refused_before_decoding(
    tmp_path: Path, ids: StrArray, count_decoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10**12, 10**12 - 10**7, 10**7))
    with pytest.raises(DataError, match=r"the image cache needs 0.1 GB in .*packs, 0.0 GB are free"):
        make(tmp_path, ids)
    assert count_decoded == []


def test_a_disk_that_fills_up_is_one_line_and_the_work_is_kept(
    tmp_path: Path, ids: StrArray, count_decoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    decode = decoding.decode_chunk
    monkeypatch.setattr(packing, "_CHUNK_IMAGES", CHUNK)

    def fill(chunk: Chunk) -> decoding.Outcome:
        if chunk.first_row >= 2 * CHUNK:
            raise OSError(28, "No space left on device")
        return decode(chunk)

    monkeypatch.setattr(decoding, "decode_chunk", fill)
    with pytest.raises(DataError, match=r"the disk of .*packs is full; free some room"):
        make(tmp_path, ids)
    monkeypatch.setattr(decoding, "decode_chunk", decode)
    make(tmp_path, ids)
    assert len(count_decoded) == PICTURES


def test_a_chunk_that_did_not_reach_the_disk_is_decoded_again(
    tmp_path: Path, ids: StrArray, count_decoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[int] = []

    def fail_once(descriptor: int) -> None:
        flushed.append(descriptor)
        if len(flushed) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(packing, "_CHUNK_IMAGES", CHUNK)
    monkeypatch.setattr(os, "fsync", fail_once)
    with pytest.raises(DataError, match=r"the disk of .*packs is full; free some room"):
        make(tmp_path, ids)
    decoded = len(count_decoded)
    make(tmp_path, ids)
    assert len(count_decoded) == decoded + PICTURES - CHUNK  # the first chunk alone was on the disk


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")
def test_pixels_of_which_the_disk_takes_a_part_are_not_taken_for_written(tmp_path: Path) -> None:
    import resource

    image = Image.new("RGB", (8, 8), (200, 100, 50))
    image.save(tmp_path / "a.png")
    size = (tmp_path / "a.png").stat().st_size
    chunk = Chunk(str(tmp_path), ("a.png",), (size,), 0, SIZE, str(tmp_path / "pixels"), 0)
    (tmp_path / "pixels").touch()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            decoding.decode_chunk(chunk)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(decoding.decode_chunk(chunk).checksums) == 1
    assert (tmp_path / "pixels").stat().st_size == 3 * SIZE**2


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path, ids: StrArray) -> None:
    (tmp_path / "packs").write_text("a file where the folder should be")
    with pytest.raises(DataError, match=r"packs: .*exists; choose another folder with paths.cache"):
        make(tmp_path, ids)


def test_a_second_process_waits_and_takes_the_first_ones_pack(
    tmp_path: Path, ids: StrArray, count_decoded: list[int]
) -> None:
    second_waits = threading.Event()
    lines: list[str] = []

    class First(SilentProgress):
        @contextmanager
        def track(
            self, label: str, total: int, unit: str, done: int = 0, later: float = 0.0
        ) -> Iterator[Counter]:
            second.start()
            assert second_waits.wait(timeout=600)
            yield super().track(label, total, unit).__enter__()

    class Second(SilentProgress):
        def log(self, line: str) -> None:
            lines.append(line)
            second_waits.set()

    packs: list[ImageCache] = []
    second = threading.Thread(target=lambda: packs.append(make(tmp_path, ids, progress=Second())))
    packs.append(make(tmp_path, ids, progress=First()))
    second.join(timeout=600)
    assert packs[0].folder == packs[1].folder and len(count_decoded) == PICTURES
    assert len(lines) == 1 and lines[0].startswith("another process is making")


def test_the_work_that_dying_processes_left_is_done_here(
    tmp_path: Path, ids: StrArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    from concurrent.futures.process import BrokenProcessPool

    def die(chunks: object, workers: int) -> Iterator[decoding.Decoded]:
        first = next(iter(tuple(chunks)))
        yield first, decoding.decode_chunk(first)
        raise BrokenProcessPool

    monkeypatch.setattr(packing, "_CHUNK_IMAGES", CHUNK)
    monkeypatch.setattr(decoding, "_decode_in_processes", die)
    cache = make(tmp_path, ids, workers=2)
    assert (cache.images == make(tmp_path, ids, "other").images).all()


@pytest.mark.parametrize("limit", ["_CHUNK_IMAGES", "_CHUNK_BYTES", "_CHUNK_FILE_BYTES"])
def test_each_limit_cuts_chunks_that_cover_every_row_once(
    tmp_path: Path, ids: StrArray, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    small = {"_CHUNK_IMAGES": 5, "_CHUNK_BYTES": 5 * 3 * SIZE**2, "_CHUNK_FILE_BYTES": 2000}[limit]
    monkeypatch.setattr(packing, limit, small)
    seen: list[tuple[int, int]] = []

    def watch(chunks: list[Chunk], workers: int, progress: Progress) -> Iterator[decoding.Decoded]:
        seen.extend((chunk.first_row, chunk.first_row + len(chunk.names)) for chunk in chunks)
        return decode_chunks(chunks, workers, progress)

    monkeypatch.setattr(packing, "decode_chunks", watch)
    make(tmp_path, ids)
    assert len(seen) > 2
    assert [row for start, stop in seen for row in range(start, stop)] == list(range(PICTURES))


def test_the_file_of_a_pack_says_how_it_was_made(tmp_path: Path, ids: StrArray) -> None:
    info = json.loads((make(tmp_path, ids).folder / "pack.json").read_text())
    digests = info.pop("names"), info.pop("contents")
    assert len(set(digests)) == 2 and all(len(digest) == 12 for digest in digests)
    sums = info.pop("index"), info.pop("seal")
    assert len(set(sums)) == 2 and all(len(digest) == 16 for digest in sums)
    assert info == {"format": packing.FORMAT, "size_px": SIZE, "images": PICTURES, "broken": {}}

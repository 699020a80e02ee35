"""Building an image cache: chunks of images are decoded in parallel and recorded in order.

Work goes on in `<folder>.part`. A chunk's pixels are on disk before the chunk is recorded, and the folder
gets its name when all are there: a kill costs the chunks in flight, and half a cache is never taken for a
whole one. What was begun for files that have changed since is removed when the next cache is begun.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from kaggle_face.artifacts.files.atomic import write_json
from kaggle_face.artifacts.files.disk import disk_error, state_of
from kaggle_face.artifacts.files.hashing import short_digest
from kaggle_face.artifacts.files.locking import lock_if_free, wait_for_lock
from kaggle_face.artifacts.files.renaming import patiently
from kaggle_face.artifacts.seals import sealed, unsealed
from kaggle_face.artifacts.tables import to_hex, write_table
from kaggle_face.data.cache.decoding import Chunk, Outcome, choose_workers, decode_chunks
from kaggle_face.data.cache.pixels import StoredPixels
from kaggle_face.data.cache.sources import Sources
from kaggle_face.errors import DataError, KaggleFaceError
from kaggle_face.progress import Progress
from kaggle_face.records import IntArray, StrArray

FORMAT = 4
"""Raised whenever the same files would give other pixels, or the files of an image cache change."""

PIXELS_FILE, INDEX_FILE, INFO_FILE = "images.npy", "index.csv", "pack.json"

_RECORD_FILE = "record.jsonl"
_CHUNK_BYTES = 8 * 2**20
_CHUNK_FILE_BYTES = 32 * 2**20
_CHUNK_IMAGES = 512
_CHUNKS_UNWRITTEN = 4
_SPARE_BYTES = 64 * 2**20  # left free on the disk beside the pixels, for the index


def build_image_cache(folder: Path, sources: Sources, size_px: int, progress: Progress, workers: int) -> None:
    """Decodes all sources into a new image cache at `folder`, or goes on where a killed process stopped.

    Where another process is building the same cache, its end is awaited.

    Raises:
        DataError: The disk has too little room, or the folder cannot be written to.
    """
    try:
        with wait_for_lock(
            _lock_of(folder), lambda: progress.log(f"another process is making {folder}; waiting for it")
        ):
            if not folder.exists():
                _remove_abandoned(folder)
                _Building(folder, sources, size_px).run(progress, workers)
    except KaggleFaceError:
        raise
    except (OSError, MemoryError) as error:
        state = state_of(error)
        if isinstance(error, OSError) and (state is None or error.errno == errno.EEXIST):
            what = f"{error.filename or folder}: {error.strerror or error}"
            raise DataError(f"{what}; choose another folder with paths.cache") from error
        raise DataError(str(disk_error(state or MemoryError(), folder))) from error


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.lock")


def _remove_abandoned(folder: Path) -> None:
    """Removes unfinished caches that differ from `folder` in their digest alone and are not being built.

    Their files have changed since, so nothing would go on with them.
    """
    beginning = folder.name.rpartition("-")[0]
    for part in folder.parent.glob("*.part"):
        other = part.with_suffix("")
        if other != folder and other.name.rpartition("-")[0] == beginning:
            with lock_if_free(_lock_of(other)) as is_free:
                if is_free:
                    shutil.rmtree(part, ignore_errors=True)


@dataclass(frozen=True)
class _Done:
    """The record: finished rows, why some cannot be read, digests of files, checksums of pixels."""

    rows: int
    broken: dict[str, str]
    digests: list[int]
    checksums: list[int]


class _Building:
    def __init__(self, folder: Path, sources: Sources, size_px: int) -> None:
        self._folder, self._sources, self._size_px = folder, sources, size_px
        self._part = folder.with_name(f"{folder.name}.part")
        self._image_bytes = 3 * size_px**2

    def run(self, progress: Progress, workers: int) -> None:
        done = _read_record(self._part / _RECORD_FILE) if self._has_room_for_all() else None
        self._require_room(len(self._sources) - (done.rows if done else 0))
        if done is None:
            self._part.mkdir(exist_ok=True)
            shape = (len(self._sources), self._size_px, self._size_px, 3)
            path = self._part / PIXELS_FILE
            np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape).flush()
            (self._part / _RECORD_FILE).write_bytes(b"")
            done = _Done(0, {}, [], [])
        if done.rows < len(self._sources):
            done = self._decode(done, progress, workers)
        self._finish(done)

    def _has_room_for_all(self) -> bool:
        """Whether the file of pixels was made whole; what is in it, the checksums show when it is read."""
        try:
            StoredPixels(self._part / PIXELS_FILE, np.zeros(len(self._sources), np.uint32))
        except DataError:
            return False
        return True

    def _require_room(self, num_images: int) -> None:
        needed = num_images * self._image_bytes + _SPARE_BYTES
        free = shutil.disk_usage(self._folder.parent).free
        if free < needed:
            packs = self._folder.parent
            raise DataError(
                f"the image cache needs {needed / 1e9:.1f} GB in {packs}, {free / 1e9:.1f} GB are free; "
                "make room or choose another folder with paths.cache"
            )

    def _decode(self, done: _Done, progress: Progress, workers: int) -> _Done:
        rows, broken = done.rows, dict(done.broken)
        digests, checksums = list(done.digests), list(done.checksums)
        count = choose_workers(workers, self._sources, rows)
        decoded = decode_chunks(self._chunks(rows), count, progress)
        with (
            _Record(self._part) as record,
            progress.track("building the image cache", len(self._sources), "images", rows) as counter,
        ):
            for chunk, outcome in decoded:
                rows = chunk.first_row + len(chunk.names)
                broken |= outcome.broken
                digests += outcome.digests
                checksums += outcome.checksums
                record.add(rows, outcome)
                counter.advance(len(chunk.names), f"{len(broken)} broken" if broken else "")
        return _Done(rows, broken, digests, checksums)

    def _chunks(self, first_row: int) -> list[Chunk]:
        offset_bytes = np.load(self._part / PIXELS_FILE, mmap_mode="r").offset
        borders = [first_row, *self._chunk_ends(first_row)]
        return [
            Chunk(
                root=str(self._sources.root),
                names=tuple(self._sources.image_ids[start:stop].tolist()),
                sizes_bytes=tuple(self._sources.sizes_bytes[start:stop].tolist()),
                first_row=start,
                size_px=self._size_px,
                pixels_path=str(self._part / PIXELS_FILE),
                pixels_offset=offset_bytes + start * self._image_bytes,
            )
            for start, stop in pairwise(borders)
        ]

    def _chunk_ends(self, first_row: int) -> Iterator[int]:
        """Bounds a chunk's images, its pixels and its files, so that memory is bounded too."""
        longest = max(1, min(_CHUNK_IMAGES, _CHUNK_BYTES // self._image_bytes))
        images = file_bytes = 0
        for row, size_bytes in enumerate(self._sources.sizes_bytes[first_row:].tolist(), first_row):
            images, file_bytes = images + 1, file_bytes + size_bytes
            if images == longest or file_bytes > _CHUNK_FILE_BYTES or row + 1 == len(self._sources):
                yield row + 1
                images = file_bytes = 0

    def _finish(self, done: _Done) -> None:
        ids = self._sources.image_ids
        valid = [int(name not in done.broken) for name in ids.tolist()]
        columns: dict[str, IntArray | StrArray | list[Any]] = {
            "image_id": ids,
            "valid": valid,
            "digest": to_hex(np.array(done.digests, np.int64)),
            "pixels": to_hex(np.array(done.checksums, np.uint32)),
        }
        write_table(self._part / INDEX_FILE, columns)
        info = {
            "format": FORMAT,
            "size_px": self._size_px,
            "images": len(ids),
            "names": self._sources.names_digest(),
            "contents": self._sources.contents_digest(done.digests),
            "broken": done.broken,
            "index": short_digest((self._part / INDEX_FILE).read_bytes()),
        }
        write_json(self._part / INFO_FILE, sealed(info))
        patiently(lambda: self._part.rename(self._folder))
        (self._folder / _RECORD_FILE).unlink()


class _Record:
    """The file that records how far the cache is, one line a chunk, written when its pixels are on disk.

    A thread waits for the disk while decoding goes on; where the disk does not keep up, decoding waits.
    """

    def __init__(self, part: Path) -> None:
        self._part = part
        self._has_failed = False
        self._waiting: deque[Future[None]] = deque()

    def __enter__(self) -> _Record:
        self._pixels = os.open(self._part / PIXELS_FILE, os.O_RDWR)
        self._lines = (self._part / _RECORD_FILE).open("ab")
        self._thread = ThreadPoolExecutor(1)
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        self._thread.shutdown()  # what is decoded is recorded, whatever ended the decoding
        self._lines.close()
        os.close(self._pixels)
        if kind is None:
            self._raise_failures(0)

    def add(self, rows: int, outcome: Outcome) -> None:
        self._waiting.append(self._thread.submit(self._write, rows, outcome))
        self._raise_failures(_CHUNKS_UNWRITTEN)

    def _raise_failures(self, may_wait: int) -> None:
        while len(self._waiting) > may_wait:
            self._waiting.popleft().result()

    def _write(self, rows: int, outcome: Outcome) -> None:
        if self._has_failed:
            return  # a line means that all pixels before it are on disk
        self._has_failed = True
        os.fsync(self._pixels)
        line = json.dumps(sealed({"rows": rows, **outcome._asdict()}), ensure_ascii=False)
        self._lines.write(line.encode() + b"\n")
        self._lines.flush()
        self._has_failed = False


def _read_record(path: Path) -> _Done | None:
    """The finished part of a cache; None where nothing was begun. Rows cut off or changed are removed."""
    if not path.is_file():
        return None
    lines: list[dict[str, Any]] = []
    length = rows = 0
    content = path.read_bytes()
    for line in content.splitlines(keepends=True):
        try:
            found = unsealed(line.decode() if line.endswith(b"\n") else "")
            rows += len(found["digests"])
            if rows != found["rows"]:
                raise ValueError("a line before it is gone")
            lines.append(found)
        except ValueError:
            break
        length += len(line)
    if length < len(content):
        os.truncate(path, length)
    broken = {name: reason for line in lines for name, reason in line["broken"].items()}
    digests = [digest for line in lines for digest in line["digests"]]
    checksums = [checksum for line in lines for checksum in line["checksums"]]
    return _Done(lines[-1]["rows"] if lines else 0, broken, digests, checksums)

"""Decoding chunks of images into a file of pixels, in this process or in several.

Processes, not threads: Pillow frees the interpreter lock while it decodes, but opening a small JPEG holds it
for a quarter of the time, and four threads were no faster than two.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from multiprocessing import get_context, parent_process
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kaggle_face.data.cache.pixels import checksum
from kaggle_face.data.cache.sources import PROBLEMS, Sources
from kaggle_face.errors import DataError
from kaggle_face.hardware import available_cpus
from kaggle_face.pictures import UnreadableImageError, decode_rgb_into, read_file
from kaggle_face.progress import Progress
from kaggle_face.records import IntArray

BROKEN_GREY = 128
"""The value of every pixel of an image that cannot be read."""

_BYTES_A_SECOND = 25e6  # of small JPEGs, decoded by one core
_FEWEST_SECONDS = 2.0  # less work than this is done before other processes have started
_BLOCK_BYTES = 2**20  # stays in the CPU's cache between decoding and writing
_CHUNKS_AHEAD = 4  # per process
_FILES_AT_ONCE = 512


@dataclass(frozen=True)
class Chunk:
    """Images with consecutive rows, and the place of their pixels in a file."""

    root: str
    names: tuple[str, ...]
    sizes_bytes: tuple[int, ...]
    first_row: int
    size_px: int
    pixels_path: str
    pixels_offset: int


class Outcome(NamedTuple):
    """Why some images of a chunk cannot be read, by name; digests of files and checksums of pixels."""

    broken: dict[str, str]
    digests: list[int]
    checksums: list[int]


Decoded = tuple[Chunk, Outcome]
"""A chunk whose pixels are written, and what was found out about it."""


def choose_workers(workers: int, sources: Sources, first_row: int) -> int:
    """The number of processes for the sources from `first_row` on; 1 means this one alone."""
    if workers >= 0:
        return max(1, workers)
    seconds = float(np.maximum(sources.sizes_bytes[first_row:], 0).sum()) / _BYTES_A_SECOND
    return available_cpus() if seconds > _FEWEST_SECONDS else 1


def decode_chunks(chunks: Iterable[Chunk], workers: int, progress: Progress) -> Iterator[Decoded]:
    """Decodes chunks and yields each when its pixels are in the file, in order."""
    left = deque(chunks)
    if workers > 1:
        try:
            for decoded in _decode_in_processes(left, workers):
                left.popleft()
                yield decoded
        except BrokenProcessPool:
            progress.warn("the decoding processes ended early; going on in this process")
    for chunk in left:
        yield chunk, decode_chunk(chunk)


def _decode_in_processes(chunks: Iterable[Chunk], workers: int) -> Iterator[Decoded]:
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _prepare_process)
    waiting = iter(tuple(chunks))
    running: deque[tuple[Chunk, Future[Outcome]]] = deque()
    try:
        while True:
            for chunk in islice(waiting, workers * _CHUNKS_AHEAD - len(running)):
                running.append((chunk, pool.submit(decode_chunk, chunk)))
            if not running:
                return
            chunk, future = running.popleft()
            yield chunk, future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _prepare_process() -> None:
    """Leaves Ctrl-C to the parent, and ends when the parent was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is None:
        return

    def end_with_parent() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()


def decode_chunk(chunk: Chunk) -> Outcome:
    """Writes the pixels of a chunk to their place.

    Raises:
        DataError: The disk failed to give a file that is there; the image may be whole.
    """
    image_bytes = 3 * chunk.size_px**2
    length = min(len(chunk.names), max(1, _BLOCK_BYTES // image_bytes))
    pixels = np.empty((length, chunk.size_px, chunk.size_px, 3), np.uint8)
    outcome = Outcome({}, [], [])
    with open(chunk.pixels_path, "r+b", buffering=0) as stream:  # noqa: PTH123
        stream.seek(chunk.pixels_offset)
        for start in range(0, len(chunk.names), length):
            names = chunk.names[start : start + length]
            _decode_block(chunk, slice(start, start + length), pixels, outcome)
            rest = pixels[: len(names)].reshape(-1).data
            while len(rest):  # an unbuffered file takes a part without an error where the disk becomes full
                rest = rest[stream.write(rest) or 0 :]
    return outcome


def digest_of_file(path: str, size_bytes: int) -> int:
    """Eight bytes of the SHA-256 of a file's contents as a number; the size where it is one of `PROBLEMS`.

    Raises:
        DataError: The file cannot be read now.
    """
    return _digest(_read(path, size_bytes), size_bytes)


def digests_of_files(sources: Sources, label: str, progress: Progress) -> IntArray:
    """The digest of each file's contents (N).

    Raises:
        DataError: A file cannot be read now.
    """
    digests = np.empty(len(sources), np.int64)
    files = zip(sources.image_ids.tolist(), sources.sizes_bytes.tolist(), strict=True)
    with progress.track(label, len(sources), "images") as counter:
        for row, (name, size_bytes) in enumerate(files):
            digests[row] = digest_of_file(f"{sources.root}/{name}", size_bytes)
            if (row + 1) % _FILES_AT_ONCE == 0:
                counter.advance(_FILES_AT_ONCE)
        counter.advance(len(sources) % _FILES_AT_ONCE)
    return digests


def digests_of_pixels(images: npt.NDArray[np.uint8]) -> IntArray:
    """Digests of the pixels (N, S, S, 3) of images without files."""
    return np.array([_digest(np.ascontiguousarray(image).data, 0) for image in images], np.int64)


def _digest(data: bytes | memoryview, size_bytes: int) -> int:
    return size_bytes if size_bytes < 0 else int.from_bytes(sha256(data).digest()[:8], "little", signed=True)


def _decode_block(chunk: Chunk, rows: slice, pixels: npt.NDArray[np.uint8], outcome: Outcome) -> None:
    names, sizes = chunk.names[rows], chunk.sizes_bytes[rows]
    # All files are read before the first is decoded: taking turns made the decoder 15 % slower.
    contents = [_read(f"{chunk.root}/{name}", size) for name, size in zip(names, sizes, strict=True)]
    outcome.digests.extend(map(_digest, contents, sizes))
    for row, data in enumerate(contents):
        try:
            decode_rgb_into(pixels[row], data)
        except UnreadableImageError as error:
            pixels[row] = BROKEN_GREY
            outcome.broken[names[row]] = PROBLEMS.get(sizes[row], error.reason)
        outcome.checksums.append(checksum(pixels[row]))


def _read(path: str, size_bytes: int) -> bytes:
    if size_bytes < 0:
        return b""
    try:
        return read_file(path, size_bytes)
    except OSError as error:
        raise DataError(f"{path} could not be read now ({error.strerror}); start again to go on") from error

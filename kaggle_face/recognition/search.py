"""The nearest people to a face, by exact cosine over all of them.

Each person is one prototype, the mean of the normalised embeddings of all their images, made of length 1. (Of
311 people of LFW with five images each, dlib's embeddings name 99.2 % rightly so, and 98.8 % by the nearest
image.) The prototypes lie in a cache beside the gallery, a memory-mapped copy of what the database holds. The
state of the database names the copy, so an old one is never read, and deleting the cache loses nothing.

Letters: P people, Q queries, D embedding size, K neighbours, B people of a block.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from kaggle_face.artifacts.files.atomic import replacing_folder, write_array, write_json
from kaggle_face.artifacts.files.hashing import crc_of_file
from kaggle_face.artifacts.files.private import make_private_folder
from kaggle_face.artifacts.files.reading import read_array
from kaggle_face.artifacts.seals import sealed, unsealed
from kaggle_face.errors import RunError
from kaggle_face.metrics.similarity import add_by_group, normalize_in_place, normalized
from kaggle_face.recognition.gallery.copies import cache_folder, remove_copies
from kaggle_face.recognition.gallery.model_card import ModelCard
from kaggle_face.recognition.gallery.people import Gallery
from kaggle_face.recognition.gallery.tables import Snapshot

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]

MOST_PEOPLE_EXACT = 1_000_000
"""Above, an approximate index answers, unless exact search is requested."""
_BLOCK_BYTES = 2**24  # a block and its scores stay in the cache of a core
_ATTEMPTS = 5
_SUMS_FILE = "sums.json"
_STRANGERS = 512  # enrolled people who stand for unknown people when false alarms are counted


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The K most similar people of each query: numbers (Q, K) and scores (Q, K), best first."""

    numbers: Int64
    scores: Float32


@dataclass(frozen=True, eq=False)
class Prototypes:
    """A prototype (P, D) of length 1 for each person (P,), and the best impostor scores of some of them.

    `state` is the gallery's that they are of, and `model` the network that made its embeddings.
    """

    numbers: Int64
    vectors: Float32
    impostor_scores: Float32
    state: str
    model: ModelCard

    def __len__(self) -> int:
        return len(self.numbers)

    def false_alarm_rate(self, threshold: float) -> float | None:
        """The share of unknown people that would be accepted, were they like the enrolled; None for too few.

        Each of up to 512 enrolled people is taken for an unknown person and searched among all the others.
        """
        if len(self) < 2:
            return None
        return float(np.mean(self.impostor_scores >= threshold))


class Index(Protocol):
    """Whatever finds the rows of the most similar prototypes."""

    def search(self, queries: Float32, k: int) -> tuple[Float32, Int64]:
        """Scores (Q, K) and rows (Q, K), best first, of queries (Q, D) of length 1."""


class ExactIndex:
    """A matrix product, block by block."""

    def __init__(self, vectors: Float32) -> None:
        self._vectors = vectors
        self._rows_at_once = max(1, _BLOCK_BYTES // max(1, 4 * vectors.shape[1]))

    def search(self, queries: Float32, k: int) -> tuple[Float32, Int64]:
        """Scores (Q, K) and rows (Q, K), best first, of queries (Q, D) of length 1."""
        k = min(k, len(self._vectors))
        best_scores = np.empty((len(queries), 0), np.float32)
        best_rows = np.empty((len(queries), 0), np.int64)
        for start in range(0, len(self._vectors), self._rows_at_once):
            block_BD = self._vectors[start : start + self._rows_at_once]
            scores, rows = _largest(queries @ block_BD.T, k)
            best_scores = np.concatenate([best_scores, scores], axis=1)
            best_rows = np.concatenate([best_rows, rows + start], axis=1)
            best_scores, places = _largest(best_scores, k)
            best_rows = np.take_along_axis(best_rows, places, axis=1)
        return np.clip(best_scores, -1.0, 1.0), best_rows


def _largest(scores: Float32, k: int) -> tuple[Float32, Int64]:
    """The k largest of each row (Q, B), in descending order, and their columns."""
    k = min(k, scores.shape[1])
    if k < scores.shape[1]:
        columns = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        columns.sort(axis=1)
    else:
        columns = np.broadcast_to(np.arange(k), scores.shape)
    found = np.take_along_axis(scores, columns, axis=1)
    order = np.argsort(-found, axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1), np.take_along_axis(columns, order, axis=1)


def search_people(prototypes: Prototypes, index: Index, queries: Float32, k: int) -> Neighbours:
    """The k most similar people of each query (Q, D)."""
    scores, rows = index.search(normalized(queries), k)
    return Neighbours(prototypes.numbers[rows], scores)


def open_index(prototypes: Prototypes, exact: bool = False) -> Index:
    """The index for a number of people: exact up to a million, approximate above.

    Raises:
        MissingExtraError: There are more than a million people and faiss is not installed.
    """
    if exact or len(prototypes) <= MOST_PEOPLE_EXACT:
        return ExactIndex(prototypes.vectors)
    from kaggle_face.recognition.faiss_index import FaissIndex

    return FaissIndex(prototypes.vectors)


def read_prototypes(gallery: Gallery) -> Prototypes:
    """The prototypes of everyone, from the cache where it is of the gallery's state, else made now.

    Raises:
        GalleryError: Nobody is enrolled.
    """
    for _ in range(_ATTEMPTS - 1):
        with suppress(OSError, RunError):  # another process replaced or removed the copy at this very moment
            return _read_once(gallery)
    return _read_once(gallery)


def _read_once(gallery: Gallery) -> Prototypes:
    with gallery.snapshot() as moment:
        folder = cache_folder(gallery.path) / moment.state
        if not _is_whole(folder, moment):
            remove_copies(gallery.path, but=folder.name)
            _write_cache(folder, moment)
    vectors, numbers, impostor_scores = _read_copy(folder, moment)
    if gallery.state() != moment.state:  # who was removed meanwhile is in no copy
        remove_copies(gallery.path)
    return Prototypes(np.array(numbers), vectors, np.array(impostor_scores), moment.state, moment.model)


def _is_whole(folder: Path, moment: Snapshot) -> bool:
    try:
        if unsealed((folder / _SUMS_FILE).read_text(encoding="utf-8")) != _sums_of(folder):
            return False
        _read_copy(folder, moment)
    except (RunError, OSError, ValueError):  # missing or damaged
        return False
    return True


def _read_copy(folder: Path, moment: Snapshot) -> tuple[Float32, Int64, Float32]:
    """Everyone's prototypes, their numbers, and the scores of unknown people, as memory maps."""
    shape = (moment.num_people, moment.model.embedding_size)
    return (
        read_array(folder / "vectors.npy", shape, "f"),
        read_array(folder / "numbers.npy", shape[:1], "i"),
        read_array(folder / "impostor_scores.npy", (None,), "f"),
    )


def _write_cache(folder: Path, moment: Snapshot) -> None:
    make_private_folder(folder.parent)
    with suppress(OSError):  # a folder of another owner
        folder.parent.chmod(0o700)  # earlier versions let everybody read it
    shape = (moment.num_people, moment.model.embedding_size)
    with replacing_folder(folder) as new:
        numbers, impostor_scores = _write_vectors(new / "vectors.npy", shape, moment)
        write_array(new / "numbers.npy", numbers)
        write_array(new / "impostor_scores.npy", impostor_scores)
        write_json(new / _SUMS_FILE, sealed(_sums_of(new)))


def _write_vectors(path: Path, shape: tuple[int, int], moment: Snapshot) -> tuple[Int64, Float32]:
    """Writes everyone's prototype; the people's numbers (P,) and impostor scores.

    The memory map ends with this function: Windows renames no folder in which a file is mapped.
    """
    vectors = np.lib.format.open_memmap(path, "w+", np.float32, shape)
    numbers = _fill(vectors, moment)
    vectors.flush()
    return numbers, _impostor_scores(vectors)


def _sums_of(folder: Path) -> dict[str, int]:
    """The CRC-32 of each file of numbers."""
    return {
        name: crc_of_file(folder / name) for name in ("numbers.npy", "impostor_scores.npy", "vectors.npy")
    }


def _fill(vectors: Float32, moment: Snapshot) -> Int64:
    """Writes everyone's prototype; the people's numbers (P,)."""
    numbers: list[int] = []
    current = -1
    for people, embeddings in moment.blocks:
        is_next = np.diff(people, prepend=current) != 0  # a block may begin amid a person's images
        add_by_group(vectors, normalized(embeddings), len(numbers) - 1 + np.cumsum(is_next))
        numbers += people[is_next].tolist()
        current = int(people[-1])
    assert len(numbers) == len(vectors), "a person without an image"
    normalize_in_place(vectors)
    return np.asarray(numbers, np.int64)


def _impostor_scores(vectors: Float32) -> Float32:
    """The best impostor scores (at most 512,) of evenly chosen people."""
    chosen = np.unique(np.linspace(0, len(vectors) - 1, min(_STRANGERS, len(vectors))).astype(np.int64))
    if len(vectors) < 2:
        return np.empty(0, np.float32)
    scores, rows = ExactIndex(vectors).search(np.array(vectors[chosen]), 2)
    is_own = rows[:, 0] == chosen
    return np.where(is_own, scores[:, 1], scores[:, 0]).astype(np.float32)

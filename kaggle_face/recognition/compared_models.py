"""Models that are measured side by side: how each embeds the faces of a folder and compares embeddings.

Letters: N images, Q probes, G people of a gallery, D embedding size.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from kaggle_face.artifacts.record_io import read_embeddings, write_embeddings
from kaggle_face.artifacts.seals import digest_of, has_seal, read_seal
from kaggle_face.competitions.files.listing import PictureLister
from kaggle_face.errors import DataError, InputError, part_of
from kaggle_face.metrics.similarity import mean_directions, normalized
from kaggle_face.progress import Progress
from kaggle_face.recognition.detection.pictures import Crop, PictureReader
from kaggle_face.recognition.embedder import Embedder
from kaggle_face.records import Embeddings, StrArray

Float32 = npt.NDArray[np.float32]

_CROPS_AT_ONCE = 256


class ComparedModel(Protocol):
    """Whatever embeds crops and compares embeddings."""

    @property
    def name(self) -> str:
        """The name in the table."""

    @property
    def fingerprint(self) -> str:
        """Distinguishes it from others of its name; also the name of a folder."""

    def embed(self, crops: Sequence[Crop], progress: Progress) -> Float32:
        """Embeddings (N, D)."""

    def similarity(self, probes: Float32, known: Float32) -> Float32:
        """Scores (Q, G), higher = more alike."""

    def template(self, images: Float32) -> Float32:
        """One embedding (D,) for a person's images (n, D)."""


class RunModel:
    """A trained run, compared as the gallery does it."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.name = embedder.card.run
        self.fingerprint = embedder.card.fingerprint

    def embed(self, crops: Sequence[Crop], progress: Progress) -> Float32:
        """Embeddings (N, D) of length 1."""
        found = []
        with progress.track(self.name, len(crops), "faces") as counter:
            for start in range(0, len(crops), _CROPS_AT_ONCE):
                found.append(self._embedder.embed(crops[start : start + _CROPS_AT_ONCE]))
                counter.advance(len(found[-1]))
        return np.concatenate(found)

    def similarity(self, probes: Float32, known: Float32) -> Float32:
        """Cosines (Q, G)."""
        scores: Float32 = normalized(probes) @ normalized(known).T
        return scores

    def template(self, images: Float32) -> Float32:
        """The mean direction (D,) of embeddings."""
        template: Float32 = mean_directions(normalized(images), np.zeros(len(images), np.int64), 1)[0]
        return template


@dataclass(frozen=True, eq=False)
class FaceSet:
    """Images (N): the person, the crop, and the picture's name below the folder."""

    people: StrArray
    crops: Sequence[Crop]
    image_ids: StrArray

    def __post_init__(self) -> None:
        assert len(self.people) == len(self.crops) == len(self.image_ids)

    @property
    def num_mated(self) -> int:
        """The number of people with two images or more."""
        counts = np.unique(self.people, return_counts=True)[1]
        return int((counts > 1).sum())


@dataclass(frozen=True, eq=False)
class EmbeddedSet:
    """A model's embeddings (N, D) of a face set, and the milliseconds of an image; NaN if they were kept."""

    model: ComparedModel
    vectors: Float32
    milliseconds: float


def read_face_set(root: Path, reader: PictureReader, progress: Progress) -> FaceSet:
    """All faces of a folder of `<name>/<picture>` that can be read; a warning for each of the others.

    Raises:
        InputError: There is no such folder.
        DataError: It holds no folders with pictures, or none of them can be used.
    """
    if not root.is_dir():
        raise InputError(f"there is no folder {root} of <name>/<picture>")
    lister = PictureLister(root)
    files = [name for names in lister.of_classes("", may_be_empty=True).values() for name in names]
    for note in lister.notes():
        progress.warn(note)
    if not files:
        raise DataError(f"{root} holds no folders with pictures")
    crops, ids = [], []
    with progress.track("reading", len(files), "pictures") as counter:
        for file in files:
            try:
                crops.append(reader.read(root / file, str(root / file)).crop)
                ids.append(file)
            except DataError as error:
                progress.warn(f"left out: {error}")
            counter.advance()
    if not ids:
        advice = "give cropped faces" if reader.detector is None else "if they are cropped faces: --aligned"
        raise DataError(f"no picture of {root} could be used; {advice}")
    if len(ids) < len(files):
        left_out = len(files) - len(ids)
        progress.warn(part_of(left_out, len(files), "picture", "were left out, for every model"))
    return FaceSet(np.array([name.partition("/")[0] for name in ids]), crops, np.array(ids))


def embed_set(model: ComparedModel, faces: FaceSet, keep: Path | None, progress: Progress) -> EmbeddedSet:
    """A model's embeddings of all images, or those that were kept of the same pictures.

    Args:
        model: The model.
        faces: The images.
        keep: The folder of embeddings for the next time; None keeps none.
        progress: Counts the faces.
    """
    folder = None if keep is None else keep / model.fingerprint
    pictures = digest_of(*(crop.tobytes() for crop in faces.crops), *faces.image_ids.tolist())
    if folder is not None and has_seal(folder) and read_seal(folder).made_of.get("pictures") == pictures:
        kept = read_embeddings(folder).aligned_to(faces.image_ids)
        return EmbeddedSet(model, np.array(kept.vectors), math.nan)
    start = time.perf_counter()
    vectors = model.embed(faces.crops, progress)
    seconds = time.perf_counter() - start
    if folder is not None:
        write_embeddings(folder, Embeddings(faces.image_ids, vectors), {"pictures": pictures})
    return EmbeddedSet(model, vectors, 1000 * seconds / max(1, len(faces.crops)))

"""Systems that are measured side by side: how each embeds crops and compares what it embedded.

Letters: N images, Q probes, G people of a gallery, D embedding size.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from kaggle_face.metrics.similarity import normalized
from kaggle_face.progress import Progress
from kaggle_face.recognition.detection.pictures import Crop
from kaggle_face.recognition.embedder import Embedder
from kaggle_face.records import StrArray

Float32 = npt.NDArray[np.float32]

_CROPS_AT_ONCE = 256


class System(Protocol):
    """Whatever embeds crops and compares embeddings."""

    @property
    def name(self) -> str:
        """What it is called in the table."""

    @property
    def fingerprint(self) -> str:
        """What tells it from others of its name; a folder may be called so."""

    def embed(self, crops: Sequence[Crop], progress: Progress) -> Float32:
        """Embeddings (N, D)."""

    def similarity(self, probes: Float32, known: Float32) -> Float32:
        """Scores (Q, G), higher = more alike."""

    def template(self, images: Float32) -> Float32:
        """One embedding (D,) for a person's images (n, D)."""


class RunSystem:
    """A trained run, compared as the gallery does it."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.name = embedder.card.run
        self.fingerprint = embedder.card.fingerprint

    def embed(self, crops: Sequence[Crop], progress: Progress) -> Float32:
        """Embeddings (N, D) of length 1."""
        found = []
        with progress.count(self.name, len(crops), "faces") as counter:
            for start in range(0, len(crops), _CROPS_AT_ONCE):
                found.append(self._embedder.embed(crops[start : start + _CROPS_AT_ONCE]))
                counter.advance(len(found[-1]))
        return np.concatenate(found)

    def similarity(self, probes: Float32, known: Float32) -> Float32:
        """Cosines (Q, G)."""
        scores: Float32 = normalized(probes) @ normalized(known).T
        return scores

    def template(self, images: Float32) -> Float32:
        """The mean of normalised embeddings, of length 1."""
        direction: Float32 = normalized(normalized(images).mean(axis=0, keepdims=True))[0]
        return direction


@dataclass(frozen=True, eq=False)
class FaceSet:
    """Images (N): whom each shows, and its crop."""

    people: StrArray
    crops: Sequence[Crop]

    def __post_init__(self) -> None:
        assert len(self.people) == len(self.crops)


@dataclass(frozen=True, eq=False)
class Embedded:
    """A system's embeddings (N, D) of a face set, and what an image took in milliseconds."""

    system: System
    vectors: Float32
    milliseconds: float


def embed_set(system: System, faces: FaceSet, progress: Progress) -> Embedded:
    """A system's embeddings of all images."""
    start = time.perf_counter()
    vectors = system.embed(faces.crops, progress)
    seconds = time.perf_counter() - start
    return Embedded(system, vectors, 1000 * seconds / max(1, len(faces.crops)))

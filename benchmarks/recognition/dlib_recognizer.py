"""dlib's face recogniser, which many would pick today, measured beside one's own; only this file has dlib.

Its ResNet was trained to keep images of one person within a Euclidean distance of 0.6; the network and the
landmark predictor come inside the package `face-recognition-models`.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib import metadata
from typing import Any

import numpy as np
import numpy.typing as npt

from kaggle_face.errors import MissingExtraError
from kaggle_face.progress import Progress
from kaggle_face.recognition.detection.alignment import TEMPLATE_PX
from kaggle_face.recognition.detection.pictures import Crop, resized

_NETWORK, _LANDMARKS = "dlib_face_recognition_resnet_model_v1.dat", "shape_predictor_5_face_landmarks.dat"
_FACE_BOX = (16, 24, 96, 104)  # where dlib's own detector would see the face in a crop of 112 pixels
_CROPS_AT_ONCE = 64

_model: Any = None


class DlibRecognizer:
    """Embeddings by dlib's recogniser, computed by several processes.

    Raises:
        MissingExtraError: dlib or its models are not installed.
    """

    name = fingerprint = "dlib"

    def __init__(self, num_processes: int | None = None) -> None:
        try:
            import dlib  # noqa: F401

            self._files = _model_files()
        except (ImportError, metadata.PackageNotFoundError, KeyError):
            raise MissingExtraError("dlib-bin", "compare") from None
        self._num_processes = num_processes or os.cpu_count() or 1

    def embed(self, crops: Sequence[Crop], progress: Progress) -> npt.NDArray[np.float32]:
        """Descriptors (N, 128) of aligned crops, RGB."""
        blocks = [crops[start : start + _CROPS_AT_ONCE] for start in range(0, len(crops), _CROPS_AT_ONCE)]
        found = []
        with (
            progress.track("dlib", len(crops), "faces") as counter,
            ProcessPoolExecutor(
                self._num_processes,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_open_model,
                initargs=(self._files,),
            ) as pool,
        ):
            for block in pool.map(_describe, blocks):
                found.append(block)
                counter.advance(len(block))
        return np.concatenate(found) if found else np.empty((0, 128), np.float32)

    def similarity(
        self, probes: npt.NDArray[np.float32], known: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """Minus the Euclidean distances (Q, G), as dlib's users compare faces."""
        squares = (probes**2).sum(axis=1)[:, None] + (known**2).sum(axis=1) - 2 * probes @ known.T
        scores: npt.NDArray[np.float32] = -np.sqrt(np.maximum(squares, 0.0))
        return scores

    def template(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The mean (D,) of a person's descriptors (n, D)."""
        mean: npt.NDArray[np.float32] = images.mean(axis=0)
        return mean


def _model_files() -> dict[str, str]:
    files = {file.name: str(file.locate()) for file in metadata.files("face-recognition-models") or []}
    return {name: files[name] for name in (_NETWORK, _LANDMARKS)}


def _open_model(files: dict[str, str]) -> None:
    """Opens the networks once in each process."""
    import dlib

    global _model
    _model = (dlib.face_recognition_model_v1(files[_NETWORK]), dlib.shape_predictor(files[_LANDMARKS]))


def _describe(crops: Sequence[Crop]) -> npt.NDArray[np.float32]:
    import dlib

    network, landmarks = _model
    box = dlib.rectangle(*_FACE_BOX)
    rows = []
    for crop in crops:
        picture = np.ascontiguousarray(resized(crop, TEMPLATE_PX))
        rows.append(np.array(network.compute_face_descriptor(picture, landmarks(picture, box), 0)))
    return np.asarray(rows, np.float32)

"""An exported ONNX file as a function from pictures to embeddings, computed by onnxruntime without torch."""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kaggle_face.errors import ConfigError, MissingExtraError, RunError
from kaggle_face.hardware import available_cpus
from kaggle_face.inference.network_input import Pictures, picture_batches, size_without_search
from kaggle_face.inference.onnx_file import EMBEDDINGS, INPUT, LOGITS, read_onnx
from kaggle_face.metrics.similarity import normalized

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Float32 = npt.NDArray[np.float32]


class OnnxEmbedder:
    """A file that `export` wrote, on the CPU.

    Attributes:
        path: The file.
        description: Its networks, classes and thresholds.
        embedding_size: D; 0 where the file gives only logits.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        """Reads and checks the file.

        Raises:
            RunError: It is missing, damaged, not a file of `export`, or of another version.
            MissingExtraError: onnxruntime is not installed.
        """
        self.path = Path(path)
        data, self.description = read_onnx(self.path)
        self.embedding_size = self.description.embedding_size
        self._session = open_session(data, str(self.path))
        inputs = [(each.name, each.type, list(each.shape)[1:]) for each in self._session.get_inputs()]
        outputs = {each.name: list(each.shape)[1:] for each in self._session.get_outputs()}
        expected = {EMBEDDINGS: self.description.embedding_size, LOGITS: len(self.description.classes)}
        widths = {name: [width] for name, width in expected.items() if width}
        square = [self.description.image_size, self.description.image_size, 3]
        if inputs != [(INPUT, "tensor(uint8)", square)] or outputs != widths:
            raise RunError(f"{self.path} does not hold the graph that it describes; export the run again")

    @property
    def image_size(self) -> int:
        """The side in pixels to which every picture is stretched."""
        return self.description.image_size

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes of the logits; empty where the file gives only embeddings."""
        return self.description.classes

    def __repr__(self) -> str:
        gives = f"{self.embedding_size} numbers" if self.embedding_size else f"{len(self.class_names)} logits"
        return f"OnnxEmbedder({self.path}, {self.description.precision}, {self.image_size} px -> {gives})"

    def embed(self, images: Pictures) -> Float32:
        """Embeddings (N, D) of length 1; pictures are taken as `Embedder.embed` takes them.

        Raises:
            DataError: A file is missing or not a picture, or an array has another shape or type.
            RunError: The file gives only logits.
        """
        if not self.embedding_size:
            raise RunError(f"{self.path} gives logits alone; export the run with --outputs embeddings")
        return normalized(self._computed(EMBEDDINGS, self.embedding_size, images))

    def logits(self, images: Pictures) -> Float32:
        """Logits (N, C) of the classes; -inf for a class that was never trained.

        Raises:
            DataError: As `embed`.
            RunError: The file gives only embeddings.
        """
        if not self.class_names:
            raise RunError(f"{self.path} gives embeddings alone; export the run with --outputs logits")
        return self._computed(LOGITS, len(self.class_names), images)

    def _computed(self, output: str, width: int, images: Pictures) -> Float32:
        batch_size = size_without_search("auto", self.image_size)
        found = [
            run_session(self._session, batch_BHW3, (output,), str(self.path))[0]
            for batch_BHW3 in picture_batches(images, self.image_size, batch_size)
        ]
        return np.concatenate([np.empty((0, width), np.float32), *found])


def open_session(data: bytes, name: str) -> InferenceSession:
    """A session for the bytes of an ONNX file, with as many threads as this process may use.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        RunError: onnxruntime refuses the graph.
    """
    try:
        import onnxruntime
    except ImportError:
        raise MissingExtraError("onnxruntime", "onnx") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = session_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors, which are raised too
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads would burn a core
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the library raises classes of its own
        raise RunError(f"{name} cannot be loaded by onnxruntime: {_first_words(error)}") from error


def run_session(
    session: InferenceSession, images_BHW3: npt.NDArray[np.uint8], outputs: tuple[str, ...], name: str
) -> list[Float32]:
    """The named outputs for a batch of uint8 images.

    Raises:
        RunError: onnxruntime cannot compute them.
    """
    try:
        found: list[Any] = session.run(list(outputs), {INPUT: np.ascontiguousarray(images_BHW3)})
    except Exception as error:  # as above
        raise RunError(f"{name} cannot be computed by onnxruntime: {_first_words(error)}") from error
    return [np.asarray(each, np.float32) for each in found]


def session_threads() -> int:
    """The CPUs that this process may use, or as many as OMP_NUM_THREADS where it is fewer, as for torch."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    limit = int(wanted) if wanted.isascii() and wanted.isdecimal() and 0 < int(wanted) < 10_000 else None
    return min(available_cpus(), limit or available_cpus())


def require_cpu(device: str) -> None:
    """Checks the device that is named for an ONNX file.

    Raises:
        ConfigError: It is not the CPU.
    """
    if device not in ("auto", "cpu"):
        raise ConfigError(f"an ONNX file is computed on the CPU here, got device '{device}'; leave it out")


def _first_words(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:200]

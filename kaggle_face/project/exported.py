"""ONNX files that an export wrote."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import pandas as pd

from kaggle_face.arguments import checked_methods
from kaggle_face.errors import RunError
from kaggle_face.inference.onnx_file import Precision
from kaggle_face.project.frames import as_html, frame_of

if TYPE_CHECKING:
    from kaggle_face.artifacts.runs import RunFolder
    from kaggle_face.config import LoadedConfig
    from kaggle_face.inference.onnx_embedder import OnnxEmbedder
    from kaggle_face.pipeline.export.results import ExportResult
    from kaggle_face.progress import Progress


@runtime_checkable
class Exportable(Protocol):
    """A run or a blend of a project."""

    def part_to_export(self) -> tuple[RunFolder, bool]:
        """The folder of the run, and whether its blend is exported."""

    def call(self) -> AbstractContextManager[tuple[LoadedConfig, Progress]]:
        """The frame of a call of its project, with the project's settings."""


@checked_methods
class Export:
    """Files that `export` wrote, each compared with torch.

    Attributes:
        result: The pipeline's record of them.
    """

    def __init__(self, result: ExportResult) -> None:
        self.result = result

    @property
    def path(self) -> Path:
        """The folder, with `model-card.md` beside the files."""
        return self.result.folder

    @property
    def files(self) -> dict[str, Path]:
        """The file of each precision."""
        return self.result.files

    @property
    def table(self) -> pd.DataFrame:
        """A row for torch and each file: size, images a second, largest differences from torch, EER."""
        return frame_of(self.result.table)

    def embedder(self, precision: Precision = "fp32") -> OnnxEmbedder:
        """A file, ready to embed images with.

        Raises:
            RunError: It was not written.
        """
        from kaggle_face.inference.onnx_embedder import OnnxEmbedder

        if precision not in self.files:
            raise RunError(f"there is no {precision} file; there are: {', '.join(self.files)}")
        return OnnxEmbedder(self.files[precision])

    def __repr__(self) -> str:
        return f"export in {self.path}: {', '.join(self.files)}"

    def _repr_html_(self) -> str:
        return as_html(repr(self), self.table)

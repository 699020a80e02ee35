"""Trained networks as ONNX files, from Python: the call that writes them, and the files."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import pandas as pd

from kaggle_face.arguments import checked, checked_methods
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.errors import RunError
from kaggle_face.inference.onnx_file import Format, Outputs, Precision
from kaggle_face.notebook_progress import usual_progress
from kaggle_face.progress import Progress
from kaggle_face.project.frames import as_html, frame_of

if TYPE_CHECKING:
    from kaggle_face.config import LoadedConfig
    from kaggle_face.inference.onnx_embedder import OnnxEmbedder
    from kaggle_face.pipeline.export.results import ExportOptions, ExportResult


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


@checked
def export(
    source: Exportable | str | Path,
    folder: str | Path | None = None,
    outputs: Outputs = "embeddings",
    precisions: Sequence[Precision] | None = None,
    fold: int | None = None,
    checkpoint: str | None = None,
    flip: bool | None = None,
    crops: bool | None = None,
    format: Format = "onnx",  # noqa: A002 # the word of the option
    progress: Progress | None = None,
) -> Export:
    """Writes a run's checkpoint, or a blend as one graph, as ONNX files from uint8 images on.

    Each file is compared with torch on 500 images, and refused above a cosine distance of 1e-4 (half
    precision 1e-3); INT8 is calibrated on training images, and its loss in EER is measured on held-out ones.

    Args:
        source: A `Run`, a `Blend`, or the folder of a run or of a fold, or `<run>/ensemble` for its blend.
        folder: Where the files go; None: `exports/<config>/<run>-fold<k>-<checkpoint>`.
        outputs: `embeddings` of length 1, `logits` of the head, or `both`.
        precisions: Of `fp32`, `fp16` and `int8`; None: all, int8 where training images are at hand.
        fold: Fold of a run; None: the first that is finished.
        checkpoint: None: the best for verification, or for logits alone the best for classification.
        flip: Whether embeddings are averaged over mirror images; None: as prediction does.
        crops: Whether they are averaged over moved crops; None: as prediction does.
        format: `onnx`.
        progress: What long work reports to; None as for `open_project`.

    Raises:
        RunError: The run was not trained, or its blend cannot be one graph; one line names the reason.
        InputError: A graph does not compute what torch computes, or the folder holds other files.
        MissingExtraError: onnx or onnxruntime is not installed.

    >>> from kaggle_face.errors import RunError
    >>> try:
    ...     export("runs/nobody")
    ... except RunError as error:
    ...     print(error)
    runs/nobody holds no trained run; name the folder of a run, a fold or a blend
    """
    from kaggle_face.extras import require_extra
    from kaggle_face.pipeline.export.naming import folder_of

    require_extra("onnx")
    if isinstance(source, str | Path):
        run, fold, is_blend = folder_of(Path(source), fold, blend=False)
    else:
        run, is_blend = source.part_to_export()
    from kaggle_face.pipeline.export.results import ExportOptions

    target = None if folder is None else Path(folder)
    options = ExportOptions(fold, checkpoint, is_blend, outputs, precisions, flip, crops, target, format)
    return _written(source, run, options, progress)


def _written(
    source: Exportable | str | Path, run: RunFolder, options: ExportOptions, progress: Progress | None
) -> Export:
    from kaggle_face.pipeline.export.stage import export_network

    if not isinstance(source, str | Path):
        with source.call() as (loaded, shown):
            shown = progress or shown
            return _told(export_network(loaded.config.paths, run, options, shown), shown)
    from kaggle_face.config.schema import PathsConfig

    shown = progress or usual_progress()
    return _told(export_network(PathsConfig(), run, options, shown), shown)


def _told(result: ExportResult, progress: Progress) -> Export:
    for note in result.notes:
        progress.warn(note)
    return Export(result)

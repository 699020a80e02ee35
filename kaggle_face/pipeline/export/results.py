"""Options and results of an export."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from kaggle_face.artifacts.checkpoint_names import CHECKPOINTS
from kaggle_face.errors import InputError
from kaggle_face.exporting.graph import OUTPUTS
from kaggle_face.inference.onnx_file import (
    PRECISIONS,
    Format,
    OutputName,
    Outputs,
    Precision,
)

PARITY_IMAGES = 500


@dataclass(frozen=True)
class ExportOptions:
    """Options of an export.

    Attributes:
        fold: The fold of a run; None: the first that is finished.
        checkpoint: None: the best one for verification where embeddings are wanted, else for classification.
        blend: Whether the blend that the run holds is meant.
        outputs: What the graph gives.
        precisions: The files; None: fp32 and fp16, and int8 where training images are at hand.
        flip: Whether mirror images are averaged; None: as prediction does.
        crops: Whether moved crops are averaged; None: as prediction does.
        folder: Where the files go; None: `exports/<config>/<run>-fold<k>-<checkpoint>`.
        format: `onnx`.
        parity_images: How many images each file is compared with torch on.
    """

    fold: int | None = None
    checkpoint: str | None = None
    blend: bool = False
    outputs: Outputs = "embeddings"
    precisions: Sequence[Precision] | None = None
    flip: bool | None = None
    crops: bool | None = None
    folder: Path | None = None
    format: Format = "onnx"
    parity_images: int = PARITY_IMAGES

    def __post_init__(self) -> None:
        if self.format not in get_args(Format):
            raise InputError(f"a format is onnx, got '{self.format}'")
        if self.outputs not in get_args(Outputs):
            raise InputError(f"outputs are one of {', '.join(get_args(Outputs))}, got '{self.outputs}'")
        wrong = [each for each in self.precisions or () if each not in PRECISIONS]
        if wrong:
            raise InputError(f"a precision is one of {', '.join(PRECISIONS)}, got '{wrong[0]}'")
        if self.precisions is not None and not self.precisions:
            raise InputError(f"an export needs a precision: {', '.join(PRECISIONS)}")
        if self.checkpoint is not None and self.checkpoint not in CHECKPOINTS:
            raise InputError(f"a checkpoint is one of {', '.join(CHECKPOINTS)}, got '{self.checkpoint}'")
        if self.blend and (self.fold is not None or self.checkpoint is not None):
            raise InputError("a blend has its own folds and checkpoints; leave --fold and --checkpoint out")

    @property
    def output_names(self) -> tuple[OutputName, ...]:
        """The outputs of the graph, in their order."""
        return tuple(name for name in OUTPUTS if self.outputs in (name, "both"))


@dataclass(frozen=True)
class ExportedFile:
    """A row of the table: a file, or torch itself for comparison.

    Attributes:
        name: `torch` or the precision.
        path: None for torch.
        megabytes: Size of the file; of the weights for torch.
        images_per_second: On this machine's CPU.
        cosine_distance: The largest from torch's embeddings; None for torch and without embeddings.
        probability_difference: The largest of a class from torch's; None for torch and without logits.
        eer: Equal error rate on trials that were held out; None without any.
        eer_loss: How much higher it is than torch's.
    """

    name: str
    path: Path | None
    megabytes: float
    images_per_second: float
    cosine_distance: float | None = None
    probability_difference: float | None = None
    eer: float | None = None
    eer_loss: float | None = None


@dataclass(frozen=True)
class ExportResult:
    """The result of `export_network`.

    Attributes:
        folder: Where it lies.
        card: The model card.
        table: A row for torch and for each file.
        num_images: How many images the files were compared with torch on, and `kind` what they show.
        num_trials: How many held-out trials the equal error rates are of; 0: none.
        num_calibration: How many training images int8 was calibrated on.
        notes: What was left out, and why.
    """

    folder: Path
    card: Path
    table: tuple[ExportedFile, ...]
    num_images: int
    kind: str
    num_trials: int
    num_calibration: int
    notes: tuple[str, ...]

    @property
    def files(self) -> dict[str, Path]:
        """The file of each precision."""
        return {row.name: row.path for row in self.table if row.path is not None}

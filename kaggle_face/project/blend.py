"""A blend of members: the one prediction that CSVs are written from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from kaggle_face.arguments import checked_methods
from kaggle_face.inference.onnx_file import Outputs, Precision
from kaggle_face.project.frames import as_html, frame_of

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from kaggle_face.artifacts.runs import RunFolder
    from kaggle_face.config import LoadedConfig
    from kaggle_face.pipeline.ensemble import BlendResult
    from kaggle_face.progress import Progress
    from kaggle_face.project.exporting import Export
    from kaggle_face.project.run import Run


@checked_methods
class Blend:
    """A blend that `Project.ensemble` wrote, with what is known of it.

    Attributes:
        run: The run whose folder holds it.
        result: The pipeline's record of it.
    """

    def __init__(self, run: Run, result: BlendResult) -> None:
        self.run, self.result = run, result

    @property
    def path(self) -> Path:
        """The folder with the blended records."""
        return self.run.folder.ensemble_folder

    @property
    def score(self) -> float | None:
        """The competition's score out of fold, higher = better; None where a metric of it is not known."""
        return self.result.score

    @property
    def members(self) -> pd.DataFrame:
        """The members of each task with their folds and weights, which sum to 1."""
        return frame_of(self.result.members)

    @property
    def candidates(self) -> pd.DataFrame:
        """Single members and blends with their held-out metrics, the nested gain and its 95 % interval."""
        return frame_of(self.result.table, without=("weights",))

    @property
    def steps(self) -> pd.DataFrame:
        """The steps of post-processing that were tried, with their gains; off unless one helps."""
        return frame_of(self.result.steps)

    def export(
        self,
        folder: str | Path | None = None,
        outputs: Outputs = "embeddings",
        precisions: Sequence[Precision] | None = None,
    ) -> Export:
        """Writes the blend as one graph, in ONNX files that need no torch; see `export`."""
        from kaggle_face.project.exporting import export

        return export(self, folder, outputs, precisions)

    def part_to_export(self) -> tuple[RunFolder, bool]:
        """The folder of the run that holds the blend, and True: a blend; for `export`."""
        return self.run.folder, True

    def call(self) -> AbstractContextManager[tuple[LoadedConfig, Progress]]:
        """The frame of a call of the project, with its settings; see `Project.call`."""
        return self.run.call()

    def __repr__(self) -> str:
        tasks = ", ".join(f"{each.task}: {each.chosen or 'mean'}" for each in self.result.tasks)
        score = "" if self.score is None else f", out-of-fold score {self.score:.4f}"
        return f"blend in {self.run.name} ({tasks}){score}"

    def _repr_html_(self) -> str:
        return as_html(repr(self), self.members)

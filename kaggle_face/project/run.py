"""A trained run, and a checkpoint of it as a member of blends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, overload, runtime_checkable

import pandas as pd

from kaggle_face.arguments import checked, checked_methods
from kaggle_face.artifacts.files.reading import reading
from kaggle_face.artifacts.runs import FoldFolder, RunFolder
from kaggle_face.config.schema import CheckpointName
from kaggle_face.errors import RunError
from kaggle_face.evaluation.members import default_checkpoint, imported_checkpoint
from kaggle_face.inference.onnx_file import Outputs, Precision
from kaggle_face.project.frames import as_html, frame_of
from kaggle_face.project.out_of_fold import ClassPredictions, TrialScores, class_predictions, trial_scores
from kaggle_face.tasks import Task

if TYPE_CHECKING:
    from kaggle_face.config import LoadedConfig
    from kaggle_face.inference.embedder import Embedder
    from kaggle_face.progress import Progress
    from kaggle_face.project.exporting import Export


class Member:
    """One checkpoint of a run in all of its finished folds: what a blend is made of.

    >>> Member(RunFolder(Path("runs/faces/main")), "best_cls")
    member faces/main@best_cls
    """

    @checked
    def __init__(self, folder: RunFolder, checkpoint: CheckpointName) -> None:
        self.folder, self.checkpoint = folder, checkpoint

    @property
    def name(self) -> str:
        """`<config>/<run>@<checkpoint>`, as tables and errors show it."""
        return f"{self.folder.name}@{self.checkpoint}"

    @property
    def folds(self) -> list[int]:
        """The finished folds."""
        return [fold.fold for fold in self.folder.finished_folds()]

    @property
    def num_parameters(self) -> int | None:
        """The parameters of all of its networks; None where they are not known, as of some imported runs."""
        infos = [fold.read_info() for fold in self.folder.finished_folds()]
        counts = [int(info["num_parameters"]) for info in infos if "num_parameters" in info]
        if len(counts) < len(infos):
            return None
        return sum(counts if self.folder.imported_task is None else counts[:1])

    def __repr__(self) -> str:
        return f"member {self.name}"

    def _repr_html_(self) -> str:
        facts = {
            "folds": str(self.folds),
            "parameters": "-" if self.num_parameters is None else self.num_parameters,
        }
        return as_html(repr(self), pd.DataFrame([facts]))


class ProjectCalls(Protocol):
    """The members of a project that its methods in other files use."""

    @property
    def loaded(self) -> LoadedConfig:
        """The settings of the project."""

    def call(self) -> AbstractContextManager[Progress]:
        """The frame of a call; see `Project.call`."""

    def run(self, name: str | None = None) -> Run:
        """A run of the project; see `Project.run`."""


@runtime_checkable
class RunOwner(Protocol):
    """The project as a run needs it: settings, the frame of a call, and the evaluation of runs."""

    loaded: LoadedConfig

    def call(self) -> AbstractContextManager[Progress]:
        """The frame of a call; see `Project.call`."""

    def evaluate(
        self,
        runs: Sequence[Run] | None = None,
        folds: Sequence[int] | None = None,
        checkpoints: Sequence[CheckpointName] | None = None,
    ) -> pd.DataFrame:
        """All held-out metrics of runs; see `Project.evaluate`."""


@checked_methods
class Run:
    """A run of a project: one training of each fold, in a folder on disk.

    Runs are made by `Project.train`, and found again by `Project.run` and `Project.runs`.
    """

    @checked
    def __init__(self, project: RunOwner, folder: RunFolder) -> None:
        self.project, self.folder = project, folder

    @property
    def name(self) -> str:
        """`<config>/<run>`."""
        return self.folder.name

    @property
    def path(self) -> Path:
        """The folder, which is all that later stages need."""
        return self.folder.path

    @property
    def folds(self) -> list[int]:
        """The folds whose training came to its end."""
        return [fold.fold for fold in self.folder.finished_folds()]

    @property
    def history(self) -> pd.DataFrame:
        """One row for each fold and epoch: loss, accuracy, EER, AUC, learning rate, images a second.

        Raises:
            RunError: No fold has begun.
        """
        frames = []
        for fold in self._started():
            if fold.history_file.is_file():
                with reading(fold.history_file):
                    frame = pd.read_csv(fold.history_file)
                frame.insert(0, "fold", fold.fold)
                frames.append(frame)
        self.folder.require_networks("that were trained")
        if not frames:
            raise RunError(f"{self.name} has no epoch yet; train it: {self.folder.training_command()}")
        return pd.concat(frames, ignore_index=True)

    @property
    def figures(self) -> pd.DataFrame:
        """The held-out figures of each fold and checkpoint, as training measured them."""
        rows = []
        for fold in self._started():
            for checkpoint, figures in (fold.read_info().get("results") or {}).items():
                rows.append({"fold": fold.fold, "checkpoint": checkpoint, **figures})
        return pd.DataFrame(rows)

    @property
    def members(self) -> list[Member]:
        """Every checkpoint of the run as a member of blends."""
        from kaggle_face.artifacts.checkpoint_names import CHECKPOINTS

        folds = self.folder.finished_folds()
        task = self.folder.imported_task
        if task is not None:
            return [Member(self.folder, imported_checkpoint(task))]
        there = [name for name in CHECKPOINTS if folds and all(f.weights_file(name).is_file() for f in folds)]
        return [Member(self.folder, name) for name in there]

    @overload
    def out_of_fold(
        self, task: Literal["classification"], checkpoint: CheckpointName | None = None
    ) -> ClassPredictions: ...

    @overload
    def out_of_fold(
        self, task: Literal["verification"], checkpoint: CheckpointName | None = None
    ) -> TrialScores: ...

    def out_of_fold(
        self, task: Task, checkpoint: CheckpointName | None = None
    ) -> ClassPredictions | TrialScores:
        """Predictions of the images, or scores of the trials, that each finished fold held out.

        Args:
            task: `classification` or `verification`.
            checkpoint: None takes the one that was best at the task while training.

        Raises:
            RunError: No fold is finished, a record is missing, or it is out of date.
        """
        folds = self.folder.finished_folds()
        if not folds:
            raise RunError(f"{self.name} has no finished fold; train one: {self.folder.training_command()}")
        chosen = checkpoint or default_checkpoint(task, [self.folder])
        if task == "classification":
            return class_predictions(folds, chosen)
        return trial_scores(folds, chosen)

    def predict(
        self,
        folds: Sequence[int] | None = None,
        checkpoints: Sequence[CheckpointName] | None = None,
        try_tta: bool = False,
        ignore_changes: bool = False,
    ) -> pd.DataFrame:
        """Predicts the test set; the records lie in the run's folder, where `ensemble` finds them.

        Args:
            folds: Folds to predict with; None: all that were trained.
            checkpoints: Names of checkpoints; None: all that are there.
            try_tta: Whether to measure first on held-out images if mirror images and crops pay.
            ignore_changes: Whether the training images may have changed since the run was trained.

        Returns:
            A row for each fold: its checkpoints and the number of images.

        Raises:
            RunError: A fold was not trained, or the settings or the data changed since.
            DataError: The raw folder cannot be read.
        """
        from kaggle_face.pipeline.predict import PredictOptions, predict_run

        options = PredictOptions(folds, checkpoints, try_tta, ignore_changes)
        with self.project.call() as progress:
            result = predict_run(self.project.loaded, self.folder, options, progress)
        return frame_of(result.folds)

    def evaluate(
        self, folds: Sequence[int] | None = None, checkpoints: Sequence[CheckpointName] | None = None
    ) -> pd.DataFrame:
        """All held-out metrics with 95 % intervals; see `Project.evaluate`."""
        return self.project.evaluate([self], folds, checkpoints)

    def status(self) -> pd.DataFrame:
        """The state of each stage: current, or out of date with the reason and the command that renews it."""
        from kaggle_face.pipeline.chain import status_of_run

        with self.project.call() as progress:
            return frame_of(status_of_run(self.project.loaded, self.path.name, progress).links)

    def embedder(self, fold: int | None = None, checkpoint: CheckpointName = "best_ver") -> Embedder:
        """The network of a fold, to embed any images with; see `load_embedder`."""
        from kaggle_face.inference.embedder import load_embedder

        if fold is None and not self.folds:
            raise RunError(f"{self.name} has no finished fold; train one: {self.folder.training_command()}")
        return load_embedder(self.folder, self.folds[0] if fold is None else fold, checkpoint)

    def export(
        self,
        folder: str | Path | None = None,
        outputs: Outputs = "embeddings",
        precisions: Sequence[Precision] | None = None,
        fold: int | None = None,
        checkpoint: CheckpointName | None = None,
    ) -> Export:
        """Writes a checkpoint as ONNX files that need no torch; see `export`."""
        from kaggle_face.project.exporting import export

        return export(self, folder, outputs, precisions, fold, checkpoint)

    def part_to_export(self) -> tuple[RunFolder, bool]:
        """The folder of the run, and False: not a blend; for `export`."""
        return self.folder, False

    @contextmanager
    def call(self) -> Iterator[tuple[LoadedConfig, Progress]]:
        """The frame of a call of the project, with its settings; see `Project.call`."""
        with self.project.call() as progress:
            yield self.project.loaded, progress

    def _started(self) -> list[FoldFolder]:
        return self.folder.started_folds()

    def __repr__(self) -> str:
        finished = ", ".join(map(str, self.folds)) or "none"
        return f"run {self.name}: finished folds {finished}"

    def _repr_html_(self) -> str:
        return as_html(repr(self), self.figures)

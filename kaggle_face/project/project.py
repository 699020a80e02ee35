"""A competition as a project: its settings, data and runs, and the stages from training to submission."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from kaggle_face.arguments import checked, checked_methods
from kaggle_face.artifacts.run_choice import find_named_run, find_own_run, run_to_train
from kaggle_face.artifacts.runs import RunFolder, list_runs
from kaggle_face.config import Config, LoadedConfig
from kaggle_face.config.schema import CheckpointName
from kaggle_face.errors import RunError
from kaggle_face.evaluation.members import Method
from kaggle_face.extras import require_extra
from kaggle_face.hints import settings_given_as
from kaggle_face.pipeline.launch.slurm import SlurmOptions, training_script
from kaggle_face.progress import Progress, WarningsOnce
from kaggle_face.project.better_runs import BetterRuns
from kaggle_face.project.blend import Blend
from kaggle_face.project.frames import as_html
from kaggle_face.project.looking import Looking
from kaggle_face.project.measuring import Measuring
from kaggle_face.project.on_kaggle import OnKaggle
from kaggle_face.project.run import Run
from kaggle_face.project.submitting import Submissions
from kaggle_face.records import CompetitionData, Folds
from kaggle_face.stopping import heeding_signals
from kaggle_face.tasks import Purpose

if TYPE_CHECKING:
    from kaggle_face.data.cache.image_cache import ImageCache
    from kaggle_face.project.budget import BudgetPlan
    from kaggle_face.project.report import Report


@checked_methods
class Project(BetterRuns, Looking, Measuring, OnKaggle, Submissions):
    """A competition: settings, data and runs. Made by `open_project`.

    Every method does what the command of its name does, with the same defaults, and leaves the same records.
    Its errors are subclasses of `KaggleFaceError`, with the line that the command would print.
    """

    @checked
    def __init__(self, loaded: LoadedConfig, word: str, progress: Progress) -> None:
        self.loaded, self._word, self._progress = loaded, word, progress

    @property
    def name(self) -> str:
        """The name that runs are filed under."""
        return self.loaded.name

    @property
    def config(self) -> Config:
        """All settings, typed."""
        return self.loaded.config

    @cached_property
    def data(self) -> CompetitionData:
        """The images, classes, trials and rows of the raw folder.

        Raises:
            DataError: A file is missing or contradicts another.
        """
        from kaggle_face.pipeline.inputs.preparing import open_competition

        with self.call() as progress:
            return open_competition(self.config, progress)

    @cached_property
    def images(self) -> ImageCache:
        """The image cache: every picture decoded and resized; it is built now if it was not before."""
        from kaggle_face.pipeline.inputs.preparing import open_images

        data = self.data
        with self.call() as progress:
            return open_images(self.config, data, progress)

    @cached_property
    def folds(self) -> Folds:
        """The fold that holds out each image, and the verification trials of each fold."""
        from kaggle_face.pipeline.inputs.preparing import open_folds

        data, images = self.data, self.images
        with self.call():
            return open_folds(self.loaded, data, images)

    def counts(self) -> pd.DataFrame:
        """Images and classes of each split, and the rows that the CSVs will have."""
        faces = self.data.faces
        rows = [
            {"part": split, "images": int((faces.splits == split).sum())}
            for split in dict.fromkeys(faces.splits.tolist())
        ]
        rows.append({"part": "classes", "images": len(self.data.classes)})
        return pd.DataFrame(rows)

    def run(
        self,
        name: str | None = None,
        *,
        hours: float | None = None,
        minutes: float | None = None,
        goal: Purpose | None = None,
        overwrite: bool = False,
        ignore_rules: bool = False,
    ) -> Run:
        """A run that is there; with a budget the whole chain within it, as a `BudgetRun` of its plan.

        One that was broken off goes on when it is called again, with what is left of its time.

        Args:
            name: Its name; None: the run that is clearly meant, as on the command line.
            hours: The budget, from the first call on.
            minutes: The budget in minutes instead.
            goal: `accuracy`, `verification` or `both`; None: what the competition is ranked by.
            overwrite: Whether it is planned and begun anew; what the run holds is removed.
            ignore_rules: Whether to go on although a rule of the competition is broken; it is recorded.

        Raises:
            RunError: There is no such run, it is not clear which is meant, or the budget is too small.
            RulesError: The rules forbid every recipe.
            InputError: What is of a budget is given without one.
        """
        if hours is None and minutes is None and goal is None and not overwrite and not ignore_rules:
            with self.call() as progress:
                return Run(self, find_own_run(self.loaded, name, progress.log))
        from kaggle_face.project.budget import BudgetRun, budget_options, run_project

        options = budget_options(hours, minutes, name, goal, overwrite, ignore_rules)
        result, loaded = run_project(self, options)
        return BudgetRun(Project(loaded, result.settings.stem, self._progress), result)

    def plan(
        self,
        name: str | None = None,
        *,
        hours: float | None = None,
        minutes: float | None = None,
        goal: Purpose | None = None,
        overwrite: bool = False,
        ignore_rules: bool = False,
    ) -> BudgetPlan:
        """The plan of `run` for a budget, written as settings; arguments and errors are those of `run`."""
        from kaggle_face.project.budget import budget_options, plan_project

        return plan_project(self, budget_options(hours, minutes, name, goal, overwrite, ignore_rules))

    @property
    def runs(self) -> list[Run]:
        """Every run of these settings of which a fold was begun, by name."""
        return [Run(self, folder) for folder in list_runs(Path(self.config.paths.runs), self.name)]

    def train(
        self,
        folds: int | Sequence[int] | None = None,
        run: str | None = None,
        resume: bool = True,
        overwrite: bool = False,
        ignore_rules: bool = False,
        devices: int = 1,
        timeout: float | None = None,
    ) -> Run:
        """Trains folds; those that are finished are skipped, one that was stopped goes on.

        Interrupting the kernel finishes the step and saves the state; the same call goes on from there.

        Args:
            folds: Numbers of folds from 0; None: all that are not finished.
            run: Name of the run; None: made of the overrides, or `main`.
            resume: Whether folds that are there are skipped or go on; else they are errors.
            overwrite: Whether folds are trained anew.
            ignore_rules: Whether to go on although a rule of the competition is broken; it is recorded.
            devices: Processes, one for each GPU of this machine; PyTorch's launcher starts them.
            timeout: Of several processes, how many minutes one that does not answer is waited for; None: 30.

        Raises:
            RunError: A fold does not exist, or was trained with other settings or data.
            RulesError: A rule is broken.
            DataError: The raw folder cannot be read.
            ConfigError: The machine has fewer GPUs than `devices`.
            TrainingStoppedError: A process was killed; the same call goes on from what was saved.
        """
        from kaggle_face.pipeline.inputs.fold_starts import TrainOptions, refuse_existing_folds
        from kaggle_face.pipeline.launch.devices import train_on_devices
        from kaggle_face.pipeline.train import train_folds

        numbers = [folds] if isinstance(folds, int) else folds
        folder = run_to_train(self.loaded, run)
        if not resume and not overwrite:
            refuse_existing_folds(self.loaded.config, folder, numbers)
        begun = any(folder.fold(number).info_file.is_file() for number in numbers or ())
        options = TrainOptions(resume and begun, overwrite, ignore_rules)
        with self.call() as progress:
            if devices == 1:
                train_folds(self.loaded, folder, numbers, options, progress)
            else:
                train_on_devices(self.loaded, folder, numbers, options, devices, progress, timeout)
        return Run(self, folder)

    def slurm_script(
        self,
        folds: int | Sequence[int] | None = None,
        run: str | None = None,
        ignore_rules: bool = False,
        nodes: int = 1,
        gpus: int = 1,
        cores: int = 4,
        time: str | None = None,
        partition: str | None = None,
        account: str | None = None,
        restarts: int = 3,
    ) -> str:
        """A job script for Slurm's `sbatch` that trains what `train` would; nothing is begun.

        Args:
            folds: Numbers of folds from 0; None: all that are not finished.
            run: Name of the run; None: made of the overrides, or `main`.
            ignore_rules: As of `train`.
            nodes: Machines.
            gpus: GPUs, and processes, of each machine; 0: one process without a GPU.
            cores: CPU cores of each process.
            time: The longest time, such as `12:00:00`; None: that of the partition.
            partition: Of the cluster; None: its default.
            account: What the time is charged to; None: the default.
            restarts: How often torchrun starts failed processes again.

        Raises:
            InputError: A number or a text cannot stand in a job script.
        """
        numbers = [folds] if isinstance(folds, int) else folds
        options = SlurmOptions(nodes, gpus, cores, time, partition, account, restarts)
        with self.call():
            return training_script(self.loaded, run, numbers, options, ignore_rules)

    def ensemble(
        self,
        runs: Sequence[Run] | None = None,
        folds: Sequence[int] | None = None,
        checkpoints: Sequence[CheckpointName] | None = None,
        method: Method = "auto",
        metric: str | None = None,
        post_process: bool = True,
        ignore_changes: bool = False,
        ignore_rules: bool = False,
        weights: Mapping[str, float] | None = None,
    ) -> Blend:
        """Blends runs: weights, temperatures and post-processing are chosen on out-of-fold records.

        Args:
            runs: The runs; None: the one that is clearly meant. The blend lies in the first one's folder.
            folds: Numbers of folds; None: all finished ones.
            checkpoints: None: the best at each task.
            method: `auto`, `mean`, `hill` or `constrained`.
            metric: A formula to maximise, such as `0.5*accuracy + 0.5*(1-eer)`; None: the competition's.
            post_process: Whether whitening, neighbours and score normalisation are tried.
            ignore_changes: Whether the training images may have changed since.
            ignore_rules: Whether steps are tried that the competition's rules forbid; it is recorded.
            weights: Shares of imported runs without out-of-fold predictions, by name.

        Raises:
            RunError: A record is missing or out of date, or the runs do not fit together.
            RulesError: The networks have more parameters than the competition allows.
        """
        from kaggle_face.pipeline.ensemble import EnsembleOptions, ensemble_runs

        chosen = [self.run()] if runs is None else list(runs)
        if not chosen:
            raise RunError("a blend needs a run; train one first")
        options = EnsembleOptions(
            folds, checkpoints, method, metric, post_process, ignore_changes, ignore_rules, weights or {}
        )
        with self.call() as progress:
            result = ensemble_runs(self.loaded, [each.folder for each in chosen], options, progress)
            for line in result.warnings:
                progress.warn(line)
        return Blend(chosen[0], result)

    def report(
        self,
        sources: Sequence[Run | Blend | str] | Run | Blend | str | None = None,
        path: str | Path | None = None,
        folds: Sequence[int] | None = None,
    ) -> Report:
        """Writes one self-contained HTML file about runs and blends; a notebook shows it inline.

        Args:
            sources: Runs and blends, or their names as on the command line, such as `main/ensemble` for the
                blend that a run holds; the report is about the first blend, or else about the first run.
                None: the run that is clearly meant.
            path: The file; None: `report.html` in the folder of the first run.
            folds: Numbers of folds; None: all finished ones.

        Raises:
            RunError: A run has no finished fold, a record is out of date, or the runs do not fit together.
            MissingExtraError: The extra `report` is not installed.
        """
        require_extra("report")
        from kaggle_face.pipeline.report import ReportOptions, write_run_report
        from kaggle_face.project.report import Report

        alone = isinstance(sources, Run | Blend | str)
        given = [self.run()] if sources is None else [sources] if alone else list(sources)  # type: ignore[arg-type]
        if not given:
            raise RunError("there is no run to report on; train one first")
        with self.call() as progress:
            runs, blends = _to_report(self.loaded, given, progress)
            options = ReportOptions(folds, None if path is None else Path(path), blends)
            return Report(write_run_report(self.loaded, runs, options, progress))

    @contextmanager
    def call(self) -> Iterator[Progress]:
        """The setting of a call: command lines in errors name these settings, a signal ends it in order."""
        with settings_given_as(self._word, self.loaded.overrides), heeding_signals():
            yield WarningsOnce(self._progress)

    def __repr__(self) -> str:
        differing = (
            f" (settings that differ: {', '.join(self.loaded.overrides)})" if self.loaded.overrides else ""
        )
        return f"project {self.name}{differing}"

    def _repr_html_(self) -> str:
        runs = pd.DataFrame([{"run": each.name, "finished folds": str(each.folds)} for each in self.runs])
        return as_html(repr(self), runs)


def _to_report(
    loaded: LoadedConfig, sources: Sequence[object], progress: Progress
) -> tuple[list[RunFolder], list[RunFolder]]:
    """The runs, and the runs whose blend is meant; names are those of the command line."""
    runs, blends = list[RunFolder](), list[RunFolder]()
    for each in sources:
        match each:
            case Run():
                runs.append(each.folder)
            case Blend():
                blends.append(each.run.folder)
            case name:
                word = str(name)
                kind = blends if word.endswith("/ensemble") else runs
                named = word.removesuffix("/ensemble")
                kind.append(find_named_run(loaded, named, progress.log, "report"))
    return runs, blends

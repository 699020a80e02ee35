"""Runs made out of others: searches, soups, imported predictions, pseudo-labels; a part of `Project`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import pandas as pd

from kaggle_face.arguments import checked_methods
from kaggle_face.config.schema import CheckpointName
from kaggle_face.errors import RunError, counted
from kaggle_face.evaluation.imported.kinds import ClassNaming, ValueKind
from kaggle_face.extras import require_extra
from kaggle_face.pipeline.improving.pseudo_label import DEFAULT_CONFIDENCE
from kaggle_face.project.frames import as_html, frame_of
from kaggle_face.project.run import ProjectCalls, Run
from kaggle_face.tasks import Task

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

    from kaggle_face.pipeline.improving.tune import TuneResult
else:

    @runtime_checkable
    class BaseStorage(Protocol):
        """A storage of Optuna, by which arguments are checked without importing it."""

        def create_new_study(self) -> int:
            """Makes a study, in every storage."""


class Tuning:
    """The result of a search: its best trial, the config that it became, and all trials."""

    def __init__(self, result: TuneResult) -> None:
        self.result = result

    @property
    def score(self) -> float:
        """The best trial's score on what its fold holds out, which chose it."""
        return self.result.best.score

    @property
    def overrides(self) -> tuple[str, ...]:
        """The settings of the best trial."""
        return self.result.best.overrides

    @property
    def config_file(self) -> Path:
        """The config with these settings and the epochs of a whole training, for `open_project`."""
        return self.result.config_file

    @property
    def page(self) -> Path | None:
        """The page with the plots of the trials; None without plotly."""
        return self.result.page

    @property
    def trials(self) -> pd.DataFrame:
        """A row for each trial: `number`, `state`, `score`, `epochs`, `overrides`, `worker`."""
        return frame_of(self.result.trials)

    def __repr__(self) -> str:
        result = self.result
        return (
            f"best of {counted(result.num_trials, 'trial')}: {result.score} = {result.best.score:.5f}, "
            f"{', '.join(result.best.overrides)}; {result.config_file}"
        )

    def _repr_html_(self) -> str:
        return as_html(repr(self), self.trials)


@checked_methods
class BetterRuns:
    """The methods `tune`, `soup`, `import_member` and `pseudo_label` of a project."""

    def tune(
        self: ProjectCalls,
        space: str | Path | Mapping[str, Any],
        trials: int = 20,
        hours: float | None = None,
        fold: int = 0,
        name: str = "tune",
        storage: str | Path | BaseStorage | None = None,
        device: str | None = None,
        trial_epochs: int | None = None,
        ignore_rules: bool = False,
    ) -> Tuning:
        """Searches settings on one fold and writes the best as a config; a search that is there goes on.

        Args:
            space: A YAML file, or a mapping: a key of the settings, and a list of choices or
                `{low, high, log, step}`.
            trials: Trials in all, those of other workers and of earlier calls among them.
            hours: No trial begins after so many hours; None: no limit.
            fold: The fold that trials train on.
            name: Of the search, and of the config behind that of the settings.
            storage: Where several workers keep one search: the path of a journal file on a shared disk, an
                address such as `postgresql://user@host/database`, or a storage of Optuna; None: a file beside
                the runs.
            device: What this worker trains on, such as `cuda:1`; None: as in the settings.
            trial_epochs: Epochs of a trial, its schedule shortened to them; None: those of the overrides.
            ignore_rules: Whether to go on although a rule of the competition is broken; it is recorded.

        Raises:
            ConfigError: The space names a setting or a value that cannot be searched.
            RunError: The search was begun with other data, space or settings; the storage cannot be used.
            InputError: Optuna or a driver is not installed, or no trial came to its end.
        """
        require_extra("tune")
        from kaggle_face.pipeline.improving.tune import TuneOptions, tune

        options = TuneOptions(
            space=Path(space) if isinstance(space, str) else space,
            trials=trials,
            hours=hours,
            fold=fold,
            name=name,
            ignore_rules=ignore_rules,
            storage=storage,
            device=device,
            trial_epochs=trial_epochs,
        )
        with self.call() as progress:
            return Tuning(tune(self.loaded, options, progress))

    def soup(
        self: ProjectCalls,
        runs: Sequence[Run] | None = None,
        folds: Sequence[int] | None = None,
        checkpoints: Sequence[CheckpointName] | None = None,
        across_folds: bool = False,
        name: str = "soup",
        overwrite: bool = False,
    ) -> Run:
        """Averages the weights of checkpoints where that helps on held-out data, into a run of its own.

        The score that chose, and the gain on people who did not choose, go to the progress.

        Args:
            runs: The runs whose checkpoints are mixed; None: the one that is clearly meant.
            folds: Numbers of folds, each its own soup; None: all that are finished.
            checkpoints: None: all.
            across_folds: Whether one soup is made of all folds, scored by the labelled pairs that they share.
            name: Of the new run.
            overwrite: Whether an older soup of that name is replaced.

        Raises:
            RunError: A fold is not finished, there is a run of that name, or networks differ.
        """
        from kaggle_face.pipeline.improving.soup import SoupOptions, make_soups
        from kaggle_face.summaries.training import soup_lines

        chosen = [self.run()] if runs is None else list(runs)
        if not chosen:
            raise RunError("a soup needs a run; train one first")
        options = SoupOptions(folds, checkpoints, across_folds, name, overwrite)
        with self.call() as progress:
            result = make_soups(self.loaded, [each.folder for each in chosen], options, progress)
            for line in soup_lines(result):
                progress.log(line)
        return self.run(result.run.path.name)

    def import_member(
        self: ProjectCalls,
        name: str,
        task: Task,
        test: str | Path,
        oof: str | Path | None = None,
        values: ValueKind | None = None,
        classes: ClassNaming | None = None,
        parameters: int | None = None,
        overwrite: bool = False,
    ) -> Run:
        """Takes over predictions that were made elsewhere as a run, which blends take like any other.

        How files are read, held-out figures and correlations with the runs here go to the progress.

        Args:
            name: Of the run.
            task: `classification` or `verification`.
            test: Test predictions, `.csv`, `.parquet` or `.npy`.
            oof: Out-of-fold predictions of the folds of these settings; None: no score is known.
            values: `probabilities`, `logits` or `scores`; None: as they look.
            classes: How columns name classes, `name`, `submitted` or `index`; None: as it fits.
            parameters: Of all networks behind it, for competitions that limit them.
            overwrite: Whether an imported run of that name is replaced.

        Raises:
            DataError: Ids, classes or numbers do not fit the competition and its folds.
            RunError: There is a run of that name.
        """
        from kaggle_face.pipeline.import_predictions import ImportOptions, import_predictions

        options = ImportOptions(
            task, Path(test), None if oof is None else Path(oof), values, classes, parameters, overwrite
        )
        with self.call() as progress:
            made = import_predictions(self.loaded, name, options, progress).run
        return self.run(made.path.name)

    def pseudo_label(
        self: ProjectCalls,
        run: Run | None = None,
        confidence: float = DEFAULT_CONFIDENCE,
        most: int | None = None,
        ignore_rules: bool = False,
    ) -> Path:
        """Labels the test images that a run's blend is sure of, for a next run.

        How many they are goes to the progress.

        Args:
            run: None: the one that is clearly meant.
            confidence: Least probability of the blend's best class, in (0, 1].
            most: Of each class only the surest so many; None: all.
            ignore_rules: Whether they are written though the competition's rules forbid it; it is recorded.

        Returns:
            The CSV of images, classes and probabilities, for the setting `data.pseudo_labels`.

        Raises:
            RunError: There is no current blend of class probabilities, or it is sure of no image.
            RulesError: The rules forbid pseudo-labels.
        """
        from kaggle_face.pipeline.improving.pseudo_label import PseudoLabelOptions, pseudo_label_run
        from kaggle_face.summaries.prediction import describe_pseudo_labels

        options = PseudoLabelOptions(confidence, most, ignore_rules)
        chosen = self.run() if run is None else run
        with self.call() as progress:
            result = pseudo_label_run(self.loaded, chosen.folder, options, progress)
            for line in map(str, describe_pseudo_labels(result, options)):
                progress.log(line)
        return result.path

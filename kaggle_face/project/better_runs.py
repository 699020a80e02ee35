"""Runs made out of others: searches for settings, and soups; a part of `Project`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import pandas as pd

from kaggle_face.arguments import checked_methods
from kaggle_face.config.schema import CheckpointName
from kaggle_face.errors import RunError, counted
from kaggle_face.extras import require_extra
from kaggle_face.project.frames import as_html, frame_of
from kaggle_face.project.run import Run

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

    from kaggle_face.config import LoadedConfig
    from kaggle_face.pipeline.improving.tune import TuneResult
    from kaggle_face.progress import Progress
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


class _Calls(Protocol):
    """The methods of a project that these methods call."""

    @property
    def loaded(self) -> LoadedConfig: ...
    def call(self) -> AbstractContextManager[Progress]: ...
    def run(self, name: str | None = None) -> Run: ...


@checked_methods
class BetterRuns:
    """The methods `tune` and `soup` of a project."""

    def tune(
        self: _Calls,
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
        self: _Calls,
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

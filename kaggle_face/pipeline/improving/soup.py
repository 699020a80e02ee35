"""Soups: the weights of several checkpoints of a fold, or of all folds, averaged into a run of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kaggle_face.artifacts.checkpoint_names import CHECKPOINTS, require_checkpoints
from kaggle_face.artifacts.environment import command_line, describe_environment
from kaggle_face.artifacts.files.atomic import replacing_folder
from kaggle_face.artifacts.run_choice import how_to_get_fold
from kaggle_face.artifacts.run_locks import writing_run
from kaggle_face.artifacts.runs import FoldFolder, RunFolder, run_folder
from kaggle_face.artifacts.seals import time_of_now
from kaggle_face.config import LoadedConfig
from kaggle_face.config.schema import CheckpointName
from kaggle_face.errors import InputError, RunError
from kaggle_face.evaluation.nested_gain import mean_gain
from kaggle_face.metrics.intervals.bootstrap import Difference
from kaggle_face.pipeline.inputs.preparing import (
    open_competition,
    open_folds,
    open_images,
    require_own_number,
    settings_of_run,
)
from kaggle_face.pipeline.inputs.today import open_today, require_current_training
from kaggle_face.progress import Progress
from kaggle_face.train.averaging.scorer import MeasuredSoup
from kaggle_face.train.averaging.soup import distinct_sources, make_soup, shared_fold_data
from kaggle_face.train.settings import select_fold
from kaggle_face.train.training_set import adjust_training_set


@dataclass(frozen=True)
class SoupOptions:
    """Options of a soup.

    Attributes:
        folds: Each its own soup; None: all that the first run has finished.
        checkpoints: Which of each fold may be taken; None: all.
        across_folds: Whether one soup is made of all folds, scored by the labelled pairs that they share.
        name: The name of the new run.
        overwrite: Whether an older soup of that name is replaced.
    """

    folds: Sequence[int] | None = None
    checkpoints: Sequence[CheckpointName] | None = None
    across_folds: bool = False
    name: str = "soup"
    overwrite: bool = False

    def __post_init__(self) -> None:
        require_checkpoints(self.checkpoints)

    def kept(self, folds: Sequence[int]) -> dict[str, Any]:
        """What a soup of these folds is chosen by, for `run.json`."""
        checkpoints = None if self.checkpoints is None else list(self.checkpoints)
        return {"across_folds": self.across_folds, "folds": list(folds), "checkpoints": checkpoints}


@dataclass(frozen=True)
class FoldSoup:
    """The soup of a fold.

    Attributes:
        names: Its checkpoints.
        score: Its score on what it was chosen on.
        best_alone: That of the best of them alone.
        measured_on: What that is, in words.
        gain: Over the best alone, on people whom neither was chosen on; None where that cannot be measured.
        note: Why there is none.
    """

    names: tuple[str, ...]
    score: float
    best_alone: float
    measured_on: str
    gain: Difference | None
    note: str = ""


@dataclass(frozen=True)
class SoupResult:
    """The run of soups, the soup of each of its folds, the formula of their scores, and their mean gain."""

    run: RunFolder
    soups: Mapping[int, FoldSoup]
    formula: str
    gain: Difference | None
    note: str = ""


def make_soups(
    loaded: LoadedConfig, runs: Sequence[RunFolder], options: SoupOptions, progress: Progress
) -> SoupResult:
    """Makes a soup of each fold of one run or several, or one of all folds, and writes it as a run.

    Raises:
        RunError: A fold is not finished; there is a run of that name; checkpoints are of different networks;
            or the settings or the training images changed since.
    """
    for run in runs:
        run.require_networks("whose weights could be averaged")
    finished = [folder.fold for folder in runs[0].finished_folds()]
    folds = finished if options.folds is None else options.folds
    if not folds and finished:
        raise RunError(f"no fold of {runs[0].name} is chosen; finished are: {', '.join(map(str, finished))}")
    if not folds:
        raise RunError(f"{runs[0].name} has no finished fold; train one first: {runs[0].training_command()}")
    for fold in folds:
        for run in runs:
            if not run.fold(fold).is_finished:
                raise RunError(f"{run.name} has no finished fold {fold}; {how_to_get_fold(run, fold)}")
    sources = {fold: [run.fold(fold) for run in runs] for fold in folds}
    target = run_folder(Path(loaded.config.paths.runs), loaded.name, options.name)
    with writing_run(target):
        if target.path.exists() and (target in runs or not options.overwrite):
            raise RunError(
                f"there is a run at {target.path}; choose another --name, or replace it with --overwrite"
            )
        with replacing_folder(target.path) as new:
            made = _make_soups(loaded, sources, options, RunFolder(new), progress)
    gain, note = _mean_gain(list(made.values()))
    formula = next(iter(made.values())).formula
    soups = {}
    for fold, each in made.items():
        found = each.soup
        soups[fold] = FoldSoup(
            found.names, found.score, found.best_alone, each.measured_on, *_mean_gain([each])
        )
    return SoupResult(target, soups, formula, gain, note)


def _mean_gain(made: Sequence[MeasuredSoup]) -> tuple[Difference | None, str]:
    """The mean gain of soups; None where one was not measured, and why."""
    notes = [each.note for each in made if not each.gains]
    if notes:
        return None, notes[0]
    try:
        return mean_gain([part for each in made for part in each.gains]), ""
    except InputError as error:
        return None, str(error)


def _make_soups(
    loaded: LoadedConfig,
    sources: dict[int, list[FoldFolder]],
    options: SoupOptions,
    target: RunFolder,
    progress: Progress,
) -> dict[int, MeasuredSoup]:
    kept = options.kept(list(sources))
    first = next(iter(sources.values()))[0]
    trained = settings_of_run(loaded.word, first.run, [first], loaded.overrides)
    data = open_competition(trained.config)
    cache = open_images(trained.config, data, progress)
    folds = open_folds(trained, data, cache)
    settings = trained.config.data
    data_of_folds = {
        fold: adjust_training_set(select_fold(data, folds, cache, fold), settings) for fold in sources
    }
    if options.across_folds:
        data_of_folds = {min(data_of_folds): shared_fold_data(list(data_of_folds.values()))}
        sources = {min(data_of_folds): [folder for folders in sources.values() for folder in folders]}
    today = open_today(trained.config, data, progress, cache)
    for folder in (folder for folders in sources.values() for folder in folders):
        require_own_number(folder)
        require_current_training(folder, today, "train")
    about = {
        **describe_environment(command_line(), trained.config.device),
        "made_of": dict(today.training),
        "began_at": time_of_now(),
    }
    made = {}
    for fold, fold_data in data_of_folds.items():
        found = distinct_sources(sources[fold], options.checkpoints or CHECKPOINTS)
        made[fold] = make_soup(trained.config, fold_data, found, target.fold(fold), about, kept, progress)
    return made

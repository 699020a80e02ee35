"""A search for settings on one fold, by one worker or several, whose best trial becomes a config."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kaggle_face.artifacts.files.reading import read_json
from kaggle_face.artifacts.run_locks import writing_run
from kaggle_face.artifacts.runs import FoldFolder, RunFolder, run_folder
from kaggle_face.competitions.catalogue.ranking import own_metrics_of
from kaggle_face.config import LoadedConfig, ModelConfig, load_config
from kaggle_face.config.loading import full_key
from kaggle_face.errors import ConfigError, InputError, KaggleFaceError, MissingExtraError, RunError, counted
from kaggle_face.hints import command_line
from kaggle_face.pipeline.inputs.fold_starts import TrainOptions
from kaggle_face.pipeline.inputs.preparing import open_competition, open_folds, open_images
from kaggle_face.pipeline.inputs.rules_check import check_rules
from kaggle_face.pipeline.inputs.today import open_today
from kaggle_face.pipeline.train import describe_training
from kaggle_face.progress import Progress
from kaggle_face.records import CompetitionData, Folds
from kaggle_face.train.fold import train_fold
from kaggle_face.train.loggers.creation import require_logger_packages
from kaggle_face.train.run_context import RunContext
from kaggle_face.train.scoring import read_score
from kaggle_face.train.search.beginning import search_beginning, search_differences
from kaggle_face.train.search.found import FoundConfig, require_own_config
from kaggle_face.train.search.plots import can_plot, write_trials_page
from kaggle_face.train.search.shortening import shortened
from kaggle_face.train.search.space import SearchSpace, name_of_space, override_text, read_search_space
from kaggle_face.train.search.storage import StudyStorage
from kaggle_face.train.search.study import SECONDS_UNTIL_LOST, BestTrial, EpochReport, Search, TrialRow
from kaggle_face.train.settings import FoldData, select_fold

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

_FIXED = (
    "competition.",
    "folds.",
    "paths.",
    "submit.",
    "predict.",
    "train.score",
    "train.max_hours",
    "device",
)
"""Settings that would make trials incomparable."""

_EPOCHS = "train.epochs"
_OF_MACHINE = ("paths.", "device=")
"""Overrides that a config does not take over."""


@dataclass(frozen=True)
class TuneOptions:
    """Options of a search.

    Attributes:
        space: A YAML file: a key of the settings, and a list of choices or `{low, high, log, step}`; or what
            such a file would hold.
        trials: Trials in all, those of other workers and of earlier calls among them.
        hours: No trial begins after so many hours; None: no limit.
        fold: The fold that trials train on.
        name: The name of the search; it goes on if it is there.
        ignore_rules: Whether to go on although a rule is broken, which is recorded.
        storage: Where several workers keep one search: the path of a journal file, an address of a database,
            or a storage of Optuna; None: a file beside the runs, for one worker at a time.
        device: What this worker trains on; None: as in the settings.
        trial_epochs: Epochs of a trial, whose schedule is shortened to them; None: those of the overrides
            where they are fewer than those of the settings, else the same.
        seconds_until_lost: After how long without a sign of life a trial of another worker is repeated.
    """

    space: Path | Mapping[str, Any]
    trials: int = 20
    hours: float | None = None
    fold: int = 0
    name: str = "tune"
    ignore_rules: bool = False
    storage: str | Path | BaseStorage | None = field(default=None, repr=False)
    device: str | None = None
    trial_epochs: int | None = None
    seconds_until_lost: float = SECONDS_UNTIL_LOST

    def __post_init__(self) -> None:
        if self.trials < 1:
            raise InputError(f"--trials must be >= 1, got {self.trials}")
        if self.hours is not None and not self.hours > 0.0:
            raise InputError(f"--hours must be > 0, got {self.hours:g}")
        if self.trial_epochs is not None and self.trial_epochs < 1:
            raise InputError(f"--trial-epochs must be >= 1, got {self.trial_epochs}")


@dataclass(frozen=True)
class TuneResult:
    """The best trial and its whole training.

    Attributes:
        best: The trial.
        score: The formula that trials were judged by.
        config_file: The config with its settings.
        num_trials: Of how many trials it is the best.
        trials: All trials by number.
        page: The page with the plots; None without plotly.
        next_command: The command that trains with the config.
    """

    best: BestTrial
    score: str
    config_file: Path
    num_trials: int
    trials: tuple[TrialRow, ...]
    page: Path | None
    next_command: str


def tune(loaded: LoadedConfig, options: TuneOptions, progress: Progress) -> TuneResult:
    """Runs a number of trials, keeps the best as a run, and writes its settings as a config.

    Raises:
        ConfigError: The search space cannot be read, or names a setting or a value that cannot be searched.
        InputError: A file or a run that is not of this search is in the way, no trial came to its end, or a
            driver of the storage is not installed.
        RunError: The search was begun with other data, space or settings, or cannot be shared and another
            process searches; or the storage cannot be used.
        MissingExtraError: Optuna, or a package of `train.loggers`, is not installed.
    """
    require_logger_packages(loaded.config.train)
    space = read_search_space(options.space)
    plan = plan_search(loaded, options, space)
    _check_space(space, plan, options)
    config_file = Path("configs") / f"{loaded.name}-{options.name}.yaml"
    require_own_config(config_file)
    home = run_folder(Path(loaded.config.paths.runs), loaded.name, options.name)
    with nullcontext() if options.storage is not None else writing_run(home):
        search = _open_search(home, plan, options, space)
        data = _Data.opened(plan, options, progress)
        mark = _begin(search, home, plan, options, space, data)
        trials = _Trials(plan, options, search, data, mark, progress)
        trials.remove_all_but_the_best()
        trials.require_free_names()
        if search.num_done:
            progress.log(f"{search.shown}: goes on after {counted(search.num_done, 'trial')}")
        search.run(options.trials, options.hours, trials.run, trials.remove_all_but_the_best, progress)
        trials.remove_all_but_the_best()
        best = search.best
        if best is None:
            wider = f"widen {name_of_space(options.space)} or raise --trials"
            raise InputError(f"no trial of {search.shown} came to its end; {wider}")
        if not trials.folder(best.number).path.is_dir():
            progress.log(f"the run of trial {best.number} lies where it was trained: on {best.worker}")
        found = FoundConfig(
            best=best,
            score=data.score,
            fold=options.fold,
            num_trials=search.num_done,
            epochs=plan.epochs,
            trial_epochs=plan.trial_epochs or plan.epochs,
            extends=loaded.word,
            overrides=[text for text in plan.loaded.overrides if not text.startswith(_OF_MACHINE)],
            next_command=_next_command(config_file, loaded, options),
        )
        found.write(config_file)
        page = _write_page(home.path / "trials.html", search, found, progress)
    return TuneResult(best, data.score, config_file, search.num_done, search.rows(), page, found.next_command)


@dataclass(frozen=True)
class SearchPlan:
    """The settings of the whole training, its epochs, and those of a trial; None: the space searches them."""

    loaded: LoadedConfig
    epochs: int
    trial_epochs: int | None


def plan_search(loaded: LoadedConfig, options: TuneOptions, space: SearchSpace) -> SearchPlan:
    """The lengths of a training and of a trial.

    Without `trial_epochs`, `train.epochs` among the overrides is that of a trial if the settings have more.

    Raises:
        InputError: Trials would be longer than a training, or their epochs are searched.
    """
    if options.device is not None:
        loaded = load_config(loaded.word, [*loaded.overrides, f"device={options.device}"])
    given = loaded.config.train.epochs
    if _EPOCHS in space:
        if options.trial_epochs is not None:
            raise InputError(f"{name_of_space(options.space)} searches {_EPOCHS}; leave --trial-epochs out")
        return SearchPlan(loaded, given, None)
    without = [text for text in loaded.overrides if full_key(text.partition("=")[0]) != _EPOCHS]
    is_given = len(without) < len(loaded.overrides) and options.trial_epochs is None
    whole = load_config(loaded.word, without) if is_given else loaded
    whole = whole if whole.config.train.epochs > given else loaded
    epochs = whole.config.train.epochs
    trial_epochs = given if options.trial_epochs is None else options.trial_epochs
    if trial_epochs > epochs:
        raise InputError(f"--trial-epochs must be <= {_EPOCHS} ({epochs}), got {trial_epochs}")
    return SearchPlan(whole, epochs, trial_epochs)


def _check_space(space: SearchSpace, plan: SearchPlan, options: TuneOptions) -> None:
    """Loads the settings with the ends of every range and with every choice.

    Raises:
        ConfigError: A key or a value is wrong, or may not be searched.
    """
    _check_crops(space, plan.loaded.config.model, options)
    for key, entry in space.items():
        fixed = key.startswith(_FIXED) or (key.startswith("data.") and key != "data.image_size")
        if fixed:
            where = name_of_space(options.space)
            raise ConfigError(f"{where}: {key} cannot be searched: trials would not be comparable")
        for value in entry if isinstance(entry, tuple) else (entry.low, entry.high):
            load_config(plan.loaded.word, [*plan.loaded.overrides, override_text(key, value)])


def _check_crops(space: SearchSpace, model: ModelConfig, options: TuneOptions) -> None:
    """Refuses to search a crop that the fold of the trials does not see.

    Raises:
        ConfigError: The space has one.
    """
    where, further = name_of_space(options.space), list(model.further_center_crops)
    for key in map(full_key, space):
        if key == "model.further_center_crops":
            raise ConfigError(
                f"{where}: {key} cannot be searched: a trial trains one fold; search model.center_crop"
            )
        if key == "model.center_crop" and options.fold % (1 + len(further)):  # as ModelConfig.of_fold
            raise ConfigError(
                f"{where}: {key} cannot be searched on fold {options.fold}, which sees another share "
                f"(model.further_center_crops={further}); search on --fold 0, or set "
                "model.further_center_crops=[]"
            )


def _open_search(home: RunFolder, plan: SearchPlan, options: TuneOptions, space: SearchSpace) -> Search:
    seed = plan.loaded.config.seed
    if options.storage is None:
        own = StudyStorage.beside_runs(home.path / "study.db")
        return Search(own, options.name, space, seed)
    name = f"{plan.loaded.name}/{options.name}"
    storage = StudyStorage.of(options.storage)
    return Search(storage, name, space, seed, shared=True, seconds_until_lost=options.seconds_until_lost)


@dataclass(frozen=True, eq=False)
class _Data:
    """The training data of trials, their digests, and the formula of the score."""

    data: CompetitionData
    folds: Folds
    made_of: dict[str, str]
    score: str

    @classmethod
    def opened(cls, plan: SearchPlan, options: TuneOptions, progress: Progress) -> _Data:
        config = plan.loaded.config
        data = open_competition(config)
        cache = open_images(config, data, progress)
        folds = open_folds(plan.loaded, data, cache)
        fold_data: FoldData = select_fold(data, folds, cache, options.fold)
        made_of = dict(open_today(config, data, progress, cache).training)
        score = read_score(config.train, fold_data.pairs.are_labelled, own_metrics_of(config).pairs)
        return cls(data, folds, made_of, score.expression)


def _begin(
    search: Search, home: RunFolder, plan: SearchPlan, options: TuneOptions, space: SearchSpace, data: _Data
) -> str:
    """Begins a search or joins it; returns the mark of its runs.

    Raises:
        RunError: It was begun with other data, space or settings.
    """
    config = plan.loaded.config
    now = search_beginning(space, config, options.fold, plan.trial_epochs, data.made_of, data.folds.name)
    earlier = dict(now)
    old_digests = home.path / "data.json"  # where searches kept them before
    if options.storage is None and old_digests.is_file():
        earlier["data"] = read_json(old_digests)
    begun = search.begun_with(earlier, takes_over=options.storage is None)
    differences = search_differences(begun, now)
    if differences:
        raise RunError(
            f"the search '{options.name}' was begun with other settings or data, so its trials cannot be "
            f"compared with new ones: {'; '.join(differences)}; search under another --name"
        )
    return str(begun.get("id", ""))


@dataclass(frozen=True, eq=False)
class _Trials:
    """The trials of a search, each a run of its own that keeps the `mark` of the search."""

    plan: SearchPlan
    options: TuneOptions
    search: Search
    data: _Data
    mark: str
    progress: Progress

    def folder(self, number: int) -> FoldFolder:
        """The fold that a trial trains."""
        name, runs = f"{self.options.name}-{number}", Path(self.plan.loaded.config.paths.runs)
        return run_folder(runs, self.plan.loaded.name, name).fold(self.options.fold)

    def run(self, number: int, overrides: Sequence[str], report: EpochReport) -> None:
        """Trains one trial; all of them train on the data as the search found it."""
        folder, data, progress = self.folder(number), self.data, self.progress
        self._require_free(number)
        loaded = self.plan.loaded
        settings = load_config(loaded.word, [*loaded.overrides, *overrides])
        if self.plan.trial_epochs is not None:
            short = shortened(settings.config, self.plan.trial_epochs)
            settings = load_config(loaded.word, [*settings.overrides, *short])
        ignored = check_rules(settings.config, len(data.data.classes), self.options.ignore_rules, progress)
        cache = open_images(settings.config, data.data, progress)
        fold_data = select_fold(data.data, data.folds, cache, folder.fold)
        today = open_today(settings.config, data.data, progress, cache)
        about = describe_training(settings, data.folds, today, TrainOptions(kind="trial"), ignored)
        context = RunContext(
            {**about, "search": self.mark},
            progress,
            lambda row: report(row["score"]),
            epochs_after=max(0, self.options.trials - number - 1) * settings.config.train.epochs,
        )
        with writing_run(folder.run):
            train_fold(settings.config, fold_data, folder, "new", context)

    def require_free_names(self) -> None:
        """Checks that no trial to come would be filed under the name of a run that is there.

        Raises:
            InputError: There is such a run.
        """
        for number in self.search.coming(self.options.trials):
            # Another worker may have begun the trial by now.
            if self.folder(number).run.path.exists() and number not in self.search.begun:
                self._require_free(number)

    def _require_free(self, number: int) -> None:
        run = self.folder(number).run.path
        if run.exists():
            raise InputError(
                f"{run} is there and is not of this search, which would write trial {number} to it; "
                "move it away, or search under another --name"
            )

    def remove_all_but_the_best(self) -> None:
        """Keeps the disk free: of all trials that ended the best alone stays as a run."""
        ended = self.search.ended
        best = self.search.best  # after the others, so that none is removed that is the best by now
        for number in ended:
            run = self.folder(number).run
            is_best = best is not None and best.number == number
            if is_best or not run.path.is_dir() or not self._is_own(self.folder(number)):
                continue
            with suppress(RunError), writing_run(run):  # another worker may be removing it
                shutil.rmtree(run.path, ignore_errors=True)

    def _is_own(self, folder: FoldFolder) -> bool:
        """Whether a run is of this search; one that names none can only be so where nobody else searches."""
        try:
            mark = folder.read_info().get("search")
        except KaggleFaceError:
            mark = None
        return mark == self.mark or (mark is None and self.options.storage is None)


def _next_command(config_file: Path, loaded: LoadedConfig, options: TuneOptions) -> str:
    word = str(config_file) if config_file.stem.endswith((".yaml", ".yml")) else config_file.stem
    rules = ["--ignore-rules"] if options.ignore_rules else []
    return command_line(
        "train", "-c", word, *rules, *(text for text in loaded.overrides if text.startswith(_OF_MACHINE))
    )


def _write_page(path: Path, search: Search, found: FoundConfig, progress: Progress) -> Path | None:
    """Plots the trials; without plotly a line names the extra to install."""
    if not can_plot():
        progress.log(f"the trials are not plotted: {MissingExtraError('plotly', 'report')}")
        return None
    best = found.best
    note = (
        f"{counted(found.num_trials, 'trial')} on fold {found.fold}, "
        f"each of {counted(found.trial_epochs, 'epoch')}. "
        f"The best is trial {best.number} with {best.score:.5f}: {', '.join(best.overrides)}."
    )
    write_trials_page(path, search.study, f"Search {search.study.study_name}", note, found.score)
    return path

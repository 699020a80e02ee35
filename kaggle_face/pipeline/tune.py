"""A search for settings on one fold, whose best trial becomes a config."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kaggle_face.artifacts.files.atomic import write_json, write_text
from kaggle_face.artifacts.files.reading import read_json
from kaggle_face.artifacts.run_locks import writing_run
from kaggle_face.artifacts.runs import FoldFolder, RunFolder, run_folder
from kaggle_face.config import LoadedConfig, load_config
from kaggle_face.config.yaml_text import dump_yaml, parse_yaml
from kaggle_face.errors import ConfigError, InputError, RunError
from kaggle_face.pipeline.inputs.preparing import open_competition, open_folds, open_images
from kaggle_face.pipeline.inputs.rules_check import check_rules
from kaggle_face.pipeline.inputs.today import open_today
from kaggle_face.pipeline.train import describe_training
from kaggle_face.progress import Progress
from kaggle_face.train.fold import train_fold
from kaggle_face.train.search.space import SearchSpace, override_text, read_search_space
from kaggle_face.train.search.study import BestTrial, EpochReport, RunTrial, Search
from kaggle_face.train.settings import select_fold
from kaggle_face.train.trainer import RunContext

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

_MARK = "# Found by `kaggle-face tune`:"


@dataclass(frozen=True)
class TuneOptions:
    """What is searched, and for how long.

    Attributes:
        space: A YAML file: a key of the settings, and a list of choices or `{low, high, log, step}`.
        trials: Trials in all, those of earlier calls among them.
        hours: No trial begins after so many hours; None: no limit.
        fold: The fold that trials train on.
        name: The name of the search; it goes on if it is there.
        ignore_rules: Whether to go on although a rule is broken, which is recorded.
    """

    space: Path
    trials: int = 20
    hours: float | None = None
    fold: int = 0
    name: str = "tune"
    ignore_rules: bool = False

    def __post_init__(self) -> None:
        if self.trials < 1:
            raise InputError(f"--trials must be >= 1, got {self.trials}")


@dataclass(frozen=True)
class TuneResult:
    """The best trial, the config that it became, and of how many trials it is the best."""

    best: BestTrial
    config_file: Path
    num_trials: int


def tune(loaded: LoadedConfig, options: TuneOptions, progress: Progress) -> TuneResult:
    """Runs trials until there are so many, keeps the best as a run, and writes its settings as a config.

    Raises:
        ConfigError: The search space cannot be read, or names a setting or a value that cannot be searched.
        InputError: A file or a run that is not of this search is in the way, or no trial came to its end.
        RunError: The data changed since the search began, or another process searches.
        MissingExtraError: Optuna is not installed.
    """
    space = read_search_space(options.space)
    _check_space(space, loaded, options)
    config_file = Path("configs") / f"{loaded.name}-{options.name}.yaml"
    if config_file.is_file() and not config_file.read_bytes().startswith(_MARK.encode()):
        raise InputError(
            f"{config_file} was not written by tune; move it away, or search under another --name"
        )
    trials = _Trials(loaded, options, progress)
    with writing_run(trials.home):
        search = Search(trials.home.path / "study.db", options.name, space, loaded.config.seed)
        for number in search.broken:
            trials.remove(number)
        trials.require_free_names(search)
        if search.num_done:
            progress.log(f"{trials.home.path}: goes on after trial {search.num_done - 1}")
        keep_best = trials.removing_all_but_the_best(search)
        search.run(options.trials, options.hours, trials.training(), keep_best, progress)
        best = search.best
        if best is None:
            raise InputError(
                f"no trial of {trials.home.path} came to its end; widen {options.space} or raise --trials"
            )
        _write_best(config_file, best, loaded, options, search.num_done)
        return TuneResult(best, config_file, search.num_done)


def _check_space(space: SearchSpace, loaded: LoadedConfig, options: TuneOptions) -> None:
    """Loads the settings with the ends of every range and with every choice.

    Raises:
        ConfigError: A key or a value is wrong, or may not be searched.
    """
    for key, entry in space.items():
        fixed = key.startswith(_FIXED) or (key.startswith("data.") and key != "data.image_size")
        if fixed:
            raise ConfigError(f"{options.space}: {key} cannot be searched: trials would not be comparable")
        for value in entry if isinstance(entry, tuple) else (entry.low, entry.high):
            load_config(loaded.word, [*loaded.overrides, override_text(key, value)])


@dataclass(frozen=True)
class _Trials:
    """The trials of a search, each a run of its own beside the folder of the search."""

    loaded: LoadedConfig
    options: TuneOptions
    progress: Progress

    @property
    def home(self) -> RunFolder:
        """The folder of the search."""
        return run_folder(Path(self.loaded.config.paths.runs), self.loaded.name, self.options.name)

    def folder(self, number: int) -> FoldFolder:
        """The fold that a trial trains."""
        name = f"{self.options.name}-{number}"
        return run_folder(Path(self.loaded.config.paths.runs), self.loaded.name, name).fold(self.options.fold)

    def remove(self, number: int) -> None:
        """Removes the run of a trial."""
        run = self.folder(number).run
        with writing_run(run):
            shutil.rmtree(run.path, ignore_errors=True)

    def require_free_names(self, search: Search) -> None:
        """Checks that no trial to come would be filed under the name of a run that is there.

        Raises:
            InputError: There is such a run.
        """
        for number in search.coming(self.options.trials):
            run = self.folder(number).path.parent
            if run.exists():
                raise InputError(
                    f"{run} is there and is not of this search, which would write trial {number} to it; "
                    "move it away, or search under another --name"
                )

    def removing_all_but_the_best(self, search: Search) -> Callable[[int], None]:
        """What keeps the disk free: of all trials the best alone stays as a run."""
        kept: int | None = None if search.best is None else search.best.number

        def remove(number: int) -> None:
            nonlocal kept
            best = None if search.best is None else search.best.number
            for other in {number, kept} - {best, None}:
                assert other is not None
                self.remove(other)
            kept = best

        return remove

    def training(self) -> RunTrial:
        """What trains one trial; all of them train on the data as it is now.

        Raises:
            RunError: The data changed since the search began.
        """
        loaded, progress = self.loaded, self.progress
        data = open_competition(loaded.config)
        cache = open_images(loaded.config, data, progress)
        folds = open_folds(loaded, data, cache)
        path = self.home.path / "data.json"
        made_of = dict(open_today(loaded.config, data, progress, cache).training)
        if not path.is_file():
            write_json(path, made_of)
        elif read_json(path) != made_of:
            raise RunError(
                f"the data changed since the search {path.parent} began, so its trials cannot be compared "
                "with new ones; search under another --name"
            )

        def run_trial(number: int, overrides: Sequence[str], report: EpochReport) -> None:
            settings = load_config(loaded.word, [*loaded.overrides, *overrides])
            ignored = check_rules(settings.config, len(data.classes), self.options.ignore_rules, progress)
            folder = self.folder(number)
            cache = open_images(settings.config, data, progress)
            fold_data = select_fold(data, folds, cache, folder.fold)
            today = open_today(settings.config, data, progress, cache)
            about = describe_training(settings, folds, "trial", today, ignored)
            trials_after = max(0, self.options.trials - number - 1)
            epochs_after = trials_after * settings.config.train.epochs
            context = RunContext(about, progress, lambda row: report(row["score"]), epochs_after=epochs_after)
            with writing_run(folder.run):
                train_fold(settings.config, fold_data, folder, "new", context)

        return run_trial


def _write_best(
    path: Path, best: BestTrial, loaded: LoadedConfig, options: TuneOptions, num_trials: int
) -> None:
    """Writes the best settings as a config that extends the one that was searched."""
    kept = [text for text in loaded.overrides if not text.startswith(("paths.", "device="))]
    values = _nested([*kept, *best.overrides])
    head = f"{_MARK} score {best.score:.5f} on fold {options.fold}, the best of {num_trials} trials.\n"
    path.parent.mkdir(exist_ok=True)
    write_text(path, head + dump_yaml({"extends": loaded.word, **values}))


def _nested(overrides: Sequence[str]) -> Mapping[str, Any]:
    """The settings that overrides stand for, part by part.

    >>> _nested(["optim.lr=0.1", "seed=3", "optim.name=sgd"])
    {'optim': {'lr': 0.1, 'name': 'sgd'}, 'seed': 3}
    """
    values: dict[str, Any] = {}
    for text in overrides:
        key, _, value = text.partition("=")
        *parts, last = key.split(".")
        inner = values
        for part in parts:
            inner = inner.setdefault(part, {})
        inner[last] = parse_yaml(value)
    return values

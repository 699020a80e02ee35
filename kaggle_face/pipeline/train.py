"""Training of the folds of a run, on this machine or on Kaggle."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Any, Literal

from kaggle_face.artifacts.environment import command_line, describe_environment
from kaggle_face.artifacts.run_locks import writing_folds
from kaggle_face.artifacts.runs import FoldFolder, RunFolder
from kaggle_face.artifacts.seals import time_of_now
from kaggle_face.config import Config, LoadedConfig
from kaggle_face.data.cache.image_cache import ImageCache
from kaggle_face.errors import InputError, counted, part_of
from kaggle_face.pipeline.budget.estimates import add_estimate
from kaggle_face.pipeline.inputs.fold_starts import (
    Start,
    TrainOptions,
    adding_next_command,
    choose_starts,
    existing_folds,
    next_command,
)
from kaggle_face.pipeline.inputs.preparing import open_competition, open_folds, open_images
from kaggle_face.pipeline.inputs.rules_check import check_rules
from kaggle_face.pipeline.inputs.today import (
    Today,
    open_today,
    require_current_training,
    require_unchanged,
    why_training_is_outdated,
)
from kaggle_face.progress import Progress, in_words
from kaggle_face.records import CompetitionData, Folds
from kaggle_face.stopping import StoppedBySignalError, raise_if_wished
from kaggle_face.train.config_lint import lint_config
from kaggle_face.train.distributed import SINGLE_PROCESS, DistributedContext
from kaggle_face.train.fold import train_fold
from kaggle_face.train.loggers.creation import require_logger_packages
from kaggle_face.train.run_context import RunContext
from kaggle_face.train.settings import select_fold
from kaggle_face.train.speed.estimate import FoldSize, estimate_fold

FoldOutcome = Literal["finished", "stopped", "skipped"]

_LEAST_IMAGES_ESTIMATED = 1000
"""Images of all epochs, below which a training is over before an estimate would be of use."""


@dataclass(frozen=True)
class TrainResult:
    """The result of training the folds of a run.

    Attributes:
        run: Their folder.
        outcomes: By fold: trained to the end, stopped by `train.max_hours`, or trained before. Folds behind
            one that was stopped are not begun, and not in it.
        seconds: Time of all of it.
        next_command: The command that goes on after a stop; empty where there is nothing to go on with.
    """

    run: RunFolder
    outcomes: Mapping[int, FoldOutcome]
    seconds: float
    next_command: str = ""


def train_folds(
    loaded: LoadedConfig,
    run: RunFolder,
    folds: Sequence[int] | None,
    options: TrainOptions,
    progress: Progress,
    distributed: DistributedContext = SINGLE_PROCESS,
) -> TrainResult:
    """Trains folds, with None all that are not finished; those that were stopped go on.

    One fold that is named alone goes on, or is skipped where it is finished, with `options.resume`.

    Raises:
        MissingExtraError: A package of `train.loggers` is not installed.
        RunError: There is no such fold; it is trained already, or was begun with other settings or data.
        RulesError: A rule of the competition is broken and not ignored.
        TrainingStoppedError: The training diverged, or another process is gone.
        StoppedBySignalError: A signal came; the error's line names what is kept and the command that goes on.
    """
    began = time.monotonic()
    config = loaded.config
    require_logger_packages(config.train)
    data = open_competition(config, progress)
    run.require_networks("to train")
    numbers = existing_folds(config, folds)
    ignored_rules = check_rules(config, len(data.classes), options.ignore_rules, progress)
    folders = [run.fold(number) for number in numbers]
    with writing_folds(run, numbers) if distributed.is_rank_zero else nullcontext():
        starts = distributed.on_rank_zero(choose_starts, folders, config, options, folds is None)
        cache = open_images(config, data, progress)
        splits = open_folds(loaded, data, cache)
        for line in lint_config(config):
            progress.warn(line)
        today = open_today(config, data, progress, cache)
        _compare_with_earlier(run, folders, starts, today, progress)
        if folds is None:
            _log_what_is_left(run, starts.count("skip"), len(starts), progress)
        about = describe_training(loaded, splits, today, options, ignored_rules)
        context = RunContext(
            about, progress, distributed=distributed, saves_when_stopped=True, deadline=options.deadline
        )
        queue = _FoldQueue(loaded, options, folders, starts, data, splits, cache, context)
        queue.log_estimate()
        outcomes, command = queue.train(logs_skipped=folds is not None)
        try:
            require_unchanged(config, today, progress)
        except InputError as error:
            # Hours of training are not thrown away: records name their inputs, which later stages compare.
            progress.warn(str(error))
    return TrainResult(run, outcomes, time.monotonic() - began, command)


@dataclass(frozen=True)
class _FoldQueue:
    """The folds of one call, in order, with how each begins and all that they train on."""

    loaded: LoadedConfig
    options: TrainOptions
    folders: Sequence[FoldFolder]
    starts: Sequence[Start]
    data: CompetitionData
    splits: Folds
    cache: ImageCache
    context: RunContext

    def train(self, logs_skipped: bool) -> tuple[dict[int, FoldOutcome], str]:
        """Trains the folds up to one that is stopped; the outcome of each, and the command that goes on."""
        log, outcomes = self.context.progress.log, dict[int, FoldOutcome]()
        num_left = len(self.starts) - self.starts.count("skip")
        for place, (folder, start) in enumerate(zip(self.folders, self.starts, strict=True)):
            if start == "skip":
                if logs_skipped:
                    log(f"fold {folder.fold} of {folder.run.name} is trained")
                outcomes[folder.fold] = "skipped"
                continue
            began, following = time.monotonic(), self.folders[place:]
            with adding_next_command(following, start, self.loaded, self.options):
                outcome = self._train_fold(folder, start, self._epochs_after(place))
            outcomes[folder.fold] = outcome
            if (
                outcome == "finished" and self.context.deadline is None
            ):  # else the caller adds it, with its plan
                runs = Path(self.loaded.config.paths.runs)
                self.context.distributed.on_rank_zero(add_estimate, runs, folder, self.context.progress)
            if outcome == "stopped":
                return outcomes, next_command(following, True, self.loaded, self.options)
            num_left -= 1
            if num_left and start == "new":
                seconds = num_left * (time.monotonic() - began)
                log(f"{counted(num_left, 'fold')} left: about {in_words(seconds)}")
        return outcomes, ""

    def log_estimate(self) -> None:
        """Logs the time of the folds to train, where there is no deadline and they take a while."""
        config, context = self.loaded.config, self.context
        numbers = [
            folder.fold for folder, start in zip(self.folders, self.starts, strict=True) if start != "skip"
        ]
        if not numbers or context.deadline is not None:
            return
        count, first = len(numbers), numbers[0]
        num_images = len(self.splits.training_ids(first))
        if count * config.train.epochs * num_images < _LEAST_IMAGES_ESTIMATED:
            return
        num_measured = len(self.splits.validation_ids(first)) + len(self.splits.pairs[first].image_ids)
        size = FoldSize(len(self.data.classes), num_images, num_measured)
        device = context.distributed.device_setting(config.device)
        estimate = estimate_fold(config, size, device, context.distributed.share.count)
        if estimate is None:
            return
        each = " each" if count > 1 else ""
        begun = ", less what was trained before" if "resume" in self.starts else ""
        whole = f", {in_words(count * estimate.seconds)} in all" if count > 1 else ""
        context.progress.log(f"{counted(count, 'fold')} to train: {estimate}{each}{whole}{begun}")

    def _train_fold(
        self, folder: FoldFolder, start: Literal["new", "resume"], epochs_after: int
    ) -> FoldOutcome:
        fold_data = select_fold(self.data, self.splits, self.cache, folder.fold, self.context.progress)
        context = replace(self.context, epochs_after=epochs_after)
        outcome = train_fold(self.loaded.config, fold_data, folder, start, context)
        if outcome == "interrupted":
            raise_if_wished()
            raise StoppedBySignalError  # the signal came to another process
        return outcome

    def _epochs_after(self, place: int) -> int:
        """The epochs that the folds behind a place still need."""
        behind = zip(self.folders[place + 1 :], self.starts[place + 1 :], strict=True)
        return sum(_epochs_to_train(folder, start, self.loaded.config) for folder, start in behind)


@dataclass(frozen=True)
class RemoteOptions:
    """Options of a training on Kaggle's GPUs.

    Attributes:
        hours: The longest time of one notebook.
        accelerator: Kaggle's name of the GPU.
        overwrite: Whether folds are trained anew, whatever is here.
        ignore_rules: Whether to train although a rule of the competition is broken, which is recorded.
    """

    hours: float = 11.0
    accelerator: str = "NvidiaTeslaT4"
    overwrite: bool = False
    ignore_rules: bool = False

    def __post_init__(self) -> None:
        if not 0.0 < self.hours < inf:
            raise InputError(f"--hours must be > 0, got {self.hours:g}")


def train_on_kaggle(
    loaded: LoadedConfig,
    run: RunFolder,
    folds: Sequence[int] | None,
    options: RemoteOptions,
    progress: Progress,
    distributed: DistributedContext = SINGLE_PROCESS,
) -> TrainResult:
    """Trains folds on Kaggle, with None all that are not finished, and brings their folders home.

    Raises:
        InputError: It was started by torchrun.
        RemoteError: The GPU quota is spent, or Kaggle refuses something.
        RulesError: A rule is broken, and not ignored.
        RunError: Another notebook of this run trains other folds.
        TrainingStoppedError: The notebook failed, or came back no further than before.
    """
    from kaggle_face.kaggle.client.client import connect
    from kaggle_face.kaggle.client.clock import SystemClock
    from kaggle_face.kaggle.remote.kaggle_notebooks import KaggleNotebooks
    from kaggle_face.kaggle.remote.training import RemoteTraining

    if distributed.is_parallel:
        raise InputError("--on kaggle is one call; start it without torchrun")
    run.require_networks("to train")
    began = time.monotonic()
    outcomes: dict[int, FoldOutcome] = {}
    left = []
    wanted = existing_folds(loaded.config, folds)
    for number in wanted:
        if not options.overwrite and run.fold(number).is_finished:
            if folds is not None:
                progress.log(f"fold {number} of {run.name} is trained")
            outcomes[number] = "skipped"
        else:
            left.append(number)
    if folds is None:
        _log_what_is_left(run, len(outcomes), len(wanted), progress)
    if left:
        check_rules(loaded.config, _classes_at_hand(loaded.config), options.ignore_rules, progress)
        clock = SystemClock()
        with writing_folds(run, left):
            notebooks = KaggleNotebooks(connect(clock, progress, loaded.config.submit.silent_seconds), clock)
            how = (options.hours, options.accelerator, options.ignore_rules)
            training = RemoteTraining(loaded, run, notebooks, clock, progress, *how)
            training.train(left, anew=options.overwrite)
    outcomes.update(dict.fromkeys(left, "finished"))
    return TrainResult(run, outcomes, time.monotonic() - began)


def _classes_at_hand(config: Config) -> int:
    """The classes of the raw folder; 1, so that no rule seems broken, where the notebook alone has it."""
    try:
        return len(open_competition(config).classes) if Path(config.data.root).is_dir() else 1
    except InputError:
        return 1


def _log_what_is_left(run: RunFolder, num_finished: int, count: int, progress: Progress) -> None:
    """One line about the finished folds of a run, where the call named none."""
    if num_finished == count:
        which = f"all {count} folds of {run.name} are" if count > 1 else f"the only fold of {run.name} is"
        progress.log(f"{which} trained: there is nothing to do")
    elif num_finished:
        progress.log(
            f"{part_of(num_finished, count, f'fold of {run.name}', 'are trained')}; the others follow"
        )


def _epochs_to_train(folder: FoldFolder, start: Start, config: Config) -> int:
    """The epochs of a fold that are not trained yet."""
    if start == "skip":
        return 0
    finished = 0
    if start == "resume" and folder.history_file.is_file():
        text = folder.history_file.read_text(encoding="utf-8", errors="replace")  # it is written anew
        finished = len(text.splitlines()) - 1
    return max(0, config.train.epochs - finished)


def _compare_with_earlier(
    run: RunFolder, folders: Sequence[FoldFolder], starts: Sequence[Start], today: Today, progress: Progress
) -> None:
    """Refuses to go on with a fold of other data, and warns of other folds that are of such."""
    by_fold = dict(zip([folder.fold for folder in folders], starts, strict=True))
    for fold in run.started_folds():
        start = by_fold.get(fold.fold)
        if start == "resume":
            require_current_training(fold, today, "train")
        elif start != "new" and (reason := why_training_is_outdated(fold, today)) is not None:
            progress.warn(
                f"fold {fold.fold} of {run.name} was trained on other data: {reason}; the folds of a blend "
                "must be of the same data"
            )


def describe_training(
    loaded: LoadedConfig,
    folds: Folds,
    today: Today,
    options: TrainOptions,
    ignored_rules: Sequence[str] = (),
) -> dict[str, Any]:
    """The call that trains a fold, for `run.json`: settings, data, folds, versions, and a launch's id."""
    return {
        "kind": options.kind,
        "config": loaded.name,
        "settings": loaded.word,
        "made_of": dict(today.training),
        "began_at": time_of_now(),
        "overrides": list(loaded.overrides),
        "folds": folds.name,
        "num_folds": folds.count,
        "ignored_rules": list(ignored_rules),
        **describe_environment(command_line(), loaded.config.device),
        **({} if options.launch is None else {"launch": options.launch}),
    }

"""Training of the folds of a run: which are begun, resumed or skipped, and the command that goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from kaggle_face.artifacts.run_locks import writing_folds
from kaggle_face.artifacts.runs import FoldFolder, RunFolder, RunKind, command_line, describe_environment
from kaggle_face.artifacts.seals import time_of_now
from kaggle_face.config import Config, LoadedConfig
from kaggle_face.config.comparing import changed_settings
from kaggle_face.data.folds.split import number_of_folds
from kaggle_face.errors import InputError, RunError, WorkerLostError
from kaggle_face.hints import settings_command
from kaggle_face.pipeline.budget.estimates import add_estimate
from kaggle_face.pipeline.inputs.preparing import open_competition, open_folds, open_images
from kaggle_face.pipeline.inputs.rules_check import check_rules
from kaggle_face.pipeline.inputs.today import (
    Today,
    open_today,
    require_current_training,
    require_unchanged,
    why_training_is_outdated,
)
from kaggle_face.progress import Progress
from kaggle_face.records import CompetitionData, Folds
from kaggle_face.stopping import StoppedBySignalError, raise_if_wished
from kaggle_face.train.config_lint import lint_config
from kaggle_face.train.deadline import Deadline
from kaggle_face.train.distributed import SINGLE_PROCESS, DistributedContext
from kaggle_face.train.fold import train_fold
from kaggle_face.train.settings import select_fold
from kaggle_face.train.speed.estimate import FoldSize, estimate_fold, in_words
from kaggle_face.train.trainer import RunContext

Start = Literal["new", "resume", "skip"]
FoldOutcome = Literal["finished", "stopped", "skipped"]

_LEAST_IMAGES_ESTIMATED = 1000
"""Images of all epochs, below which a training is over before an estimate would be of use."""


@dataclass(frozen=True)
class TrainOptions:
    """How folds are trained.

    Attributes:
        resume: Whether one fold goes on where its training was stopped; several do so anyway.
        overwrite: Whether folds are trained anew; what they have stays until the new training has saved a
            first state.
        ignore_rules: Whether to train although a rule of the competition is broken, which is recorded.
        kind: What the run is filed as.
    """

    resume: bool = False
    overwrite: bool = False
    ignore_rules: bool = False
    kind: RunKind = "training"


@dataclass(frozen=True)
class TrainResult:
    """What became of the folds of a run.

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
    deadline: Deadline | None = None,
) -> TrainResult:
    """Trains folds, with None all that are not finished; those that were stopped go on.

    One fold that is named alone goes on, or is skipped where it is finished, with `options.resume`. With a
    `deadline` the schedule of each is re-fitted so that it is over by then.

    Raises:
        RunError: There is no such fold; it is trained already, or was begun with other settings or data.
        RulesError: A rule of the competition is broken and not ignored.
        TrainingStoppedError: The training diverged, or another process is gone.
        StoppedBySignalError: A signal came; the error's line names what is kept and the command that goes on.
    """
    began = time.monotonic()
    config = loaded.config
    data = open_competition(config, progress)
    run.require_networks("to train")
    numbers = existing_folds(config, folds)
    ignored_rules = check_rules(config, len(data.classes), options.ignore_rules, progress)
    folders = [run.fold(number) for number in numbers]
    outcomes: dict[int, FoldOutcome] = {}
    next_command = ""
    with writing_folds(run, numbers) if distributed.is_rank_zero else nullcontext():
        starts = distributed.on_rank_zero(choose_starts, folders, config, options, folds is None)
        cache = open_images(config, data, progress)
        division = open_folds(loaded, data, cache)
        for line in lint_config(config):
            progress.warn(line)
        today = open_today(config, data, progress, cache)
        _compare_with_earlier(run, folders, starts, today, progress)
        if folds is None:
            _log_what_is_left(run, starts.count("skip"), len(starts), progress)
        about = describe_training(loaded, division, options.kind, today, ignored_rules)
        left = [folder for folder, start in zip(folders, starts, strict=True) if start != "skip"]
        if left and deadline is None:
            size = _size_of_fold(data, division, left[0].fold)
            _log_estimate(config, size, starts, progress, distributed)
        context = RunContext(
            about, progress, distributed=distributed, saves_when_stopped=True, deadline=deadline
        )
        for place, (folder, start) in enumerate(zip(folders, starts, strict=True)):
            if start == "skip":
                if folds is not None:
                    progress.log(f"fold {folder.fold} of {run.name} is trained")
                outcomes[folder.fold] = "skipped"
                continue
            fold_began = time.monotonic()
            with _adding_next_command(folders[place:], start, loaded, options):
                fold_data = select_fold(data, division, cache, folder.fold)
                outcome = train_fold(config, fold_data, folder, start, context)
                if outcome == "interrupted":
                    raise_if_wished()
                    raise StoppedBySignalError  # the signal came to another process
                outcomes[folder.fold] = outcome
            if outcome == "finished" and deadline is None:  # else the caller adds it, with its plan
                distributed.on_rank_zero(add_estimate, Path(config.paths.runs), folder, progress)
            if outcome == "stopped":
                next_command = _next_command(folders[place:], True, loaded, options)
                break
            left.remove(folder)
            if left and start == "new":
                seconds = len(left) * (time.monotonic() - fold_began)
                progress.log(f"{count_of_folds(len(left))} left: about {in_words(seconds)}")
        try:
            require_unchanged(config, today, progress)
        except InputError as error:
            # Hours of training are not thrown away: records name their inputs, which later stages compare.
            progress.warn(str(error))
    return TrainResult(run, outcomes, time.monotonic() - began, next_command)


@dataclass(frozen=True)
class RemoteOptions:
    """How folds are trained on Kaggle's GPUs.

    Attributes:
        hours: The longest time of one notebook.
        accelerator: Kaggle's name of the GPU.
        overwrite: Whether folds are trained anew, whatever is here.
    """

    hours: float = 11.0
    accelerator: str = "NvidiaTeslaT4"
    overwrite: bool = False


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
    wanted = range(number_of_folds(loaded.config.folds)) if folds is None else folds
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
        clock = SystemClock()
        with writing_folds(run, left):
            notebooks = KaggleNotebooks(connect(clock, progress, loaded.config.submit.silent_seconds), clock)
            training = RemoteTraining(
                loaded, run, notebooks, clock, progress, options.hours, options.accelerator
            )
            training.train(left, anew=options.overwrite)
    outcomes.update(dict.fromkeys(left, "finished"))
    return TrainResult(run, outcomes, time.monotonic() - began)


def existing_folds(config: Config, folds: Sequence[int] | None) -> Sequence[int]:
    """The numbers of the wanted folds; with None of all.

    Raises:
        RunError: There is no such fold.
    """
    count = number_of_folds(config.folds)
    beyond = [number for number in folds or () if not 0 <= number < count]
    if beyond:
        raise RunError(f"fold {beyond[0]} does not exist; there are folds 0 to {count - 1} (folds.count)")
    return range(count) if folds is None else folds


def choose_starts(
    folders: Sequence[FoldFolder], config: Config, options: TrainOptions, all_unfinished: bool = False
) -> list[Start]:
    """What to do with each fold, whose folder may hold an earlier training.

    One fold alone goes on or is skipped by `options.resume`; several do so anyway, and so do
    `all_unfinished` ones, of which there may be one.

    Raises:
        RunError: There is nothing to resume; a fold is trained already, or was begun and neither option
            decides; or it was begun with other settings.
    """
    several = all_unfinished or len(folders) > 1
    return [_start_of(folder, config, several, options) for folder in folders]


def _start_of(folder: FoldFolder, config: Config, several: bool, options: TrainOptions) -> Start:
    def again() -> str:
        return folder.run.training_command(folder.fold)

    if options.overwrite:
        return "new"
    if not folder.info_file.is_file():
        if options.resume and not several and not folder.beginning.path.exists():
            raise RunError(f"there is nothing to resume at {folder.path}; begin: {again()}")
        return "new"
    changes = changed_settings(folder.read_config(), config, "resume")
    if changes:
        raise RunError(
            f"{folder.path} was trained with other settings: {'; '.join(changes)}; "
            "choose another name with --run, or train it anew with --overwrite"
        )
    if folder.is_finished:
        if several or options.resume:
            return "skip"
        raise RunError(
            f"fold {folder.fold} is trained at {folder.path}; choose another name with --run, "
            f"or train it anew with --overwrite: {again()}"
        )
    if not folder.resume_file.is_file():
        return "new"
    if several or options.resume:
        return "resume"
    raise RunError(
        f"fold {folder.fold} was begun at {folder.path}; train it anew with --overwrite, "
        f"or go on with --resume: {again()}"
    )


def _log_what_is_left(run: RunFolder, num_finished: int, count: int, progress: Progress) -> None:
    """One line about the finished folds of a run, where the call named none."""
    if num_finished == count:
        progress.log(f"all {count} folds of {run.name} are trained: there is nothing to do")
    elif num_finished:
        progress.log(f"{num_finished} of the {count} folds of {run.name} are trained; the others follow")


def count_of_folds(count: int) -> str:
    """The number of folds in words.

    >>> count_of_folds(1), count_of_folds(5)
    ('1 fold', '5 folds')
    """
    return f"{count} fold{'' if count == 1 else 's'}"


def _size_of_fold(data: CompetitionData, division: Folds, fold: int) -> FoldSize:
    measured = len(division.validation_ids(fold)) + len(division.pairs[fold].image_ids)
    return FoldSize(len(data.classes), len(division.training_ids(fold)), measured)


def _log_estimate(
    config: Config,
    size: FoldSize,
    starts: Sequence[Start],
    progress: Progress,
    distributed: DistributedContext,
) -> None:
    """One line about the time of the folds that are to be trained, where they are not over in a moment."""
    count = len(starts) - starts.count("skip")
    if count * config.train.epochs * size.train_images < _LEAST_IMAGES_ESTIMATED:
        return
    device = distributed.device_setting(config.device)
    estimate = estimate_fold(config, size, device, distributed.share.count)
    if estimate is None:
        return
    begun = ", less what was trained before" if "resume" in starts else ""
    whole = f", {in_words(count * estimate.seconds)} in all" if count > 1 else ""
    progress.log(f"{count_of_folds(count)} to train: {estimate}{' each' if count > 1 else ''}{whole}{begun}")


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
    loaded: LoadedConfig, folds: Folds, kind: RunKind, today: Today, ignored_rules: Sequence[str]
) -> dict[str, Any]:
    """What `run.json` says of the call that trains a fold: settings, data, folds, versions."""
    return {
        "kind": kind,
        "config": loaded.name,
        "settings": loaded.word,
        "made_of": dict(today.training),
        "began_at": time_of_now(),
        "overrides": list(loaded.overrides),
        "folds": folds.name,
        "num_folds": folds.count,
        "ignored_rules": list(ignored_rules),
        **describe_environment(command_line(), loaded.config.device),
    }


@contextmanager
def _adding_next_command(
    folders: Sequence[FoldFolder], start: Start, loaded: LoadedConfig, options: TrainOptions
) -> Iterator[None]:
    """Adds the command that goes on to the error of a training that was stopped or lost a worker."""
    folder = folders[0]
    before = _version_of_state(folder)

    def has_state() -> bool:
        return start == "resume" or _version_of_state(folder) not in ((), before)

    try:
        yield
    except StoppedBySignalError as stop:
        how = _next_command(folders, has_state(), loaded, options)
        kept = f"fold {folder.fold} is saved" if has_state() else f"fold {folder.fold} had not begun"
        raise StoppedBySignalError(stop.number, f"{kept}; go on with: {how}") from None
    except WorkerLostError as error:
        how = _next_command(folders, has_state(), loaded, options)
        raise WorkerLostError(f"{error}; go on with: {how}") from error


def _version_of_state(folder: FoldFolder) -> tuple[int, ...]:
    """Changes whenever the fold has another state to go on from."""
    if not folder.resume_file.is_file():
        return ()
    about = folder.resume_file.stat()
    return (about.st_ino, about.st_mtime_ns, about.st_size)


def _next_command(
    folders: Sequence[FoldFolder], has_state: bool, loaded: LoadedConfig, options: TrainOptions
) -> str:
    """The command that goes on with the first of these folds, if it has a state, and trains the others.

    Several folds go on by themselves where they were, but not those that are to be trained anew.
    """
    numbers = [folder.fold for folder in folders]

    def command(folds: Sequence[int], *words: str) -> str:
        named = ["--run", folders[0].path.parent.name, *(["--ignore-rules"] if options.ignore_rules else [])]
        return settings_command(
            *("train", "--fold", ",".join(map(str, folds)), *words, *named),
            settings=loaded.name,
            word=loaded.word,
            overrides=loaded.overrides,
            without="train.max_hours",
        )

    if not options.overwrite:
        return command(numbers, *(["--resume"] if has_state and len(numbers) == 1 else []))
    first = [command(numbers[:1], "--resume")] if has_state else []
    others = numbers[1:] if has_state else numbers
    return " && ".join([*first, *([command(others, "--overwrite")] if others else [])])

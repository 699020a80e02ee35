"""The start of each fold (begun, resumed or skipped), and the command that goes on after a stop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from kaggle_face.artifacts.runs import FoldFolder, RunFolder, RunKind
from kaggle_face.config import Config, LoadedConfig
from kaggle_face.config.comparing import changed_settings
from kaggle_face.data.folds.split import number_of_folds
from kaggle_face.errors import RunError, WorkerLostError
from kaggle_face.hints import settings_command
from kaggle_face.stopping import StoppedBySignalError

if TYPE_CHECKING:
    from kaggle_face.train.deadline import Deadline

Start = Literal["new", "resume", "skip"]


@dataclass(frozen=True)
class TrainOptions:
    """Options of a training.

    Attributes:
        resume: Whether one fold goes on where its training was stopped; several do so anyway.
        overwrite: Whether folds are trained anew; what they have stays until the new training has saved a
            first state.
        ignore_rules: Whether to train although a rule of the competition is broken, which is recorded.
        kind: What the run is filed as.
        launch: The id of the launch by torchrun; what it began goes on when it starts its processes again.
        devices: The processes that `--devices` started, for the command that goes on.
        deadline: When all of it has to be over; the schedule of each fold is re-fitted to it.
    """

    resume: bool = False
    overwrite: bool = False
    ignore_rules: bool = False
    kind: RunKind = "training"
    launch: str | None = None
    devices: int = 1
    deadline: Deadline | None = None


def existing_folds(config: Config, folds: Sequence[int] | None) -> Sequence[int]:
    """The numbers of the wanted folds; with None of all.

    Raises:
        RunError: There is no such fold, or the list of wanted ones is empty.
    """
    count = number_of_folds(config.folds)
    if folds is not None and not folds:
        raise RunError(f"no fold is chosen; there are folds 0 to {count - 1} (folds.count)")
    beyond = [number for number in folds or () if not 0 <= number < count]
    if beyond:
        raise RunError(f"fold {beyond[0]} does not exist; there are folds 0 to {count - 1} (folds.count)")
    return range(count) if folds is None else folds


def refuse_existing_folds(config: Config, run: RunFolder, folds: Sequence[int] | None) -> None:
    """Checks that none of the wanted folds was begun, with None of all.

    Raises:
        RunError: One was begun, or does not exist.
    """
    for number in existing_folds(config, folds):
        folder = run.fold(number)
        if folder.info_file.is_file():
            raise RunError(
                f"fold {number} is at {folder.path} already; go on with --resume, choose another name with "
                "--run, or train it anew with --overwrite"
            )


def choose_starts(
    folders: Sequence[FoldFolder], config: Config, options: TrainOptions, all_unfinished: bool = False
) -> list[Start]:
    """Chooses the start of each fold, whose folder may hold an earlier training.

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

    if _was_begun_by(options.launch, folder):
        options, several = replace(options, overwrite=False), True
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


def _was_begun_by(launch: str | None, folder: FoldFolder) -> bool:
    """Whether processes of this launch began the training, which has started them again since."""
    if launch is None or not folder.info_file.is_file():
        return False
    return bool(folder.read_info().get("launch") == launch)


@contextmanager
def adding_next_command(
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
        how = next_command(folders, has_state(), loaded, options)
        kept = f"fold {folder.fold} is saved" if has_state() else f"fold {folder.fold} had not begun"
        raise StoppedBySignalError(stop.number, f"{kept}; go on with: {how}") from None
    except WorkerLostError as error:
        how = next_command(folders, has_state(), loaded, options)
        raise WorkerLostError(f"{error}; go on with: {how}") from error


def _version_of_state(folder: FoldFolder) -> tuple[int, ...]:
    """A version of the state to go on from; empty without one."""
    if not folder.resume_file.is_file():
        return ()
    about = folder.resume_file.stat()
    return (about.st_ino, about.st_mtime_ns, about.st_size)


def next_command(
    folders: Sequence[FoldFolder], has_state: bool, loaded: LoadedConfig, options: TrainOptions
) -> str:
    """The command that goes on with the first of these folds, if it has a state, and trains the others.

    Several folds go on by themselves where they were, but not those that are to be trained anew.
    """
    numbers = [folder.fold for folder in folders]

    def command(folds: Sequence[int], *words: str) -> str:
        named = ["--run", folders[0].path.parent.name, *(["--ignore-rules"] if options.ignore_rules else [])]
        named += ["--devices", str(options.devices)] if options.devices > 1 else []
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

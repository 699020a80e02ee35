"""The chain of a run, from its images to the uploaded CSV: the state of each stage, and the next command."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from kaggle_face.artifacts.blends import (
    blended_folds,
    command_of_blend,
    read_blend_tables,
    why_blend_is_outdated,
)
from kaggle_face.artifacts.files.hashing import hash_of_file
from kaggle_face.artifacts.predicted_tables import first_table_difference, read_fold_tables
from kaggle_face.artifacts.provenance import command_of_training, records_of, why_outdated
from kaggle_face.artifacts.run_choice import find_own_run
from kaggle_face.artifacts.runs import FoldFolder, RunFolder, list_runs, run_folder
from kaggle_face.artifacts.seals import has_seal, in_words, read_seal
from kaggle_face.competitions.reading import read_competition
from kaggle_face.competitions.submission.targets import DEMO, target_of
from kaggle_face.config import Config, LoadedConfig
from kaggle_face.data.cache.contents import has_current_cache
from kaggle_face.data.folds.split import number_of_folds
from kaggle_face.errors import ConfigError, InputError, RunError
from kaggle_face.hints import settings_command
from kaggle_face.pipeline.inputs.preparing import cache_plan, settings_of_run
from kaggle_face.pipeline.inputs.today import Today, open_today, why_training_is_outdated
from kaggle_face.progress import Progress
from kaggle_face.submission.ledger.database import DATABASE, Ledger
from kaggle_face.submission.ledger.entries import Entry, shown_path
from kaggle_face.submission.outputs import ENSEMBLE
from kaggle_face.tasks import TASKS

State = Literal["current", "out of date", "missing", "unfinished", "not compared"]


@dataclass(frozen=True)
class Link:
    """One product of a stage, and whether it is current.

    Attributes:
        what: The images, the folds, a fold, its predictions, the blend, a CSV, an upload.
        state: `not compared` where the raw folder is not at hand.
        because: What changed or is missing; empty where all is well.
        command: What makes it or makes it anew; empty where nothing needs to be done.
    """

    what: str
    state: State
    because: str = ""
    command: str = ""


@dataclass(frozen=True)
class RunStatus:
    """The chain of a run in the order of the stages, and the next command; empty where all is current."""

    run: RunFolder
    links: tuple[Link, ...]

    @property
    def next_command(self) -> str:
        """The command of the first link that is not current; empty where nothing needs to be done."""
        return next((link.command for link in self.links if link.command), "")

    def as_json(self) -> dict[str, Any]:
        """The run, its chain and the next command in plain values."""
        chain = [asdict(link) for link in self.links]
        return {"run": self.run.name, "chain": chain, "next": self.next_command}


def status_of_run(loaded: LoadedConfig, name: str | None, progress: Progress) -> RunStatus:
    """The state of each stage of a run, also where nothing of it was made yet.

    Args:
        loaded: The settings of this call.
        name: The run; None: the one that is clearly meant, or `main` where there is none.
        progress: Shows the comparison of pictures.

    Raises:
        RunError: There is no such run, it is not clear which is meant, or the settings changed since.
    """
    runs = Path(loaded.config.paths.runs)
    if name is None and not list_runs(runs, loaded.name):
        run = run_folder(runs, loaded.name, "main")
    else:
        run = find_own_run(loaded, name, lambda _: None)
    return RunStatus(run, chain_of_run(loaded, run, progress))


def chain_of_run(loaded: LoadedConfig, run: RunFolder, progress: Progress) -> tuple[Link, ...]:
    """Every link of the chain of a run, in the order of the stages.

    Args:
        loaded: Settings of today; with them a trained run is worked with the overrides of its training.
        run: A run, of which nothing needs to be there.
        progress: Shows the comparison of pictures.

    Raises:
        RunError: The settings changed since the run was trained.
    """
    started = run.started_folds()
    if started:
        loaded = settings_of_run(loaded.word, run, started, loaded.overrides)
    today, images = _images(loaded, progress)
    numbers = range(number_of_folds(loaded.config.folds))
    links = [*images, _folds(run), *(_training(run, run.fold(number), today) for number in numbers)]
    links += [_predictions(run, fold, today) for fold in started]
    blend = _blend(run, today)
    return (*links, blend, *_files(loaded, run, blend))


def _images(loaded: LoadedConfig, progress: Progress) -> tuple[Today | None, list[Link]]:
    config, root = loaded.config, Path(loaded.config.data.root)
    if not root.is_dir():
        # The files of the demo are made where they are first read.
        get = settings_command("cache" if config.competition.slug == DEMO else "download")
        return None, [Link("images", "missing", f"there is no folder {root}", get)]
    try:
        data = read_competition(root, config.competition, config.data.exclude)
        today = open_today(config, data, progress)
    except InputError as error:
        return None, [Link("images", "out of date", str(error), settings_command("check"))]
    if has_current_cache(cache_plan(config, data), progress):
        return today, [Link("images", "current")]
    reason = "the image cache of these files is not made yet"
    return today, [Link("images", "missing", reason, settings_command("cache"))]


def _folds(run: RunFolder) -> Link:
    names = {str(fold.read_info().get("folds")) for fold in run.started_folds()} - {"None"}
    gone = [name for name in names if not has_seal(run.path.parent / "folds" / name)]
    if gone:
        return Link(
            "folds", "missing", f"{run.path.parent / 'folds' / gone[0]} is gone: train makes it again"
        )
    if len(names) > 1:
        return Link("folds", "out of date", "the folds of this run were trained on different splits")
    return Link("folds", "current" if names else "missing")


def _training(run: RunFolder, fold: FoldFolder, today: Today | None) -> Link:
    what = f"fold {fold.fold}"
    train = run.training_command(fold.fold)
    if not fold.info_file.is_file():
        return Link(what, "missing", "it was not trained", train)
    if not fold.is_finished:
        status = fold.read_info().get("status")
        return Link(what, "unfinished", f"its training is '{status}'", train)
    try:
        reason = None if today is None else why_training_is_outdated(fold, today)
        reason = reason or _first_outdated(fold, "oof")
    except InputError as error:
        reason = str(error)
    if reason is not None:
        return Link(what, "out of date", reason, command_of_training(fold))
    return Link(what, "not compared" if today is None else "current")


def _predictions(run: RunFolder, fold: FoldFolder, today: Today | None) -> Link:
    what, predict = f"predictions of fold {fold.fold}", run.prediction_command()
    if not records_of(fold, "test"):
        return Link(what, "missing", "the test set was not predicted", predict)
    try:
        reason = _first_outdated(fold, "test")
        if reason is None and today is not None:
            reason = first_table_difference(read_fold_tables(fold), today.tables)
    except InputError as error:
        reason = str(error)
    if reason is not None:
        return Link(what, "out of date", reason, predict)
    return Link(what, "not compared" if today is None else "current")


def _first_outdated(fold: FoldFolder, part: Literal["oof", "test"]) -> str | None:
    for checkpoint, kind in records_of(fold, part):
        if (reason := why_outdated(fold, part, checkpoint, kind)) is not None:
            return f"{checkpoint}: {reason}"
    return None


def _blend(run: RunFolder, today: Today | None) -> Link:
    command = command_of_blend(run)
    if not has_seal(run.ensemble_folder):
        return Link("blend", "missing", "nothing was blended", command)
    try:
        reason = why_blend_is_outdated(run)
        if reason is None and today is not None:
            reason = first_table_difference(read_blend_tables(run), today.tables)
        new = [fold for fold in run.finished_folds() if fold not in blended_folds(run)]
    except InputError as error:
        return Link("blend", "out of date", str(error), command)
    if reason is not None:
        return Link("blend", "out of date", reason, command)
    note = f"fold {new[0].fold} was trained since and is not in it" if new else ""
    return Link("blend", "not compared" if today is None else "current", note)


def _files(loaded: LoadedConfig, run: RunFolder, blend: Link) -> Iterator[Link]:
    """The CSVs of the blend, and their uploads."""
    folder, submit = Path(loaded.config.paths.submissions), run.command("submit")
    paths = sorted((folder / loaded.name).glob(f"{run.path.name}_{ENSEMBLE}_*.csv"))
    if not paths:
        yield Link("CSV", "missing", "nothing was written", submit)
        return
    entries = Ledger(folder).entries() if (folder / DATABASE).is_file() else []
    for path in paths:
        entry, is_taken = _row_of(path, entries), _is_taken(loaded.config, path)
        reason = _why_file_is_outdated(run, path, entry, blend, is_taken)
        yield Link(path.name, "out of date" if reason else "current", reason, submit if reason else "")
        if not is_taken:
            continue
        if entry is not None and entry.status not in ("WRITTEN", "FAILED"):
            score = f"score {entry.public_score}" if entry.public_score else entry.status
            yield Link(f"upload of {path.name}", "out of date" if reason else "current", score)
        else:
            yield Link(f"upload of {path.name}", "missing", "it was not uploaded", submit)


def _is_taken(config: Config, path: Path) -> bool:
    """Whether a competition takes a CSV of ours; only such files have rows in the ledger."""
    try:
        for task in TASKS:
            if path.stem.endswith(f"_{task}"):
                target_of(task, config.competition, config.submit)
    except ConfigError:
        return False
    return True


def _row_of(path: Path, entries: Sequence[Entry]) -> Entry | None:
    """The newest row of a file with its content, of another file with it, or of the file with another one."""
    name, sha256 = shown_path(path), hash_of_file(path)
    of_file = [entry for entry in entries if entry.file == name]
    of_content = [entry for entry in entries if entry.sha256 == sha256]
    found = [entry for entry in of_file if entry.sha256 == sha256] or of_content or of_file
    return found[-1] if found else None


def _why_file_is_outdated(
    run: RunFolder, path: Path, entry: Entry | None, blend: Link, is_taken: bool
) -> str:
    if entry is None and is_taken:
        return "this file is not in the ledger"
    if entry is not None and entry.sha256 != hash_of_file(path):
        return "it is not what was written"
    if blend.state in ("out of date", "missing"):
        return f"the blend is {blend.state}"
    try:
        if entry is None:
            return _why_older_than_blend(run, path)
        digests = {read_seal(folder).digest for folder in run.ensemble_folder.iterdir() if has_seal(folder)}
    except RunError as error:
        return str(error)
    task = path.stem.rpartition("_")[2]
    quoted = dict(text.split("=", 1) for text in entry.made_of)
    wanted = [value for key, value in quoted.items() if key in ("classification", "verification")]
    made_at = in_words(read_seal(run.ensemble_folder).made_at)
    is_same = bool(wanted) and set(wanted) <= digests
    return "" if is_same else f"the blend of its {task} answers was made again on {made_at}"


def _why_older_than_blend(run: RunFolder, path: Path) -> str:
    """Why a file without a row in the ledger is out of date: its time is before that of the blend."""
    made_at = read_seal(run.ensemble_folder).made_at
    second_of_seal = datetime.fromisoformat(made_at).timestamp()
    is_older = path.stat().st_mtime + 1 < second_of_seal
    return f"the blend was made again on {in_words(made_at)}" if is_older else ""

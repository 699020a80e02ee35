"""The raw folder of today, compared with what the records of a run were made of.

Letters: N images.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from kaggle_face.artifacts.blends import blended_folds, command_of_blend, read_blend_tables
from kaggle_face.artifacts.predicted_tables import (
    ROWS,
    TestTables,
    class_difference,
    digest_of_classes,
    first_table_difference,
    pair_texts,
    predicted_images,
    predicted_part,
    read_fold_tables,
    table_differences,
)
from kaggle_face.artifacts.provenance import command_of_training, records_of, why_networks_changed
from kaggle_face.artifacts.record_io import read_classes
from kaggle_face.artifacts.runs import FoldFolder, RunFolder
from kaggle_face.artifacts.seals import digest_of_file, digest_of_names, in_words
from kaggle_face.competitions.detection import resolve_competition
from kaggle_face.competitions.reading import read_competition
from kaggle_face.config import Config
from kaggle_face.data.cache.contents import contents_today
from kaggle_face.data.cache.sources import joint_digest
from kaggle_face.errors import DataError, RunError
from kaggle_face.pipeline.inputs.preparing import cache_plan, open_competition
from kaggle_face.progress import Progress
from kaggle_face.records import UNKNOWN, CompetitionData, IntArray

if TYPE_CHECKING:
    from kaggle_face.data.cache.image_cache import ImageCache

_FILES = ("data.exclude_images", "data.pseudo_labels", "model.weights")
"""Settings that name a file whose contents decide what a training does."""

_CHANGED: Mapping[str, str] = {
    "labels": "training images were added, removed, or have another class",
    "pictures": "training pictures were replaced",
    "trials": "the labelled pairs changed",
    "trial_pictures": "pictures of the labelled pairs were replaced",
    **{key: f"the file of {key} changed" for key in _FILES},
}
"""What a difference in each input of a training means, for people."""


@dataclass(frozen=True, eq=False)
class Today:
    """The competition as it lies in the raw folder now.

    Attributes:
        data: All of it, as read.
        training: Digests of what a training is made of, by name; kept in `run.json` as `made_of`.
        tables: What is to be predicted.
    """

    data: CompetitionData
    training: Mapping[str, str]
    tables: TestTables


def open_today(
    config: Config, data: CompetitionData, progress: Progress, cache: ImageCache | None = None
) -> Today:
    """The contents of the raw folder.

    Args:
        config: Where it lies.
        data: What was read of it.
        progress: Shows the reading of pictures.
        cache: The image cache of today's files, where it is open already. Without one the cache of that state
            is looked for, and else the pictures are read.

    Raises:
        DataError: A picture cannot be read now.
    """
    root = Path(config.data.root)
    learnt_from = data.faces.of_split("train", "dev")
    labelled = np.sort(learnt_from.image_ids[learnt_from.labels != UNKNOWN])
    wanted = (labelled, data.dev_pairs.image_ids, predicted_images(data))
    ids = np.concatenate(wanted)
    if cache is not None:
        digests = cache.digests[cache.rows_of(ids)]
    else:
        digests = contents_today(cache_plan(config, data), ids, progress)
    of_training, of_trials, of_tables = np.split(digests, np.cumsum([len(ids) for ids in wanted])[:-1])
    order = np.argsort(data.faces.image_ids, kind="stable")
    rows: IntArray = order[np.searchsorted(data.faces.image_ids[order], labelled)]
    names, splits = data.classes.names[data.faces.labels[rows]], data.faces.splits[rows]
    files = zip(
        _FILES, (config.data.exclude_images, config.data.pseudo_labels, config.model.weights), strict=True
    )
    training = {
        "classes": digest_of_classes(data.classes),
        "labels": digest_of_names(labelled.tolist(), names.tolist(), splits.tolist()),
        "pictures": joint_digest(labelled, of_training),
        "trials": digest_of_names(pair_texts(data.dev_pairs).tolist(), data.dev_pairs.labels.tolist()),
        "trial_pictures": joint_digest(data.dev_pairs.image_ids, of_trials),
        **{key: digest_of_file(Path(name)) for key, name in files if name and Path(name).is_file()},
    }
    competition = resolve_competition(root, config.competition)
    return Today(data, training, TestTables(predicted_part(data), of_tables, competition))


def compare_with_raw_folder(
    config: Config,
    run: RunFolder,
    folds: Sequence[FoldFolder],
    command: Literal["ensemble", "submit"],
    ignore_training: bool,
    progress: Progress,
) -> Today | None:
    """Compares the predictions of some folds with the raw folder, where it is at hand; None where it is not.

    Args:
        config: Where the raw folder is.
        run: The run in whose folder they are blended.
        folds: Trained folds, of this run and of others.
        command: The command that works with them, for hints.
        ignore_training: Whether runs may have been trained on other images than lie there now.
        progress: Receives what is odd in the raw folder, or that there is nothing to compare with.

    Raises:
        RunError: The raw folder holds other classes, rows, pairs or pictures than were predicted.
        DataError: It cannot be read.
    """
    first: Today | None = None
    others = [] if command == "submit" else [each for each in _runs_of(folds) if each != run]
    all_the_same = run.command(command, "--ignore-changes", others=others)
    for root, of_root in _by_root(config, folds).items():
        if not Path(root).is_dir():
            progress.log(f"there is no {root} here: the records of the run are not compared with it")
            continue
        there = config.model_copy(update={"data": config.data.model_copy(update={"root": root})})
        data = open_competition(there, progress)
        today = open_today(there, data, progress)
        for fold in of_root:
            if not ignore_training:
                require_current_training(fold, today, command, all_the_same)
            require_same_classes(fold, today)
            if (fold.path / "test" / ROWS).is_file():
                require_current_tables(fold, today, command_of_blend(run, runs=_runs_of(folds)))
        first = first or (today if root == config.data.root else None)
    return first


def compare_blend_with_raw_folder(
    config: Config, run: RunFolder, ignore_training: bool, progress: Progress
) -> Today | None:
    """Compares a blend and the folds behind it with the raw folder, as `compare_with_raw_folder` does."""
    today = compare_with_raw_folder(config, run, blended_folds(run), "submit", ignore_training, progress)
    reason = None if today is None else first_table_difference(read_blend_tables(run), today.tables)
    if reason is not None:
        how = _predict_and_blend(run, command_of_blend(run))
        raise RunError(f"{reason}, since {run.name} was blended; {how}")
    return today


def require_unchanged(config: Config, today: Today, progress: Progress) -> None:
    """Checks, at the end of a stage, that the raw folder is unchanged since its beginning.

    Raises:
        DataError: It changed meanwhile; what was written counts as out of date.
    """
    data = read_competition(Path(config.data.root), config.competition, config.data.exclude)
    after = open_today(config, data, progress)
    is_same = today.training["classes"] == after.training["classes"]
    classes = () if is_same else (class_difference(today.data.classes, data.classes),)
    inputs = _changed_inputs(today.training, after.training)
    reason = next(chain(classes, inputs, table_differences(today.tables, after.tables)), None)
    if reason is not None:
        raise DataError(f"{config.data.root} changed while this command worked: {reason}; run it again")


def why_training_is_outdated(fold: FoldFolder, today: Today) -> str | None:
    """The change in the raw folder since a fold was trained; None without one.

    Raises:
        RunError: The fold was never trained here.
    """
    made_of = fold.read_info().get("made_of")
    if not isinstance(made_of, dict):
        return "it was trained by an earlier version, which did not keep what it was trained on"
    if made_of.get("classes") != today.training["classes"]:
        return class_difference(read_classes(fold.classes_file), today.data.classes)
    return next(_changed_inputs(made_of, today.training), None) or why_networks_changed(fold)


def outdated_folds(run: RunFolder, today: Today | None, ignore_training: bool) -> dict[FoldFolder, str]:
    """The folds beside a run's blend that were trained on something else than the raw folder holds, and why.

    With `ignore_training` only those whose classes are others; none where there is nothing to compare with.

    Raises:
        RunError: There is no blend, or a fold was never trained here.
    """
    if today is None:
        return {}
    found, blended = dict[FoldFolder, str](), blended_folds(run)
    for fold in run.started_folds():
        if fold in blended or not records_of(fold, "test"):
            continue
        classes = read_classes(fold.classes_file)
        reason = None
        if digest_of_classes(classes) != today.training["classes"]:
            reason = class_difference(classes, today.data.classes)
        elif not ignore_training:
            reason = why_training_is_outdated(fold, today)
        if reason is not None:
            again = command_of_training(fold)
            found[fold] = f"{reason}, since it was trained; put the old files back, or make it again: {again}"
    return found


def require_current_training(
    fold: FoldFolder, today: Today, command: str, all_the_same: str | None = None
) -> None:
    """Checks that a fold was trained on the contents of the raw folder.

    Args:
        fold: A fold of which anything was trained.
        today: What the raw folder holds.
        command: The command that works with it; `--ignore-changes` is offered unless it is `train`.
        all_the_same: The command line that goes on; None: this command with the fold's run.

    Raises:
        RunError: It was not; what changed and what to do are named.
    """
    reason = why_training_is_outdated(fold, today)
    if reason is None:
        return
    run = RunFolder(fold.path.parent)
    began_at = fold.read_info().get("began_at")
    since = f" ({in_words(began_at)})" if isinstance(began_at, str) else ""
    all_the_same = all_the_same or run.command(command, "--ignore-changes")
    go_on = "" if command == "train" else f"; or go on all the same: {all_the_same}"
    raise RunError(
        f"{reason}, since fold {fold.fold} of {run.name} was trained{since}; put the old files back, "
        f"or make it again: {command_of_training(fold)}{go_on}"
    )


def require_same_classes(fold: FoldFolder, today: Today) -> None:
    """Checks that a fold's classes are those of the raw folder, with the same numbers and labels.

    Raises:
        RunError: They are not; the first difference is named.
    """
    classes = read_classes(fold.classes_file)
    if digest_of_classes(classes) != today.training["classes"]:
        raise RunError(
            f"{class_difference(classes, today.data.classes)}; put the folders back as they were when "
            f"{fold.name} was trained, or make it again: {command_of_training(fold)}"
        )


def require_current_tables(fold: FoldFolder, today: Today, blending: str) -> TestTables:
    """The predicted tables of a fold, where they equal those of the raw folder; `blending` blends it again.

    Raises:
        RunError: It is not; the first difference and what to do are named.
    """
    tables, run = read_fold_tables(fold), RunFolder(fold.path.parent)
    reason = first_table_difference(tables, today.tables)
    if reason is not None:
        raise RunError(f"{reason}, since {run.name} was predicted; {_predict_and_blend(run, blending)}")
    return tables


def _by_root(config: Config, folds: Iterable[FoldFolder]) -> dict[str, list[FoldFolder]]:
    """The folds of each raw folder: today's setting for those of the first fold's, else the fold's own."""
    found: dict[str, list[FoldFolder]] = {config.data.root: []}
    trained_on: str | None = None
    for fold in folds:
        own = fold.read_config().data.root if fold.config_file.is_file() else config.data.root
        trained_on = trained_on or own
        found.setdefault(config.data.root if own == trained_on else own, []).append(fold)
    return found


def _runs_of(folds: Iterable[FoldFolder]) -> list[RunFolder]:
    return list(dict.fromkeys(fold.run for fold in folds))


def _predict_and_blend(run: RunFolder, blending: str) -> str:
    return f"predict again: {run.prediction_command()}, and blend again: {blending}"


def _changed_inputs(before: Mapping[str, Any], today: Mapping[str, str]) -> Iterator[str]:
    """The consequence of a difference; a file of the settings that is not at hand is not compared."""
    for key, text in _CHANGED.items():
        is_there = key not in _FILES or (key in before and key in today)
        if is_there and before.get(key) != today.get(key):
            yield text

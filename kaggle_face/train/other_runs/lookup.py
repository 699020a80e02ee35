"""Other runs that a training builds on.

The settings name them `RUN`, `CONFIG/RUN` or by a path, with `@CHECKPOINT` behind it or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kaggle_face.artifacts.checkpoint_names import CHECKPOINTS
from kaggle_face.artifacts.runs import FoldFolder, RunFolder, describe_runs, list_runs
from kaggle_face.config.schema import CheckpointName
from kaggle_face.errors import RunError

PREFERRED: tuple[CheckpointName, ...] = ("best", "best_ver", "best_cls", "last")
"""Which checkpoint is taken where none is named: the first of these that is there."""


def name_of_fold(folder: FoldFolder, checkpoint: CheckpointName) -> str:
    """`<config>/<run>/fold<k>@<checkpoint>`."""
    return f"{folder.name}@{checkpoint}"


def find_finished_folds(reference: str, target: FoldFolder, key: str) -> list[FoldFolder]:
    """The finished folds of the run that a reference names.

    Args:
        reference: The value of the setting, with `@CHECKPOINT` or without.
        target: The folder of the fold that is to be trained, `<runs>/<config>/<run>/fold<k>`.
        key: The setting, for errors.

    Raises:
        RunError: There is no such run, or none of its folds is finished.
    """
    text = reference.partition("@")[0]
    places = (target.path.parents[1] / text, target.path.parents[2] / text, Path(text))
    run = next((place for place in places if place.is_dir() and text), None)
    if run is None:
        runs = list_runs(target.path.parents[2], target.path.parents[1].name)
        known = describe_runs([run for run in runs if run.path != target.path.parent])
        raise RunError(
            f"{key}: there is no run '{text}' under {target.path.parents[1]}; write RUN, CONFIG/RUN or a "
            f"path, with @CHECKPOINT behind it or not; there are: {known or 'none'}"
        )
    RunFolder(run).require_networks(f"for {key}")
    folders = [FoldFolder(path) for path in sorted(run.glob("fold*")) if FoldFolder(path).is_finished]
    if not folders:
        is_here = run.parent.parent == target.path.parents[2]
        how = f": {RunFolder(run).training_command()}" if is_here else ""
        raise RunError(f"{key}: {run} has no finished fold; train it first{how}")
    return folders


def choose_checkpoint(
    reference: str, folder: FoldFolder, key: str, preferred: Sequence[CheckpointName] = PREFERRED
) -> CheckpointName:
    """The checkpoint that a reference names, or the best that is there.

    Raises:
        RunError: The fold has no such checkpoint.
    """
    wanted = reference.partition("@")[2]
    there = folder.checkpoints
    for name in CHECKPOINTS if wanted else preferred:
        if name in there and wanted in ("", name):
            return name
    raise RunError(f"{key}: {folder.path} has no checkpoint '{wanted}'; there are {', '.join(there)}")


def is_of_several_folds(folder: FoldFolder) -> bool:
    """Whether a fold's network is a soup across folds, which knows the images that each of them holds out."""
    info = folder.read_info()
    soup = info.get("soup")
    if not isinstance(soup, dict):
        return False
    return bool(soup.get("across_folds", info.get("validation_images") == 0))  # soups of before do not say


def require_same_split(folder: FoldFolder, split: str | None, reference: str, key: str) -> None:
    """Checks that another run's fold holds out the same images as the fold that is to be trained.

    Raises:
        RunError: It does not.
    """
    if split is not None and is_of_several_folds(folder):
        raise RunError(
            f"{key}: {reference} is a soup of several folds, so it knows the images that this fold holds "
            "out; take a run, or a soup of each fold by itself"
        )
    number = folder.read_info().get("fold")
    if split is not None and isinstance(number, int) and number != folder.fold:
        raise RunError(
            f"{key}: {folder.path} was trained as fold {number}, so on what fold {folder.fold} holds out; "
            f"name its folder fold{number}"
        )
    if split is not None and folder.read_info().get("folds") != split:
        raise RunError(
            f"{key}: {reference} was trained on other folds, so on images that this fold holds out; "
            "train both with the same folds"
        )

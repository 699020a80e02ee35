"""Weights to start from: another run's checkpoint (`model.init_from`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kaggle_face.artifacts.runs import CHECKPOINTS, FoldFolder, list_runs
from kaggle_face.artifacts.stored import read_classes
from kaggle_face.competitions.catalogue import find_facts
from kaggle_face.config import Config
from kaggle_face.config.schema import CheckpointName
from kaggle_face.errors import ConfigError, RulesError, RunError
from kaggle_face.model.network import FaceNetwork
from kaggle_face.model.trained import read_trained_config
from kaggle_face.model.weights import Tensors, read_weights
from kaggle_face.records import StrArray

_PREFERRED: tuple[CheckpointName, ...] = ("best", "best_ver", "best_cls", "last")


@dataclass(frozen=True)
class InitialWeights:
    """A checkpoint to start from."""

    folder: FoldFolder
    checkpoint: CheckpointName

    @property
    def name(self) -> str:
        """`<config>/<run>/fold<k>@<checkpoint>`."""
        return f"{'/'.join(self.folder.path.parts[-3:])}@{self.checkpoint}"


def find_initial_weights(config: Config, target: FoldFolder, division: str | None) -> InitialWeights | None:
    """The checkpoint that `model.init_from` names for the fold in `target`, or None.

    It is the same fold's where the other run is of the same competition, so that nothing that is held out
    here was trained on there; of another competition it is the first finished fold.

    Args:
        config: All settings.
        target: The folder of the fold that is to be trained, `<runs>/<config>/<run>/fold<k>`.
        division: The name of the division into folds.

    Raises:
        RunError: The run, its fold or checkpoint is missing, or it was trained on other folds.
        RulesError: The competition allows no weights of that origin.
    """
    if config.model.init_from is None:
        return None
    text, _, checkpoint = config.model.init_from.partition("@")
    run = _find_run_folder(text, target)
    folders = [FoldFolder(path) for path in sorted(run.glob("fold*")) if FoldFolder(path).is_finished]
    if not folders:
        raise RunError(f"model.init_from={text}: {run} has no finished fold")
    trained = read_trained_config(folders[0])
    _keep_the_rules(config, trained, text)
    folder = folders[0]
    if trained.competition.slug == config.competition.slug:
        folder = _same_fold(folders, target.fold, division, text)
    return InitialWeights(folder, _choose(folder, checkpoint, text))


def start_from(network: FaceNetwork, initial: InitialWeights, class_names: StrArray) -> str:
    """Takes over backbone and neck, and the head if it knows the same classes; tells what was taken.

    Raises:
        ConfigError: Backbone or neck are others.
    """
    tensors = read_weights(initial.folder.weights_file(initial.checkpoint))
    own = network.state_dict()
    body = {name for name in own if not name.startswith("head.")}
    misfits = sorted(body ^ {name for name in tensors if not name.startswith("head.")})
    misfits += [name for name in sorted(body & set(tensors)) if tensors[name].shape != own[name].shape]
    if misfits:
        raise ConfigError(
            f"model.init_from: {initial.name} has another backbone or neck (first difference: {misfits[0]}); "
            "set the same model.backbone, model.neck and model.embedding_size"
        )
    classes = read_classes(initial.folder.classes_file)
    takes_head = np.array_equal(classes.names, class_names) and _same_head(own, tensors)
    chosen = {name: tensors[name] for name in own if name in tensors and (name in body or takes_head)}
    network.load_state_dict(chosen, strict=False)
    return f"starts from {initial.name}: backbone, neck {'and head' if takes_head else '(the head is new)'}"


def _find_run_folder(text: str, target: FoldFolder) -> Path:
    """`RUN` of the same config, `CONFIG/RUN`, or the path of a run."""
    places = [target.path.parents[1] / text, target.path.parents[2] / text, Path(text)]
    for place in places:
        if place.is_dir() and text:
            return place
    runs = list_runs(target.path.parents[2], target.path.parents[1].name)
    known = [run.path.name for run in runs if run.path != target.path.parent]
    raise RunError(
        f"model.init_from: there is no run '{text}' under {target.path.parents[1]}; write RUN, CONFIG/RUN "
        f"or a path, with @CHECKPOINT behind it or not; there are: {', '.join(known) or 'none'}"
    )


def _same_fold(folders: list[FoldFolder], fold: int, division: str | None, text: str) -> FoldFolder:
    same = next((folder for folder in folders if folder.fold == fold), None)
    if same is None:
        there = ", ".join(str(folder.fold) for folder in folders)
        raise RunError(
            f"model.init_from={text} has no finished fold {fold} (finished: {there}): another fold was trained "
            f"on what this one holds out; run: kaggle-face train --fold {fold} --run {text.rpartition('/')[2]}"
        )
    if division is not None and same.read_info().get("folds") != division:
        raise RunError(
            f"model.init_from={text} was trained on other folds, so on images that fold {fold} holds out; "
            "train both with the same folds"
        )
    return same


def _choose(folder: FoldFolder, wanted: str, text: str) -> CheckpointName:
    there = [name for name in CHECKPOINTS if folder.weights_file(name).is_file()]
    for name in _PREFERRED if not wanted else CHECKPOINTS:
        if name in there and wanted in ("", name):
            return name
    raise RunError(
        f"model.init_from={text}: {folder.path} has no checkpoint '{wanted}'; there are {', '.join(there)}"
    )


def _keep_the_rules(config: Config, trained: Config, text: str) -> None:
    facts = find_facts(config.competition.slug)
    if facts is None:
        return
    other = trained.competition.slug != config.competition.slug
    if other and (facts.rules.forbids_outside_data or facts.rules.forbids_pretrained):
        raise RulesError(
            f"model.init_from={text} was trained for {trained.competition.slug}, and {facts.slug} allows no "
            "outside data; start from a run of this competition, or set model.init_from=null"
        )
    if facts.rules.forbids_pretrained and (trained.model.pretrained or trained.model.weights is not None):
        raise RulesError(
            f"model.init_from={text} began with pretrained weights, and {facts.slug} allows none; "
            "set model.init_from=null"
        )


def _same_head(own: Tensors, theirs: Tensors) -> bool:
    ours = {name: tensor.shape for name, tensor in own.items() if name.startswith("head.")}
    return ours == {name: tensor.shape for name, tensor in theirs.items() if name.startswith("head.")}

"""Weights to start from: another run's checkpoint (`model.init_from`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kaggle_face.artifacts.record_io import read_classes
from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.competitions.catalogue.known import find_spec
from kaggle_face.config import Config
from kaggle_face.config.schema import CheckpointName
from kaggle_face.errors import ConfigError, RulesError, RunError
from kaggle_face.model.network import FaceNetwork
from kaggle_face.model.trained import differing_use, read_trained_config, use_of_trained
from kaggle_face.model.weights.checkpoints import read_weights, require_finite
from kaggle_face.records import StrArray
from kaggle_face.train.other_runs.lookup import (
    choose_checkpoint,
    find_finished_folds,
    name_of_fold,
    require_same_split,
)

_KEY = "model.init_from"
_OF_HEAD = ("model.normalize_features", "margin.scale")


@dataclass(frozen=True)
class WarmStart:
    """A checkpoint whose weights a training starts from."""

    folder: FoldFolder
    checkpoint: CheckpointName

    @property
    def name(self) -> str:
        """`<config>/<run>/fold<k>@<checkpoint>`."""
        return name_of_fold(self.folder, self.checkpoint)


def find_warm_start(config: Config, target: FoldFolder, split: str | None) -> WarmStart | None:
    """The checkpoint that `model.init_from` names for the fold in `target`, or None.

    It is the same fold's where the other run is of the same competition, so that nothing that is held out
    here was trained on there; of another competition it is the first finished fold.

    Args:
        config: All settings.
        target: The folder of the fold that is to be trained, `<runs>/<config>/<run>/fold<k>`.
        split: The name of the split into folds.

    Raises:
        RunError: The run, its fold or checkpoint is missing, or it was trained on other folds.
        RulesError: The competition allows no weights of that origin.
    """
    reference = config.model.init_from
    if reference is None:
        return None
    folders = find_finished_folds(reference, target, _KEY)
    trained = read_trained_config(folders[0])
    _require_allowed_origin(config, trained, reference)
    folder = folders[0]
    if trained.competition.slug == config.competition.slug:
        same = next((each for each in folders if each.fold == target.fold), None)
        if same is None:
            finished = ", ".join(str(each.fold) for each in folders)
            raise RunError(
                f"{_KEY}={reference} has no finished fold {target.fold} (finished: {finished}): another fold "
                f"was trained on what this one holds out; run: {folder.run.training_command(target.fold)}"
            )
        folder = same
        require_same_split(folder, split, reference, _KEY)
    return WarmStart(folder, choose_checkpoint(reference, folder, _KEY))


def apply_warm_start(
    network: FaceNetwork, warm_start: WarmStart, class_names: StrArray, use: Mapping[str, object]
) -> str:
    """Loads backbone and neck, and the head if its classes are the same.

    Args:
        network: Gets the weights.
        warm_start: Where they are.
        class_names: The classes here.
        use: The settings by which the network uses them (`use_of_weights`).

    Returns:
        The loaded parts, and the settings by which they are used otherwise than they were trained, in words.

    Raises:
        ConfigError: Backbone or neck are others.
        RunError: The checkpoint is missing or damaged, or its training diverged.
    """
    path = warm_start.folder.weights_file(warm_start.checkpoint)
    tensors = read_weights(path)
    require_finite(tensors, path)
    own = network.state_dict()
    body = {name for name in own if not name.startswith("head.")}
    misfits = sorted(body ^ {name for name in tensors if not name.startswith("head.")})
    misfits += [name for name in sorted(body & set(tensors)) if tensors[name].shape != own[name].shape]
    if misfits:
        raise ConfigError(
            f"{_KEY}: {warm_start.name} has another backbone or neck (first difference: {misfits[0]}); "
            "set the same model.backbone, model.neck and model.embedding_size"
        )
    classes = read_classes(warm_start.folder.classes_file)
    heads = [
        {name: tensor.shape for name, tensor in each.items() if name.startswith("head.")}
        for each in (own, tensors)
    ]
    takes_head = np.array_equal(classes.names, class_names) and heads[0] == heads[1]
    chosen = {name: tensors[name] for name in own if name in tensors and (name in body or takes_head)}
    network.load_state_dict(chosen, strict=False)
    parts = "backbone, neck and head" if takes_head else "backbone, neck (the head is new)"
    differing = differing_use(use, use_of_trained(warm_start.folder))
    named = [
        f"with {key}={theirs}, here it is {ours}"
        for key, (ours, theirs) in differing.items()
        if takes_head or key not in _OF_HEAD
    ]
    trained = f"; it was trained {', and '.join(named)}" if named else ""
    return f"starts from {warm_start.name}: {parts}{trained}"


def _require_allowed_origin(config: Config, trained: Config, text: str) -> None:
    spec = find_spec(config.competition.slug)
    if spec is None:
        return
    other = trained.competition.slug != config.competition.slug
    if other and (spec.rules.forbids_outside_data or spec.rules.forbids_pretrained):
        raise RulesError(
            f"model.init_from={text} was trained for {trained.competition.slug}, and {spec.slug} allows no "
            "outside data; start from a run of this competition, or set model.init_from=null"
        )
    if spec.rules.forbids_pretrained and (trained.model.pretrained or trained.model.weights is not None):
        raise RulesError(
            f"model.init_from={text} began with pretrained weights, and {spec.slug} allows none; "
            "set model.init_from=null"
        )

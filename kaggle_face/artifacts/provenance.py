"""Provenance of a run's records: their inputs, and whether those are unchanged.

A record quotes the digests of its inputs (`seals`). Those inputs lie in the same folder: the checkpoint, the
classes, and beside the records of each part the tables of what was predicted. So a run folder shows by
itself which of its records are current; what the raw folder holds today is compared by `pipeline`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kaggle_face.artifacts.checkpoint_file import weights_digest
from kaggle_face.artifacts.checkpoint_names import CHECKPOINTS
from kaggle_face.artifacts.predicted_tables import digest_beside, digest_of_tables
from kaggle_face.artifacts.runs import FoldFolder, RecordKind, RecordPart
from kaggle_face.artifacts.seals import (
    Seal,
    in_words,
    read_seal,
)
from kaggle_face.errors import RunError
from kaggle_face.hints import settings_command

if TYPE_CHECKING:
    from kaggle_face.config.schema import CheckpointName

_CHANGED: Mapping[str, str] = {
    "checkpoint": "the weights of the checkpoint changed",
    "classes": "the classes of the fold changed",
    "rows": "the rows of the classification CSV changed",
    "pairs": "the test pairs changed",
    "galleries": "the galleries changed",
    "images": "test pictures were replaced, added or removed",
    "labels": "the held-out images or their classes changed",
    "trials": "the held-out trials changed",
    "people": "the people of the held-out trials changed",
}
"""What a difference in each input means, for people."""


def inputs_beside(fold: FoldFolder, part: RecordPart) -> dict[str, str]:
    """Digests of the inputs that lie beside a part's records: classes, and the tables of rows."""
    inputs = {"classes": digest_beside(fold.classes_file)}
    if part == "test":
        return inputs | digest_of_tables(fold.path / part)
    return inputs | {
        "labels": digest_beside(fold.labels_file),
        "trials": digest_beside(fold.pairs_file("oof")),
        "people": digest_beside(fold.people_file),
    }


def describe_averaging(flip: bool, crops: bool) -> str:
    """The settings of an embedding that decide its value.

    >>> describe_averaging(flip=True, crops=False)
    'predict.flip=true predict.crops=false'
    """
    return f"predict.flip={flip} predict.crops={crops}".lower()


def inputs_of_record(
    fold: FoldFolder, part: RecordPart, checkpoint: CheckpointName, settings: str
) -> dict[str, str]:
    """All inputs of a record: the checkpoint, the tables beside it, and the way of embedding.

    Raises:
        RunError: The checkpoint is missing or damaged.
    """
    weights = weights_digest(fold.weights_file(checkpoint))
    return {"checkpoint": weights, "settings": settings, **inputs_beside(fold, part)}


def why_outdated(
    fold: FoldFolder, part: RecordPart, checkpoint: CheckpointName, kind: RecordKind
) -> str | None:
    """The change since a record was made; None where it is current.

    Where the checkpoint is not at hand (records may be copied without weights) it is not compared.

    Raises:
        RunError: There is no such record, or its seal is damaged.
    """
    seal = read_seal(fold.record_folder(part, checkpoint, kind), check_files=False)
    today = inputs_beside(fold, part)
    weights = fold.weights_file(checkpoint)
    if weights.is_file():
        today["checkpoint"] = weights_digest(weights)
    changed = [name for name, digest in today.items() if seal.made_of.get(name) != digest]
    return None if not changed else f"{_CHANGED[changed[0]]} since {in_words(seal.made_at)}"


def require_current(fold: FoldFolder, part: RecordPart, checkpoint: CheckpointName, kind: RecordKind) -> Seal:
    """The seal of a record that is current.

    Raises:
        RunError: It is not; what changed, since when, and the command that renews it are in the message.
    """
    reason = why_outdated(fold, part, checkpoint, kind)
    if reason is not None:
        name = f"{fold.name}@{checkpoint}"
        which = "test" if part == "test" else "out-of-fold"
        raise RunError(f"the {which} {kind} of {name} are out of date: {reason}; {how_to_renew(fold, part)}")
    return read_seal(fold.record_folder(part, checkpoint, kind), check_files=False)


def digest_of_network(fold: FoldFolder, checkpoint: CheckpointName) -> dict[str, str]:
    """A checkpoint by name and digest, for `networks` in the `run.json` of what is made from it."""
    return {f"{fold.name}@{checkpoint}": weights_digest(fold.weights_file(checkpoint))}


def why_networks_changed(fold: FoldFolder) -> str | None:
    """The change of a checkpoint that a fold was made from (start, teacher, averaged); None: unchanged.

    Checkpoints that are not at hand are not compared.

    Raises:
        RunError: The fold was never trained here.
    """
    networks = fold.read_info().get("networks") or {}
    for name, digest in networks.items():
        place, _, checkpoint = name.rpartition("@")
        path = FoldFolder(fold.path.parents[2] / place).weights_file(checkpoint)
        if path.is_file() and weights_digest(path) != digest:
            return f"the weights of {name}, from which it was made, changed"
    return None


def how_to_renew(fold: FoldFolder, part: RecordPart) -> str:
    """The command that makes a fold's records anew, for hints; or the reason why there is none."""
    if part == "test":
        return f"predict again: {fold.run.prediction_command('--folds', str(fold.fold))}"
    if fold.run.imported_task is not None and not fold.run.has_imported_oof:
        return "it was imported without --oof"
    return f"make it again: {command_of_training(fold)}"


def command_of_training(fold: FoldFolder) -> str:
    """The command that trains a fold anew, goes on with it, or averages the checkpoints of a soup anew."""
    info = fold.read_info() if fold.info_file.is_file() else {}
    if "soup" not in info:
        return fold.run.training_command(fold.fold)
    names = dict.fromkeys(name.split("/")[1] for name in info.get("networks") or {})
    sources = [word for name in names for word in ("--run", name)]
    words = ("soup", *sources, *_options_of_soup(info), "--name", fold.run.path.name, "--overwrite")
    return settings_command(*words, settings=fold.run.path.parent.name)


def _options_of_soup(info: Mapping[str, Any]) -> list[str]:
    """The options that a soup was made with; records of earlier versions keep none."""
    kept = info["soup"] or {}
    words = ["--across-folds"] if kept.get("across_folds") else []
    for option in ("folds", "checkpoints"):
        if kept.get(option):
            words += [f"--{option}", ",".join(map(str, kept[option]))]
    return words


def records_of(fold: FoldFolder, part: RecordPart) -> list[tuple[CheckpointName, RecordKind]]:
    """The records of a part that a fold has, by checkpoint and kind."""
    kinds: tuple[RecordKind, ...] = ("predictions", "embeddings", "pairs")
    return [
        (checkpoint, kind)
        for checkpoint in CHECKPOINTS
        for kind in kinds
        if fold.record_folder(part, checkpoint, kind).is_dir()
    ]

"""The networks of a graph and their shares: one checkpoint of a fold, or the networks of a blend."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from kaggle_face.artifacts.blends import require_current_blend
from kaggle_face.artifacts.checkpoint_file import weights_digest
from kaggle_face.artifacts.checkpoint_names import CHECKPOINTS
from kaggle_face.artifacts.provenance import describe_averaging
from kaggle_face.artifacts.record_io import read_train_images
from kaggle_face.artifacts.runs import FoldFolder, RecordKind, RunFolder
from kaggle_face.artifacts.seals import read_seal
from kaggle_face.config.schema import CheckpointName
from kaggle_face.ensemble.postprocess.class_neighbours import NeighbourRecipe
from kaggle_face.errors import RunError
from kaggle_face.evaluation.blend_record import MemberRecord, TaskRecord, read_blend_record
from kaggle_face.exporting.graph import ClassSpace, Part
from kaggle_face.inference.onnx_file import EMBEDDINGS, LOGITS, NetworkDigest, OutputName
from kaggle_face.model.trained import load_trained_network
from kaggle_face.recognition.embedder import fingerprint_of
from kaggle_face.tasks import Task

BLEND = "blend"
"""What stands for the name of a checkpoint where a graph is a blend."""

_TASK_OF: dict[OutputName, Task] = {EMBEDDINGS: "verification", LOGITS: "classification"}
_KINDS: dict[Task, tuple[RecordKind, ...]] = {
    "classification": ("predictions",),
    "verification": ("pairs", "embeddings"),
}


@dataclass(frozen=True)
class PlannedNetwork:
    """A network of a graph; see `Part`."""

    fold: FoldFolder
    checkpoint: CheckpointName
    flip: bool
    crops: bool
    pair_share: float = 1.0
    class_share: float = 1.0
    temperature: float = 1.0

    @property
    def name(self) -> str:
        """`<config>/<run>/fold<k>@<checkpoint>`."""
        return f"{'/'.join(self.fold.path.resolve().parts[-3:])}@{self.checkpoint}"

    @property
    def averaging(self) -> str:
        """The averaging of embeddings, as in records."""
        return describe_averaging(self.flip, self.crops)

    def digest(self) -> NetworkDigest:
        """Name and digest of the weights."""
        return NetworkDigest(self.name, weights_digest(self.fold.weights_file(self.checkpoint)))

    def fingerprint(self) -> str:
        """A digest of the weights and all settings that change an embedding."""
        config = self.fold.read_config()
        return fingerprint_of(self.fold, self.checkpoint, config, self.flip, self.crops)

    def load(self) -> Part:
        """The network, on the CPU."""
        network = load_trained_network(self.fold, self.checkpoint, torch.device("cpu"))
        known = read_train_images(self.fold.classes_file) > 0
        shares = (self.pair_share, self.class_share, self.temperature)
        return Part(network, self.flip, self.crops, known, *shares)


@dataclass(frozen=True)
class ExportPlan:
    """A graph before it is made.

    Attributes:
        run: The run that is exported, or that holds the blend.
        checkpoint: The name of the checkpoint, or `blend`.
        outputs: What the graph gives.
        networks: The networks, each once.
        space: In which space a blend averages classes; None for one network.
    """

    run: RunFolder
    checkpoint: str
    outputs: tuple[OutputName, ...]
    networks: tuple[PlannedNetwork, ...]
    space: ClassSpace | None = None

    @property
    def is_blend(self) -> bool:
        """Whether it is a blend of networks."""
        return self.checkpoint == BLEND

    @property
    def first(self) -> FoldFolder:
        """The fold whose settings and classes all networks share."""
        return self.networks[0].fold

    @property
    def image_size(self) -> int:
        """Side in pixels of the images."""
        return self.first.read_config().data.image_size

    @property
    def averaging(self) -> str:
        """The averaging of embeddings."""
        return "; ".join(dict.fromkeys(each.averaging for each in self.networks))

    def fingerprint(self) -> str:
        """A digest of all networks with their shares; that of the network itself where there is one."""
        if not self.is_blend:
            return self.networks[0].fingerprint()
        parts = [[each.fingerprint(), each.pair_share] for each in self.networks if each.pair_share > 0]
        parts += [[each.fingerprint(), each.class_share, each.temperature] for each in self.networks]
        text = json.dumps([self.space, *parts])
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def plan_network(
    fold: FoldFolder,
    checkpoint: CheckpointName,
    outputs: Sequence[OutputName],
    flip: bool | None,
    crops: bool | None,
) -> ExportPlan:
    """A graph of one checkpoint; without a choice embeddings are averaged as in its settings.

    Raises:
        RunError: The fold was not trained or lacks the checkpoint.
    """
    settings = fold.read_config().predict
    network = PlannedNetwork(
        fold,
        checkpoint,
        settings.flip if flip is None else flip,
        settings.crops if crops is None else crops,
    )
    fold.require_checkpoint(checkpoint)
    return ExportPlan(fold.run, checkpoint, tuple(outputs), (network,))


def plan_blend(
    run: RunFolder, outputs: Sequence[OutputName], flip: bool | None, crops: bool | None
) -> ExportPlan:
    """A graph of the networks of a run's blend, as the blend scores.

    Raises:
        RunError: There is no blend, it is out of date, or a graph cannot express how it scores.
    """
    require_current_blend(run)
    record = read_blend_record(run)
    assert record is not None, "a current blend has its record"
    merged: list[PlannedNetwork] = []
    space: ClassSpace | None = None
    for output in outputs:
        task = _TASK_OF[output]
        found = record.tasks.get(task)
        if found is None:
            raise RunError(
                f"the blend of {run.name} has no {task}, so it gives no {output}; it answers: "
                f"{', '.join(record.tasks)}"
            )
        reason = why_not_expressible(found, task)
        if reason is not None:
            raise RunError(
                f"the blend of {run.name} cannot be one graph: {reason}; blend again without it: "
                f"{run.command('ensemble', '--no-post-process')}, or export a run"
            )
        if task == "classification":
            space = "probabilities" if found.space in ("", "probabilities") else "log_probabilities"
        for network in _networks_of(run, found, task, flip, crops):
            add_network(merged, network)
    plan = ExportPlan(run, BLEND, tuple(outputs), tuple(merged), space)
    sizes = sorted({each.fold.read_config().data.image_size for each in plan.networks})
    if len(sizes) > 1:
        shown = " and ".join(map(str, sizes))
        raise RunError(
            f"the blend of {run.name} cannot be one graph: its networks take images of {shown} pixels; "
            "export each run alone"
        )
    return plan


def why_not_expressible(found: TaskRecord, task: Task) -> str | None:
    """The part of a blend's scores that no graph of single images can compute; None where one can."""
    usual = {"classification": ("", "probabilities", "log_probabilities"), "verification": ("", "scores")}
    if found.space not in usual[task]:
        return f"its {task} averages {found.space.replace('_', '-')}, which need all test data at once"
    tuning = found.post_processing or {}
    steps = [str(step.get("name", "")) for step in tuning.get("steps", ()) if step.get("is_on")]
    if steps:
        return f"its {task} was post-processed ({', '.join(steps)}), which needs all test data at once"
    recipe, usual_share = tuning.get("recipe"), NeighbourRecipe().share
    votes = isinstance(recipe, dict) and recipe.get("share", 0.0) != usual_share
    if task == "classification" and votes:
        return "its classification lets neighbours vote, which are training images and in no graph"
    return None


def _networks_of(
    run: RunFolder, found: TaskRecord, task: Task, flip: bool | None, crops: bool | None
) -> list[PlannedNetwork]:
    networks = []
    temperatures = found.temperatures or (1.0,) * len(found.members)
    for member, temperature in zip(found.members, temperatures, strict=True):
        for fold, checkpoint in _folds_of(run, member):
            flips, crops_used = _averaging_of(fold, checkpoint, task)
            share = member.weight / len(member.folds)
            of_pairs = task == "verification"
            networks.append(
                PlannedNetwork(
                    fold,
                    checkpoint,
                    flips if flip is None else flip,
                    crops_used if crops is None else crops,
                    pair_share=share if of_pairs else 0.0,
                    class_share=0.0 if of_pairs else share,
                    temperature=1.0 if of_pairs else temperature,
                )
            )
    return networks


def _folds_of(run: RunFolder, member: MemberRecord) -> list[tuple[FoldFolder, CheckpointName]]:
    folder = RunFolder(run.path.parent.parent / member.run)
    folder.require_networks("to export; the blend needs them")
    checkpoint = next((known for known in CHECKPOINTS if known == member.checkpoint), None)
    folds = [folder.fold(number) for number in member.folds]
    for fold in folds:
        if checkpoint is None or not fold.weights_file(checkpoint).is_file():
            raise RunError(
                f"the blend of {run.name} cannot be exported: {fold.path} has no checkpoint "
                f"'{member.checkpoint}'; copy the run with its checkpoints"
            )
    assert checkpoint is not None
    return [(fold, checkpoint) for fold in folds]


def _averaging_of(fold: FoldFolder, checkpoint: CheckpointName, task: Task) -> tuple[bool, bool]:
    """Mirror images and crops, as the test record of a network was made with."""
    there = [fold.record_folder("test", checkpoint, kind) for kind in _KINDS[task]]
    made = [read_seal(each, check_files=False).made_of.get("settings") for each in there if each.is_dir()]
    for flip in (False, True):
        for crops in (False, True):
            if describe_averaging(flip, crops) in made:
                return flip, crops
    settings = fold.read_config().predict
    return settings.flip, settings.crops


def add_network(networks: list[PlannedNetwork], new: PlannedNetwork) -> None:
    """Adds a network, or its shares where the same weights are there: for another task or checkpoint."""
    for place, old in enumerate(networks):
        is_same = (old.fold, old.averaging, old.digest().weights) == (
            new.fold,
            new.averaging,
            new.digest().weights,
        )
        both_classify = old.class_share > 0 and new.class_share > 0
        if is_same and not (both_classify and old.temperature != new.temperature):
            networks[place] = replace(
                old,
                pair_share=old.pair_share + new.pair_share,
                class_share=old.class_share + new.class_share,
                temperature=new.temperature if new.class_share > 0 else old.temperature,
            )
            return
    networks.append(new)

"""The state of a training, saved and loaded so that it can be resumed.

What is not here follows from (seed, epoch, step): the order of images, their augmentation, the mixing of
batches, dropout. That is why a resumed training ends with the same bits.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from kaggle_face.artifacts.files.atomic import writing
from kaggle_face.artifacts.files.disk import explaining
from kaggle_face.artifacts.json_types import PositionShape
from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.config.schema import CheckpointName
from kaggle_face.config.wording import describe_mismatch
from kaggle_face.errors import KaggleFaceError, RunError
from kaggle_face.model.ema import AveragedNetwork
from kaggle_face.model.network import FaceNetwork
from kaggle_face.model.weights.checkpoints import save_weights
from kaggle_face.train.averaging.weights import WeightMean
from kaggle_face.train.distributed import SINGLE_PROCESS, DistributedContext
from kaggle_face.train.loggers.logger import EpochRow
from kaggle_face.train.losses.metric_learning import MetricLoss
from kaggle_face.train.optim.optimizer import load_optimizer_state
from kaggle_face.train.optim.pace import Pace
from kaggle_face.train.parallel.engine import Engine
from kaggle_face.train.parallel.sharding import own_optimizer_state, own_tensors
from kaggle_face.train.step.accumulator import EpochTotals, MetricAccumulator


@dataclass
class TrainingState:
    """Network, optimiser and position of a training; `epoch` and `step` name the next step to take.

    `pace` are the points of a `Pace` that was re-fitted to a deadline; without any it is the planned one.
    """

    network: FaceNetwork
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    average: AveragedNetwork | None
    metric_loss: MetricLoss | None = None
    swa: WeightMean | None = None
    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    epoch_seconds: float = 0.0
    history: list[EpochRow] = field(default_factory=list)
    best_scores: dict[str, float] = field(default_factory=dict)
    best_epochs: dict[CheckpointName, int] = field(default_factory=dict)
    pace: list[list[float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.accumulator = MetricAccumulator(next(self.network.parameters()).device)

    @property
    def networks(self) -> tuple[FaceNetwork, ...]:
        """The trained network, and the averaged one where there is one."""
        return (self.network,) if self.average is None else (self.network, self.average.network)

    @property
    def evaluated_network(self) -> FaceNetwork:
        """The network that is measured and kept: the averaged one where there is one."""
        return self.average.network if self.average is not None else self.network

    def pace_of(self, epochs: int) -> Pace:
        """The pace of the training by the planned number of epochs."""
        return Pace.of(self.pace, epochs)

    def improves(self, checkpoint: CheckpointName, score: float) -> bool:
        """Records a score (higher is better); returns whether it is the best so far; NaN never is."""
        if math.isnan(score) or score <= self.best_scores.get(checkpoint, -math.inf):
            return False
        self.best_scores[checkpoint] = score
        self.best_epochs[checkpoint] = self.epoch
        return True

    def epochs_since_best(self, checkpoint: CheckpointName) -> int:
        """Finished epochs from the best one of a checkpoint on, which counts; 0 without one."""
        return self.epoch - self.best_epochs.get(checkpoint, self.epoch)


def save_checkpoint(
    state: TrainingState,
    folder: FoldFolder,
    checkpoint: CheckpointName,
    distributed: DistributedContext = SINGLE_PROCESS,
) -> None:
    """Writes the weights that are measured, with the epoch they come from; all processes call it."""
    network = state.evaluated_network
    weights = distributed.whole(network, network.state_dict())
    distributed.on_rank_zero(
        save_weights, weights, folder.weights_file(checkpoint), {"epoch": str(state.epoch)}
    )


def save_resume_state(
    state: TrainingState,
    folder: FoldFolder,
    distributed: DistributedContext = SINGLE_PROCESS,
    engine: Engine | None = None,
) -> None:
    """Writes everything that a resumed training needs; all processes call it.

    The state is that of the whole network, with which any number of processes can go on.

    Raises:
        DiskError: There is no room for it, or the disk fails; the state written before is still there.
    """
    plain = {name: getattr(state, name) for name in _PLAIN}
    network, average, swa = state.network, state.average, state.swa
    values: dict[str, Any] = {
        **plain,
        "counts": asdict(state.accumulator.read()),
        "network": distributed.whole(network, network.state_dict()),
        "optimizer": distributed.whole_optimizer_state(state.optimizer, network),
        "scaler": state.scaler.state_dict(),
        "average": None,
        "metric_loss": state.metric_loss.state_dict() if state.metric_loss is not None else None,
        "swa": None,
        "engine": engine.state_dict() if engine is not None else None,
    }
    if average is not None:
        weights = distributed.whole(network, average.network.state_dict())
        values["average"] = {**average.state_dict(), "network": weights}
    if swa is not None:
        values["swa"] = {**swa.state_dict(), "tensors": distributed.whole(network, swa.tensors)}
    distributed.on_rank_zero(_write, values, folder)


def _write(values: dict[str, Any], folder: FoldFolder) -> None:
    with writing(folder.resume_file, _num_bytes(values)) as stream:
        torch.save(values, stream)


def load_resume_state(
    state: TrainingState, folder: FoldFolder, device: torch.device, engine: Engine | None = None
) -> None:
    """Restores the state of `save_resume_state`; of a sharded head, this process's part.

    Raises:
        RunError: The file is missing, is not what was written, or belongs to another training.
        DiskError: There is no memory for it, or the disk fails.
    """
    path = folder.resume_file
    if not path.is_file():
        raise RunError(f"{folder.path} has no state to resume from; train it anew with --overwrite")
    try:
        with explaining(path, "read"):
            # Of the whole head only a part is to lie on the device.
            place = device if state.network.head.shard is None else torch.device("cpu")
            values = _read_verified(path, place)
            _put_back(state, _own_part(state, values, device))
            if engine is not None:
                engine.load_state_dict(values["engine"])
    except KaggleFaceError:
        raise
    except Exception as error:  # of another file everything may be raised, and nothing in it is ours
        raise RunError(
            f"{path} cannot be resumed from ({_reason(error)}); put back a copy, "
            "or train it anew with --overwrite"
        ) from error


def _read_verified(path: Path, device: torch.device) -> dict[str, Any]:
    """The content of a resume file, compared with its checksums, which torch writes and does not read."""
    with path.open("rb") as stream:
        with zipfile.ZipFile(stream) as archive:
            changed = archive.testzip()
        if changed is not None:
            raise ValueError(f"{changed} is not what was written")
        stream.seek(0)
        values = torch.load(stream, map_location=device, weights_only=True)
    for name, none in (("pace", []), ("engine", None)):  # states of earlier versions have none
        values.setdefault(name, none)
    try:
        PositionShape.model_validate({name: values[name] for name in _PLAIN})
    except ValidationError as error:
        raise ValueError(describe_mismatch(error.errors()[0])) from error
    return dict(values)


def _own_part(state: TrainingState, values: dict[str, Any], device: torch.device) -> dict[str, Any]:
    """A state of the whole network, without the classes that other processes hold."""
    network = state.network
    if network.head.shard is None:
        return values
    values["network"] = own_tensors(network, values["network"])
    values["optimizer"] = own_optimizer_state(state.optimizer, network, values["optimizer"])
    if values["average"] is not None:
        values["average"]["network"] = own_tensors(network, values["average"]["network"])
    if values["swa"] is not None:
        own = own_tensors(network, values["swa"]["tensors"])
        values["swa"]["tensors"] = {name: tensor.clone().to(device) for name, tensor in own.items()}
    return values


def _put_back(state: TrainingState, values: dict[str, Any]) -> None:
    state.network.load_state_dict(values["network"])
    load_optimizer_state(state.optimizer, values["optimizer"])
    state.scaler.load_state_dict(values["scaler"])
    if state.average is not None:
        state.average.load_state_dict(values["average"])
    if state.metric_loss is not None:
        state.metric_loss.load_state_dict(values["metric_loss"])
    if state.swa is not None:
        state.swa.load_state_dict(values["swa"])
    state.accumulator.load(EpochTotals(**values["counts"]))
    if values["pace"]:
        Pace.of(values["pace"], 0)  # refuses what is none
    for name in _PLAIN:
        setattr(state, name, values[name])


def _reason(error: Exception) -> str:
    """A reason in a few words; torch's own message on a file that it refuses advises to trust it."""
    if type(error).__name__ == "UnpicklingError":
        return "it holds other things than a training writes"
    words = " ".join(str(error).split())
    return words[:200] if words else type(error).__name__


def _num_bytes(values: object) -> int:
    """The bytes of all tensors in nested mappings and sequences."""
    if isinstance(values, torch.Tensor):
        return values.nbytes
    if isinstance(values, Mapping):
        return sum(map(_num_bytes, values.values()))
    return sum(map(_num_bytes, values)) if isinstance(values, list | tuple) else 0


_PLAIN = tuple(PositionShape.model_fields)

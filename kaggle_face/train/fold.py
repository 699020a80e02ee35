"""Training of one fold from its settings to a finished run folder, new or resumed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from itertools import islice
from typing import Any, Literal

import torch

from kaggle_face.artifacts import record_io
from kaggle_face.artifacts.files.abandoned import remove_abandoned
from kaggle_face.artifacts.files.atomic import write_text
from kaggle_face.artifacts.provenance import digest_of_network
from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.config import Config, dump_config
from kaggle_face.config.schema import CheckpointName
from kaggle_face.errors import RunError
from kaggle_face.hardware import peak_memory_bytes
from kaggle_face.model.cpu import prepare_cpu
from kaggle_face.model.device import resolve_device
from kaggle_face.model.network import FaceNetwork, count_parameters
from kaggle_face.model.trained import use_of_weights
from kaggle_face.model.weights.checkpoints import save_weights
from kaggle_face.train.averaging.weights import NORM_BATCHES, measure_norms
from kaggle_face.train.creation import create_fold_network, create_trainer
from kaggle_face.train.distributed import DistributedContext
from kaggle_face.train.optim.image_sizes import require_growing_is_possible
from kaggle_face.train.other_runs.distillation import find_distillation
from kaggle_face.train.other_runs.warm_start import apply_warm_start, find_warm_start
from kaggle_face.train.out_of_fold import write_out_of_fold
from kaggle_face.train.run_context import RunContext
from kaggle_face.train.settings import FoldData
from kaggle_face.train.speed.step_timing import Workload
from kaggle_face.train.speed.threads import choose_threads, training_threads
from kaggle_face.train.state import load_resume_state
from kaggle_face.train.trainer import Outcome, Trainer
from kaggle_face.train.training_set import adjust_training_set, count_changes
from kaggle_face.train.validation import choose_evaluation


def train_fold(
    config: Config,
    data: FoldData,
    folder: FoldFolder,
    start: Literal["new", "resume"],
    context: RunContext,
) -> Outcome:
    """Trains one fold and writes its checkpoints and out-of-fold records.

    Args:
        config: All settings; they are written beside the results.
        data: What the fold trains on and is measured on.
        folder: Where everything goes. What it holds stays until the first state of a new training is saved.
        start: Whether to begin, or to go on from the state in the folder.
        context: What is known of this call, its progress, and which processes take part.

    Raises:
        TrainingStoppedError: The loss stayed non-finite, or another process is gone.
        RunError: The state to resume from is missing or damaged.
        StoppedBySignalError: A signal came at a moment without a state to save, or after the last was saved.
    """
    with _place_to_write(folder, start, context.distributed) as place:
        return _train_fold(config, data, folder, place, start, context)


@contextmanager
def _place_to_write(
    folder: FoldFolder, start: Literal["new", "resume"], distributed: DistributedContext
) -> Iterator[FoldFolder]:
    """The fold's folder, or a temporary one beside it where a new training would replace something."""
    if start == "resume" or not distributed.on_rank_zero(folder.path.exists):
        yield folder
        return
    place = folder.beginning
    distributed.on_rank_zero(shutil.rmtree, place.path, ignore_errors=True)
    try:
        yield place
    finally:
        if distributed.is_rank_zero:
            shutil.rmtree(place.path, ignore_errors=True)
            with suppress(OSError):  # another fold begins there, or it was never made
                place.path.parent.rmdir()


def _train_fold(
    config: Config,
    data: FoldData,
    folder: FoldFolder,
    place: FoldFolder,
    start: Literal["new", "resume"],
    context: RunContext,
) -> Outcome:
    device = resolve_device(context.distributed.device_setting(config.device))
    prepare_cpu(device)
    context.distributed.on_rank_zero(_remove_abandoned, folder)
    raw_data, data = data, adjust_training_set(data, config.data, context.progress)
    network = create_fold_network(config, data)
    if start == "new":
        warm_start, networks = _initialise(network, config, data, folder, context)
    else:
        info = _read_begun(folder, data)
        warm_start, networks = info.get("initial"), info.get("networks") or {}
    context.distributed.shard_head(network, config)
    network = network.to(device)
    require_growing_is_possible(network, config.train, config.data.image_size)
    distillation = find_distillation(config.loss.distill, data, folder, context.about.get("folds"))
    trainer = create_trainer(config, data, folder, network, distillation, context, place)
    if start == "resume":
        load_resume_state(trainer.state, folder, device, trainer.step_context.engine)
        where = f"epoch {trainer.state.epoch + 1}, step {trainer.state.step + 1}"
        context.progress.log(f"fold {data.fold}: goes on at {where}")
    threads = _choose_threads(config, trainer, start)
    info = {
        **context.about,
        **_describe_training(config, trainer, warm_start, networks),
        **count_changes(raw_data, data),
        "threads": threads,
    }
    context.distributed.on_rank_zero(_write_beginning, config, trainer, info, start)
    with closing(trainer.observer), training_threads(threads):
        outcome = trainer.run()
        _write_results(config, trainer, info, outcome)
    context.distributed.on_rank_zero(_remove_abandoned, folder)
    return outcome


def _read_begun(folder: FoldFolder, data: FoldData) -> dict[str, Any]:
    """The `run.json` of a training that goes on with the images that it was begun with.

    Raises:
        RunError: An earlier version taught it people whom it holds out for its trials.
    """
    info = folder.read_info()
    if data.pseudo_labels_left_out and "pseudo_labels_left_out" not in info:
        raise RunError(
            f"{folder.path} was begun by an earlier version with pseudo-labels of people whom it holds out; "
            f"train it anew: {folder.run.training_command(folder.fold, '--overwrite')}"
        )
    return info


def _describe_training(
    config: Config, trainer: Trainer, warm_start: str | None, networks: Mapping[str, str]
) -> dict[str, Any]:
    """The start, teachers, size and data of a fold's network, for `run.json`."""
    context, network = trainer.step_context, trainer.state.network
    teachers = () if context.distillation is None else context.distillation.runs
    cpu_amp = None
    if context.device.type == "cpu":
        cpu_amp = "off" if context.amp_dtype is None else "bf16"
    return {
        "initial": warm_start,
        "networks": {**networks, **{name: of for run in teachers for name, of in run.networks.items()}},
        "seed": config.seed,
        "center_crop": network.center_crop,
        "cpu_amp": cpu_amp,
        "processes": context.distributed.share.count,
        "num_parameters": count_parameters(network, with_head=True),
        "teachers": [run.name for run in teachers],
        **trainer.data.sizes,
    }


def _remove_abandoned(folder: FoldFolder) -> None:
    """Removes what killed processes left half written in a fold's folder, and beside it."""
    remove_abandoned(folder.path)
    remove_abandoned(folder.path.parent, below=False)


def _choose_threads(config: Config, trainer: Trainer, start: Literal["new", "resume"]) -> int | None:
    """The number of threads of a single process; several share the cores as they were started."""
    if trainer.context.distributed.is_parallel:
        return None
    recorded = None
    if start == "resume":
        recorded = trainer.folder.read_info().get("threads") or torch.get_num_threads()
    steps = config.train.epochs * len(trainer.batches)
    workload = Workload(
        config.train.batch_size, config.data.image_size, trainer.step_context.amp_dtype, steps
    )
    return choose_threads(
        trainer.state.network, config.train.threads, workload, recorded, trainer.context.progress
    )


def _initialise(
    network: FaceNetwork, config: Config, data: FoldData, folder: FoldFolder, context: RunContext
) -> tuple[str | None, dict[str, str]]:
    """Loads the weights of `model.init_from`; returns the checkpoint's name, and its digest by name."""
    warm_start = find_warm_start(config, folder, context.about.get("folds"))
    if warm_start is None:
        return None, {}
    use = use_of_weights(config, config.model.of_fold(data.fold))
    started = apply_warm_start(network, warm_start, data.classes.names, use)
    context.progress.log(f"fold {data.fold}: {started}")
    return warm_start.name, digest_of_network(warm_start.folder, warm_start.checkpoint)


def _write_beginning(
    config: Config, trainer: Trainer, info: Mapping[str, Any], start: Literal["new", "resume"]
) -> None:
    folder, data = trainer.folder, trainer.data
    write_text(folder.config_file, dump_config(config))
    record_io.write_classes(folder.classes_file, data.classes, data.class_counts)
    folder.write_info({**info, "status": "running"})
    trainer.observer.log_settings(_of_fold(config, data.fold), resumes=start == "resume")


def _of_fold(config: Config, fold: int) -> Config:
    """The settings with the network of a fold, for what records the fold alone."""
    return config.model_copy(update={"model": config.model.of_fold(fold)})


def _write_results(config: Config, trainer: Trainer, info: Mapping[str, Any], outcome: Outcome) -> None:
    """Writes the out-of-fold records and the results of the fold; of an interrupted one its state alone."""
    folder, network = trainer.folder, trainer.state.evaluated_network
    distributed = trainer.context.distributed
    if outcome == "interrupted":
        stopped = {**info, "status": "stopped", "seconds": trainer.state.seconds}
        distributed.on_rank_zero(folder.write_info, stopped)
        return
    how = choose_evaluation(config, network, trainer.step_context.amp_dtype, distributed)
    if outcome == "finished":
        _write_swa(trainer)
    # From 1; averaged weights are of no epoch.
    epochs: dict[CheckpointName, int | None] = {"last": trainer.state.epoch, "swa": None}
    epochs.update({checkpoint: epoch + 1 for checkpoint, epoch in trainer.state.best_epochs.items()})
    with distributed.whole_head(network):
        results = write_out_of_fold(folder, trainer.data, network, epochs, how)
    pace = {"pace": trainer.state.pace} if trainer.state.pace else {}  # where it was re-fitted
    info = {**info, **pace, "status": outcome, "seconds": trainer.state.seconds, "results": results}
    info["peak_memory_bytes"] = _peak_memory()
    distributed.on_rank_zero(folder.write_info, info)
    if outcome == "finished":
        of_fold = _of_fold(config, trainer.data.fold)
        trainer.observer.finished(of_fold, folder, results, trainer.state.epoch)
        distributed.on_rank_zero(folder.resume_file.unlink, missing_ok=True)


def _peak_memory() -> dict[str, int]:
    """The most memory that this process and, with CUDA, its tensors held, where the system reports it."""
    found = {"process": peak_memory_bytes(), "device": 0}
    if torch.cuda.is_available():
        found["device"] = torch.cuda.max_memory_allocated()
    return {name: count for name, count in found.items() if count}


def _write_swa(trainer: Trainer) -> None:
    """Keeps the mean of the last epochs' weights, with its own statistics of batch normalisation."""
    mean, distributed = trainer.state.swa, trainer.context.distributed
    if mean is None or mean.count == 0:
        return
    network = trainer.state.evaluated_network
    network.load_state_dict(mean.tensors)
    images = (batch.images for batch in islice(trainer.batches.epoch(trainer.state.epoch), NORM_BATCHES))
    measure_norms(network, images, trainer.step_context.device, trainer.step_context.amp_dtype)
    distributed.average_batch_norms(network)
    about, weights = {"epochs": str(mean.count)}, distributed.whole(network, network.state_dict())
    distributed.on_rank_zero(save_weights, weights, trainer.folder.weights_file("swa"), about)

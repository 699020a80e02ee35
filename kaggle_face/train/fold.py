"""One fold from its settings to a finished run folder: new, or resumed where it stopped."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import islice
from typing import Any, Literal

import torch

from kaggle_face.artifacts import record_io as stored
from kaggle_face.artifacts.files.abandoned import remove_abandoned
from kaggle_face.artifacts.files.atomic import write_text
from kaggle_face.artifacts.provenance import digest_of_network
from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.config import Config, dump_config
from kaggle_face.config.schema import CheckpointName
from kaggle_face.data.augmentation.per_image import Augmenter
from kaggle_face.data.loading.identity_sampling import sampled_order
from kaggle_face.data.loading.loader import TrainingBatches
from kaggle_face.data.loading.placement import choose_supply
from kaggle_face.data.loading.samplers import seeded
from kaggle_face.model.amp import CpuAmp, resolve_amp, resolve_device
from kaggle_face.model.cpu import prepare_cpu
from kaggle_face.model.ema import AveragedNetwork
from kaggle_face.model.network import FaceNetwork, count_parameters, create_network
from kaggle_face.model.weights.checkpoints import save_weights
from kaggle_face.train.averaging.weights import NORM_BATCHES, WeightMean, measure_norms
from kaggle_face.train.distributed import Processes
from kaggle_face.train.losses.metric_learning import create_metric_loss
from kaggle_face.train.optim.image_sizes import require_growing_is_possible
from kaggle_face.train.optim.optimizer import create_fold_optimizer
from kaggle_face.train.other_runs.distillation import Teacher, find_teacher
from kaggle_face.train.other_runs.warm_start import find_initial_weights, start_from
from kaggle_face.train.out_of_fold import write_out_of_fold
from kaggle_face.train.settings import FoldTask, Recipe
from kaggle_face.train.speed.compiling import should_compile
from kaggle_face.train.speed.precision import decide_cpu_amp, recorded_cpu_amp
from kaggle_face.train.speed.step_timing import Workload
from kaggle_face.train.speed.threads import choose_threads, training_threads
from kaggle_face.train.state import TrainingState, load_resume_state
from kaggle_face.train.step.step import Machine, updates_per_epoch
from kaggle_face.train.trainer import Call, Fit, Outcome
from kaggle_face.train.training_set import adjust_training_set, count_changes
from kaggle_face.train.validation import choose_evaluation

_WEIGHTS = 0
"""Which random draws a seed is for: the initial weights."""


def train_fold(
    config: Config, task: FoldTask, folder: FoldFolder, start: Literal["new", "resume"], call: Call
) -> Outcome:
    """Trains one fold and writes its checkpoints and out-of-fold records.

    Args:
        config: All settings; they are written beside the results.
        task: What the fold trains on and is measured on.
        folder: Where everything goes. What it holds stays until the first state of a new training is saved.
        start: Whether to begin, or to go on from the state in the folder.
        call: What is known of this call, who is told, and which processes take part.

    Raises:
        TrainingStoppedError: The loss stayed non-finite, or another process is gone.
        RunError: The state to resume from is missing or damaged.
        StoppedBySignalError: A signal came at a moment without a state to save, or after the last was saved.
    """
    with _place_to_write(folder, start, call.processes) as place:
        return _train_fold(config, task, folder, place, start, call)


@contextmanager
def _place_to_write(
    folder: FoldFolder, start: Literal["new", "resume"], processes: Processes
) -> Iterator[FoldFolder]:
    """The fold's folder, or a place beside where a new training would replace something; left clean."""
    if start == "resume" or not processes.by_first(folder.path.exists):
        yield folder
        return
    place = folder.beginning
    processes.by_first(shutil.rmtree, place.path, ignore_errors=True)
    try:
        yield place
    finally:
        if processes.is_first:
            shutil.rmtree(place.path, ignore_errors=True)
            with suppress(OSError):  # another fold begins there, or it was never made
                place.path.parent.rmdir()


def _train_fold(
    config: Config,
    task: FoldTask,
    folder: FoldFolder,
    place: FoldFolder,
    start: Literal["new", "resume"],
    call: Call,
) -> Outcome:
    device = resolve_device(call.processes.device_setting(config.device))
    prepare_cpu(device)
    call.processes.by_first(_remove_abandoned, folder)
    raw_task, task = task, adjust_training_set(task, config.data)
    network = create_fold_network(config, task)
    if start == "new":
        initial, networks = _initialise(network, config, task, folder, call)
    else:
        info = folder.read_info()
        initial, networks = info.get("initial"), info.get("networks") or {}
    network = network.to(device)
    require_growing_is_possible(network, config.train, config.data.image_size)
    teacher = find_teacher(config.loss.distill, task, folder, call.about.get("folds"))
    for run in teacher.runs if teacher is not None else ():
        networks = {**networks, **run.networks}
    fit = create_fit(config, task, folder, network, teacher, call, place)
    if start == "resume":
        load_resume_state(fit.state, folder, device)
        where = f"epoch {fit.state.epoch + 1}, step {fit.state.step + 1}"
        call.progress.log(f"fold {task.fold}: goes on at {where}")
    threads = _choose_threads(config, fit, start)
    info = {
        **call.about,
        "initial": initial,
        "networks": networks,
        **_facts(config, fit),
        **count_changes(raw_task, task),
        "threads": threads,
    }
    call.processes.by_first(_write_beginning, config, task, place, info)
    with training_threads(threads):
        outcome = fit.run()
        if outcome == "interrupted":
            call.processes.by_first(
                fit.folder.write_info, {**info, "status": "stopped", "seconds": fit.state.seconds}
            )
        else:
            _write_results(config, fit, info, outcome)
    call.processes.by_first(_remove_abandoned, folder)
    return outcome


def _remove_abandoned(folder: FoldFolder) -> None:
    """Removes what killed processes left half written in a fold's folder, and beside it."""
    remove_abandoned(folder.path)
    remove_abandoned(folder.path.parent, below=False)


def create_fold_network(config: Config, task: FoldTask) -> FaceNetwork:
    """The network of a fold with fresh weights, which follow from the seed and the fold."""
    torch.manual_seed(int(seeded(config.seed, _WEIGHTS, task.fold).integers(2**63)))
    counts = torch.from_numpy(task.class_counts)
    return create_network(config.model, config.margin, len(task.classes), config.data.image_size, counts)


def create_fit(
    config: Config,
    task: FoldTask,
    folder: FoldFolder,
    network: FaceNetwork,
    teacher: Teacher | None,
    call: Call,
    place: FoldFolder | None = None,
) -> Fit:
    """All that a fold is trained with, at the beginning of its first epoch; it writes to `place` at first."""
    device = next(network.parameters()).device
    if config.train.channels_last:
        network = network.to(memory_format=torch.channels_last)
    batches = _create_batches(config, task, device, call)
    steps = config.train.epochs * len(batches)
    share = call.processes.share.of(config.train.batch_size)
    workload = Workload(share.stop - share.start, config.data.image_size, None, steps)
    place = place or folder
    by_first, recorded = call.processes.by_first, recorded_cpu_amp(folder, anew=place != folder)
    on_cpu = by_first(decide_cpu_amp, network, config.train.amp, workload, recorded, call.progress)
    amp_dtype = resolve_amp(config.train.amp, device, on_cpu)
    workload = replace(workload, amp_dtype=amp_dtype)
    compiles = by_first(should_compile, network, config.train.compile, workload, call.progress)
    forward = torch.compile(network) if compiles else network
    scaler = torch.amp.GradScaler(device.type, enabled=amp_dtype == torch.float16)
    state = _create_state(config, network, scaler, len(batches))
    machine = Machine(device, amp_dtype, forward, teacher, call.processes)
    return Fit(task, Recipe.of(config), state, machine, batches, place, folder, call)


def _choose_threads(config: Config, fit: Fit, start: Literal["new", "resume"]) -> int | None:
    """The threads of a training by one process; several share the cores as they were started."""
    if fit.call.processes.are_several:
        return None
    recorded = None
    if start == "resume":
        recorded = fit.folder.read_info().get("threads") or torch.get_num_threads()
    steps = config.train.epochs * len(fit.batches)
    workload = Workload(config.train.batch_size, config.data.image_size, fit.machine.amp_dtype, steps)
    return choose_threads(fit.state.network, config.train.threads, workload, recorded, fit.call.progress)


def _create_batches(config: Config, task: FoldTask, device: torch.device, call: Call) -> TrainingBatches:
    augmenter = Augmenter(config.augment.transforms, config.data.image_size, config.seed)
    supply = choose_supply(config.data, augmenter, len(task.train_ids) * task.pack.image_bytes, device)
    call.progress.log(f"fold {task.fold}: {supply.describe()}")
    return TrainingBatches(
        task.pack,
        task.train_ids,
        task.train_labels,
        config.train.batch_size,
        augmenter,
        lambda labels, epoch: sampled_order(
            labels, config.sampler, config.train.batch_size, config.seed, epoch
        ),
        replace(supply, share=call.processes.share),
    )


def _create_state(
    config: Config, network: FaceNetwork, scaler: torch.amp.GradScaler, steps_per_epoch: int
) -> TrainingState:
    average = None
    if config.train.ema_decay is not None:
        updates = updates_per_epoch(steps_per_epoch, config.train.accumulate_steps)
        warmup_updates = round(config.train.ema_warmup_epochs * updates)
        average = AveragedNetwork(network, config.train.ema_decay, warmup_updates)
    metric_loss = create_metric_loss(config.loss, network.num_classes, network.embedding_size)
    if metric_loss is not None:
        metric_loss = metric_loss.to(next(network.parameters()).device)
    optimizer = create_fold_optimizer(network, config.optim)
    swa = None if config.train.swa_epochs is None else WeightMean()
    return TrainingState(network, optimizer, scaler, average, metric_loss, swa)


def _initialise(
    network: FaceNetwork, config: Config, task: FoldTask, folder: FoldFolder, call: Call
) -> tuple[str | None, dict[str, str]]:
    """Takes over the weights that `model.init_from` names; the checkpoint's name, and its digest by name."""
    initial = find_initial_weights(config, folder, call.about.get("folds"))
    if initial is None:
        return None, {}
    call.progress.log(f"fold {task.fold}: {start_from(network, initial, task.classes.names)}")
    return initial.name, digest_of_network(initial.folder, initial.checkpoint)


def _facts(config: Config, fit: Fit) -> dict[str, Any]:
    """What `run.json` says of a training beside its call and its results."""
    teacher = fit.machine.teacher
    return {
        "seed": config.seed,
        "cpu_amp": _cpu_amp(fit.machine),
        "processes": fit.call.processes.share.count,
        "num_parameters": count_parameters(fit.state.network, with_head=True),
        "teachers": [] if teacher is None else [run.name for run in teacher.runs],
        **fit.task.sizes,
    }


def _cpu_amp(machine: Machine) -> CpuAmp | None:
    """What `train.amp=auto` became, where it was for a CPU to decide."""
    if machine.device.type != "cpu":
        return None
    return "off" if machine.amp_dtype is None else "bf16"


def _write_beginning(config: Config, task: FoldTask, folder: FoldFolder, info: Mapping[str, Any]) -> None:
    write_text(folder.config_file, dump_config(config))
    stored.write_classes(folder.classes_file, task.classes, task.class_counts)
    folder.write_info({**info, "status": "running"})


def _write_results(config: Config, fit: Fit, info: Mapping[str, Any], outcome: Outcome) -> None:
    """Leaves the out-of-fold records and how far the fold came."""
    folder, network, processes = fit.folder, fit.state.evaluated_network, fit.call.processes
    how = choose_evaluation(config, network, fit.machine.amp_dtype, processes)
    if outcome == "finished":
        _write_swa(fit)
    results = write_out_of_fold(folder, fit.task, network, _epochs_of_checkpoints(fit.state), how)
    info = {**info, "status": outcome, "seconds": fit.state.seconds, "results": results}
    processes.by_first(folder.write_info, info)
    if outcome == "finished":
        processes.by_first(folder.resume_file.unlink, missing_ok=True)


def _epochs_of_checkpoints(state: TrainingState) -> dict[CheckpointName, int | None]:
    """The epoch of each checkpoint, from 1; averaged weights are of none."""
    epochs: dict[CheckpointName, int | None] = {"last": state.epoch, "swa": None}
    return epochs | {checkpoint: epoch + 1 for checkpoint, epoch in state.best_epochs.items()}


def _write_swa(fit: Fit) -> None:
    """Keeps the mean of the last epochs' weights, with its own statistics of batch normalisation."""
    mean, processes = fit.state.swa, fit.call.processes
    if mean is None or mean.count == 0:
        return
    network = fit.state.evaluated_network
    network.load_state_dict(mean.tensors)
    images = (batch.images for batch in islice(fit.batches.epoch(fit.state.epoch), NORM_BATCHES))
    measure_norms(network, images, fit.machine.device, fit.machine.amp_dtype)
    processes.average_norms(network)
    about = {"epochs": str(mean.count)}
    processes.by_first(save_weights, network, fit.folder.weights_file("swa"), about)

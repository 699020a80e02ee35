"""One fold from its settings to a finished run folder: new, or resumed where it stopped."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any, Literal

import torch

from kaggle_face.artifacts import stored
from kaggle_face.artifacts.atomic import write_text
from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.config import Config, dump_config
from kaggle_face.config.schema import CheckpointName
from kaggle_face.data.augmentation import Augmenter
from kaggle_face.data.identity_sampling import sampled_order
from kaggle_face.data.loading import TrainingBatches
from kaggle_face.data.residence import choose_supply
from kaggle_face.data.samplers import seeded
from kaggle_face.model.amp import resolve_amp, resolve_device
from kaggle_face.model.ema import AveragedNetwork
from kaggle_face.model.network import FaceNetwork, count_parameters, create_network
from kaggle_face.model.threads import use_granted_cores
from kaggle_face.model.weights import save_weights
from kaggle_face.progress import Progress
from kaggle_face.train.averaging import NORM_BATCHES, WeightMean, measure_norms
from kaggle_face.train.compiling import Workload, choose_forward
from kaggle_face.train.fit import Fit, OnEpoch, Outcome
from kaggle_face.train.image_sizes import require_growing_is_possible
from kaggle_face.train.initial import find_initial_weights, start_from
from kaggle_face.train.metric_losses import create_metric_loss
from kaggle_face.train.optimizer import create_fold_optimizer
from kaggle_face.train.out_of_fold import write_out_of_fold
from kaggle_face.train.recipe import FoldTask, Recipe
from kaggle_face.train.state import TrainingState, load_resume_state
from kaggle_face.train.steps import Machine
from kaggle_face.train.teaching import Teacher, find_teacher
from kaggle_face.train.training_set import adjust_training_set, count_changes
from kaggle_face.train.validation import choose_evaluation

_WEIGHTS = 0
"""Which random draws a seed is for: the initial weights."""


def train_fold(
    config: Config,
    task: FoldTask,
    folder: FoldFolder,
    start: Literal["new", "resume"],
    about: Mapping[str, Any],
    progress: Progress,
    on_epoch: OnEpoch | None = None,
) -> Outcome:
    """Trains one fold and writes its checkpoints and out-of-fold records.

    Args:
        config: All settings; they are written beside the results.
        task: What the fold trains on and is measured on.
        folder: Where everything goes.
        start: Whether to begin, or to go on from the state in the folder.
        about: What is known of this call: command line, versions, commit, name of the folds.
        progress: Told of every epoch.
        on_epoch: Given the figures of every epoch; it may raise to end the training.

    Raises:
        TrainingStoppedError: The loss stayed non-finite.
        RunError: The state to resume from is missing or damaged.
    """
    device = resolve_device(config.device)
    use_granted_cores(device)
    raw_task, task = task, adjust_training_set(task, config.data)
    network = create_fold_network(config, task)
    if start == "new":
        about = {**about, "initial": _initialise(network, config, task, folder, about, progress)}
    else:
        about = {**about, "initial": folder.read_info().get("initial")}
    network = network.to(device)
    require_growing_is_possible(network, config.train, config.data.image_size)
    teacher = find_teacher(config.loss.distill, task, folder, about.get("folds"))
    fit = create_fit(config, task, folder, network, teacher, progress)
    fit.on_epoch = on_epoch
    if start == "resume":
        load_resume_state(fit.state, folder, device)
        progress.say(f"fold {task.fold}: goes on at epoch {fit.state.epoch + 1}, step {fit.state.step + 1}")
    info = {
        **about,
        "seed": config.seed,
        "num_parameters": count_parameters(network, with_head=True),
        "teachers": [] if teacher is None else [run.name for run in teacher.runs],
        **task.sizes,
        **count_changes(raw_task, task),
    }
    _write_beginning(config, task, folder, info)
    outcome = fit.run()
    how = choose_evaluation(config, fit.state.evaluated_network, fit.machine.amp_dtype)
    if outcome == "finished":
        _write_swa(fit, folder)
    epochs = _epochs_of_checkpoints(fit.state)
    results = write_out_of_fold(folder, task, fit.state.evaluated_network, epochs, how)
    folder.write_info({**info, "status": outcome, "seconds": fit.state.seconds, "results": results})
    if outcome == "finished":
        folder.resume_file.unlink(missing_ok=True)
    return outcome


def create_fold_network(config: Config, task: FoldTask) -> FaceNetwork:
    """The network of a fold with fresh weights, which follow from the seed and the fold."""
    torch.manual_seed(int(seeded(config.seed, _WEIGHTS, task.fold).integers(2**63)))
    counts = torch.from_numpy(task.class_counts)
    return create_network(config.model, config.margin, len(task.classes), config.data.image_size, counts)


def _initialise(
    network: FaceNetwork,
    config: Config,
    task: FoldTask,
    folder: FoldFolder,
    about: Mapping[str, Any],
    progress: Progress,
) -> str | None:
    """Takes over the weights that `model.init_from` names; the name of the checkpoint, for the record."""
    initial = find_initial_weights(config, folder, about.get("folds"))
    if initial is None:
        return None
    progress.say(f"fold {task.fold}: {start_from(network, initial, task.classes.names)}")
    return initial.name


def create_fit(
    config: Config,
    task: FoldTask,
    folder: FoldFolder,
    network: FaceNetwork,
    teacher: Teacher | None,
    progress: Progress,
) -> Fit:
    """All that a fold is trained with, at the beginning of its first epoch."""
    device = next(network.parameters()).device
    amp_dtype = resolve_amp(config.train.amp, device)
    if config.train.channels_last:
        network = network.to(memory_format=torch.channels_last)
    augmenter = Augmenter(config.augment.transforms, config.data.image_size, config.seed)
    supply = choose_supply(config.data, augmenter, len(task.train_ids) * task.pack.image_bytes, device)
    progress.say(f"fold {task.fold}: {supply.describe()}")
    batches = TrainingBatches(
        task.pack,
        task.train_ids,
        task.train_labels,
        config.train.batch_size,
        augmenter,
        config.seed,
        supply,
        lambda labels, epoch: sampled_order(
            labels, config.sampler, config.train.batch_size, config.seed, epoch
        ),
    )
    optimizer = create_fold_optimizer(network, config.optim)
    scaler = torch.amp.GradScaler(device.type, enabled=amp_dtype == torch.float16)
    average = None
    if config.train.ema_decay is not None:
        warmup_steps = round(config.train.ema_warmup_epochs * len(batches) / config.train.accumulate_steps)
        average = AveragedNetwork(network, config.train.ema_decay, warmup_steps)
    steps = config.train.epochs * len(batches)
    workload = Workload(config.train.batch_size, config.data.image_size, amp_dtype, steps)
    forward = choose_forward(network, config.train.compile, workload, progress)
    metric_loss = create_metric_loss(config.loss, len(task.classes), network.embedding_size)
    if metric_loss is not None:
        metric_loss = metric_loss.to(device)
    state = TrainingState(network, optimizer, scaler, average, metric_loss)
    if config.train.swa_epochs is not None:
        state.swa = WeightMean()
    machine = Machine(device, amp_dtype, forward, teacher)
    return Fit(task, Recipe.of(config), state, machine, batches, folder, progress)


def _write_beginning(config: Config, task: FoldTask, folder: FoldFolder, info: Mapping[str, Any]) -> None:
    write_text(folder.config_file, dump_config(config))
    stored.write_classes(folder.classes_file, task.classes, task.class_counts)
    folder.write_info({**info, "status": "running"})


def _epochs_of_checkpoints(state: TrainingState) -> dict[CheckpointName, int | None]:
    """The epoch of each checkpoint, from 1; averaged weights are of none."""
    epochs: dict[CheckpointName, int | None] = {"last": state.epoch, "swa": None}
    return epochs | {checkpoint: epoch + 1 for checkpoint, epoch in state.best_epochs.items()}


def _write_swa(fit: Fit, folder: FoldFolder) -> None:
    """Keeps the mean of the last epochs' weights, with its own statistics of batch normalisation."""
    mean = fit.state.swa
    if mean is None or mean.count == 0:
        return
    network = fit.state.evaluated_network
    network.load_state_dict(mean.tensors)
    images = (batch.images for batch in islice(fit.batches.epoch(fit.state.epoch), NORM_BATCHES))
    measure_norms(network, images, fit.machine.device, fit.machine.amp_dtype)
    save_weights(network, folder.weights_file("swa"), {"epochs": str(mean.count)})

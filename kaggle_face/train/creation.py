"""The network, batches, optimiser and trainer of a fold, made of its settings."""

from __future__ import annotations

from dataclasses import replace

import torch

from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.config import Config
from kaggle_face.data.augmentation.per_image import Augmenter
from kaggle_face.data.loading.identity_sampling import sampled_order
from kaggle_face.data.loading.loader import TrainingBatches, TrainingImages
from kaggle_face.data.loading.placement import plan_loading
from kaggle_face.data.loading.samplers import seeded
from kaggle_face.errors import counted
from kaggle_face.model.amp import resolve_amp
from kaggle_face.model.ema import AveragedNetwork
from kaggle_face.model.network import FaceNetwork, create_network
from kaggle_face.train.averaging.weights import WeightMean
from kaggle_face.train.loggers.creation import create_loggers
from kaggle_face.train.loggers.observer import TrainingObserver
from kaggle_face.train.losses.metric_learning import create_metric_loss
from kaggle_face.train.optim.optimizer import create_fold_optimizer
from kaggle_face.train.other_runs.distillation import DistillationSource
from kaggle_face.train.run_context import RunContext
from kaggle_face.train.settings import FoldData, TrainSettings
from kaggle_face.train.speed.compiling import should_compile
from kaggle_face.train.speed.precision import decide_cpu_amp, recorded_cpu_amp
from kaggle_face.train.speed.preparing import prepare_for_training
from kaggle_face.train.speed.step_timing import Workload
from kaggle_face.train.state import TrainingState
from kaggle_face.train.step.step import StepContext, updates_per_epoch
from kaggle_face.train.trainer import Trainer

_MANY = 0.02
"""The share of an epoch's images from which on it is a warning that they are left out."""
_WEIGHTS = 0
"""Which random draws a seed is for: the initial weights."""


def create_fold_network(config: Config, data: FoldData) -> FaceNetwork:
    """The network of a fold with fresh weights, which follow from the seed and the fold."""
    torch.manual_seed(int(seeded(config.seed, _WEIGHTS, data.fold).integers(2**63)))
    model, counts = config.model.of_fold(data.fold), torch.from_numpy(data.class_counts)
    return create_network(model, config.margin, len(data.classes), config.data.image_size, counts)


def create_trainer(
    config: Config,
    data: FoldData,
    folder: FoldFolder,
    network: FaceNetwork,
    distillation: DistillationSource | None,
    context: RunContext,
    place: FoldFolder | None = None,
) -> Trainer:
    """The trainer of a fold at the beginning of its first epoch; it writes to `place` first."""
    device = next(network.parameters()).device
    network = prepare_for_training(network, config.train)
    batches = _create_batches(config, data, device, context)
    steps = config.train.epochs * len(batches)
    share = context.distributed.share.of(config.train.batch_size)
    workload = Workload(share.stop - share.start, config.data.image_size, None, steps)
    place = place or folder
    on_rank_zero, recorded = context.distributed.on_rank_zero, recorded_cpu_amp(folder, anew=place != folder)
    on_cpu = on_rank_zero(decide_cpu_amp, network, config.train.amp, workload, recorded, context.progress)
    amp_dtype = resolve_amp(config.train.amp, device, on_cpu)
    workload = replace(workload, amp_dtype=amp_dtype)
    compiles = on_rank_zero(should_compile, network, config.train.compile, workload, context.progress)
    forward = torch.compile(network) if compiles else network
    scaler = torch.amp.GradScaler(device.type, enabled=amp_dtype == torch.float16)
    context.distributed.prepare_norms(network, config.train)
    state = create_state(config, network, scaler, len(batches))
    is_recorded = context.distributed.is_rank_zero
    loggers = create_loggers(config, folder, context.progress) if is_recorded else ()
    observer = TrainingObserver(loggers, data, len(batches))
    engine = context.distributed.create_engine(network, forward, config.train)
    step_context = StepContext(device, amp_dtype, engine, distillation, context.distributed, observer)
    return Trainer(
        data, TrainSettings.of(config), state, step_context, batches, place, folder, context, observer
    )


def _create_batches(
    config: Config, data: FoldData, device: torch.device, context: RunContext
) -> TrainingBatches:
    augmenter = Augmenter(config.augment.transforms, config.data.image_size, config.seed)
    plan = plan_loading(config.data, augmenter, len(data.train_ids) * data.cache.image_bytes, device)
    context.progress.log(f"fold {data.fold}: {plan.describe()}")
    batches = TrainingBatches(
        TrainingImages(data.cache, data.train_ids, data.train_labels),
        config.train.batch_size,
        augmenter,
        lambda labels, epoch: sampled_order(
            labels, config.sampler, config.train.batch_size, config.seed, epoch
        ),
        replace(plan, shard=context.distributed.share),
        config.train.last_batch,
    )
    if left_out := batches.images_left_out:
        report = context.progress.warn if left_out > _MANY * len(data.train_ids) else context.progress.log
        report(
            f"fold {data.fold}: {counted(left_out, 'image', 'are left out of each epoch')}, "
            f"as they do not fill a batch of {config.train.batch_size}; to use them set "
            "train.last_batch=fill or lower train.batch_size"
        )
    return batches


def create_state(
    config: Config, network: FaceNetwork, scaler: torch.amp.GradScaler, steps_per_epoch: int
) -> TrainingState:
    """The state before the first step: averages, metric loss and optimiser as in the settings."""
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

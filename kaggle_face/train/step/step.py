"""The steps of one epoch: forward, loss, backward, update; nothing here knows of folders or folds.

Letters: B images of the batch, S those of this process's share (all B where it is alone), H height, W width,
D embedding size.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from kaggle_face.data.augmentation.mixing import Mix, apply_mix, blend, draw_mix
from kaggle_face.data.loading.loader import Batch, TrainingBatches
from kaggle_face.data.loading.samplers import seeded
from kaggle_face.errors import ConfigError
from kaggle_face.model.network import border_px
from kaggle_face.train.distributed import SINGLE_PROCESS, DistributedContext
from kaggle_face.train.loggers.observer import TrainingObserver
from kaggle_face.train.losses.batch import BatchLoss, LossSettings, Targets, batch_loss
from kaggle_face.train.optim.image_sizes import image_size_at, resized
from kaggle_face.train.optim.optimizer import apply_gradients, set_backbone_trainable
from kaggle_face.train.optim.schedule import learning_rate
from kaggle_face.train.other_runs.distillation import DistillationSource
from kaggle_face.train.parallel.engine import Engine
from kaggle_face.train.settings import TrainSettings
from kaggle_face.train.state import TrainingState
from kaggle_face.train.step.divergence import diverged

_MIXING, _NOISE = 1, 2
"""Which of a step's random draws a seed is for."""

_STEPS_BETWEEN_POLLS = 25
"""Of a GPU's counts by the host; they arrive one poll later."""


@dataclass(frozen=True)
class StepContext:
    """The context of a step: device, precision, engine, distillation, processes."""

    device: torch.device
    amp_dtype: torch.dtype | None
    engine: Engine
    """Embeds images by the network, or by its compiled form, and brings gradients together."""
    distillation: DistillationSource | None = None
    """Other runs whose predictions are targets too."""
    distributed: DistributedContext = SINGLE_PROCESS
    """The processes that share the work of a step."""
    observer: TrainingObserver | None = None
    """Notes the first batch and each loss, without waiting for them."""


class BatchNormGuard:
    """Keeps the running statistics of batch normalisation finite.

    A forward pass that overflows would spoil them for good, so a copy of the last finite ones is kept; where
    there were none, those of a layer that has seen nothing: mean 0, variance 1.
    """

    def __init__(self, networks: Iterable[nn.Module]) -> None:
        found = [
            (tensor, beginning)
            for network in networks
            for module in network.modules()
            if isinstance(module, _BatchNorm)
            for tensor, beginning in ((module.running_mean, 0.0), (module.running_var, 1.0))
            if tensor is not None
        ]
        self._statistics = [tensor for tensor, _ in found]
        self._kept = [torch.full_like(tensor, beginning) for tensor, beginning in found]
        self.keep()

    @torch.no_grad()
    def keep(self) -> None:
        """Takes the present statistics for good ones where they are finite.

        Others may be met: of accumulated batches, and on a GPU, a skipped step is counted later.
        """
        if not self._statistics:
            return
        are_finite = torch.isfinite(torch.stack([tensor.sum() for tensor in self._statistics]))
        for tensor, kept, is_finite in zip(self._statistics, self._kept, are_finite.unbind(), strict=True):
            torch.where(is_finite, tensor, kept, out=kept)

    @torch.no_grad()
    def repair(self) -> None:
        """Puts the kept statistics back where a value is not finite now."""
        for tensor, kept in zip(self._statistics, self._kept, strict=True):
            tensor.copy_(torch.where(torch.isfinite(tensor).all(), tensor, kept))


def run_steps(
    state: TrainingState, settings: TrainSettings, batches: TrainingBatches, context: StepContext
) -> Iterator[int]:
    """Trains to the end of the epoch and yields the number of images after each step.

    The caller may stop, or save the state, wherever `may_pause` is true.

    Raises:
        TrainingStoppedError: Too many steps in a row had a loss that is not finite.
    """
    steps, epochs, accumulate = len(batches), settings.train.epochs, settings.train.accumulate_steps
    state.network.train()
    guard = BatchNormGuard(state.networks)
    if settings.train.freeze_backbone_epochs > 0:
        position = state.pace_of(epochs).position(state.epoch)
        set_backbone_trainable(state.network, position >= settings.train.freeze_backbone_epochs)
    context.engine.begin_epoch()
    for batch in batches.epoch(state.epoch, state.step):
        pace = state.pace_of(epochs)  # the caller may have changed it
        last = pace.steps_of_epoch(state.epoch, steps, accumulate)
        if state.step >= last:
            return
        group = group_of(state.step, steps, accumulate)
        # The same for all batches of an update.
        moment = pace.position(state.epoch + group.start / steps)
        scores = [row["plateau_score"] for row in state.history if "plateau_score" in row]
        lr = learning_rate(settings.schedule, settings.optim.lr, moment, epochs, scores)
        for parameters in state.optimizer.param_groups:
            parameters["lr"] = lr * parameters.get("lr_scale", 1.0)
        state.network.head.set_progress(moment)
        try:
            _train_on(batch, state, settings, context, group, int(moment))
        except torch.OutOfMemoryError as error:
            elsewhere = ", or set data.placement=memory_map" if batches.plan.placement == "device" else ""
            raise ConfigError(
                f"a step of train.batch_size={settings.train.batch_size} does not fit the memory of "
                f"{context.device}; lower it (train.accumulate_steps makes up for it){elsewhere}"
            ) from error
        state.step += 1
        if state.step == last or _is_time_to_poll(state.step, context.device):
            # Several processes must learn the same at the same step.
            _poll(state, settings, guard, state.step == last or context.distributed.is_parallel)
        yield len(batch.labels)


def group_of(step: int, steps: int, accumulate: int) -> range:
    """The steps of an epoch whose gradients make one update together with `step`; the last ones may be fewer.

    >>> group_of(4, steps=5, accumulate=3)
    range(3, 5)
    """
    first = step - step % accumulate
    return range(first, min(first + accumulate, steps))


def updates_per_epoch(steps: int, accumulate: int) -> int:
    """The number of groups of an epoch.

    >>> updates_per_epoch(steps=5, accumulate=3)
    2
    """
    return -(-steps // accumulate)


def may_pause(state: TrainingState, settings: TrainSettings, steps: int, device: torch.device) -> bool:
    """Whether no gradient is pending, so that the state is whole; on a GPU also not at every step."""
    accumulate = settings.train.accumulate_steps
    is_due = device.type != "cuda" or state.step % _STEPS_BETWEEN_POLLS < accumulate
    return (state.step % accumulate == 0 and is_due) or state.step == steps


def _train_on(
    batch: Batch,
    state: TrainingState,
    settings: TrainSettings,
    context: StepContext,
    group: range,
    position: int,
) -> None:
    noise = int(seeded(settings.seed, _NOISE, state.epoch, state.step).integers(2**63))
    torch.manual_seed(noise + context.distributed.share.rank)  # dropout; the classes are the same for all
    generator = torch.Generator(context.device).manual_seed(noise)
    is_last = state.step == group[-1]
    result = _forward(batch, state, settings, context, generator, position, is_last)
    loss = result.loss.detach()
    if context.observer is not None:
        context.observer.note_step(state, loss)
    # A loss that is not finite must not leave finite gradients, which would be applied.
    poison = torch.where(torch.isfinite(loss), 1.0 / len(group), torch.nan)
    context.engine.backward(state.scaler.scale(result.loss * poison))
    state.accumulator.add(loss, result.correct, len(batch.labels))
    if is_last:
        context.engine.complete_gradients()
        is_skipped = apply_gradients(
            state.optimizer, state.scaler, settings.train.clip_grad_norm, state.network.head
        )
        state.accumulator.add_update(is_skipped)
        if state.average is not None:
            state.average.update(state.network)


def _forward(
    batch: Batch,
    state: TrainingState,
    settings: TrainSettings,
    context: StepContext,
    generator: torch.Generator,
    position: int,
    is_last: bool,
) -> BatchLoss:
    labels_B = batch.labels.to(context.device, non_blocking=True)
    images_SCHW, mix = _mixed(batch, state, settings, context, position)
    if context.observer is not None:
        context.observer.note_batch(images_SCHW, labels_B, mix)
    targets = Targets(labels_B, mix, batch.num_classes)
    loss_settings = LossSettings(settings.loss, settings.augment.margin_on_mixed)
    reaches = loss_settings.reaches_network(targets, context.distillation is not None)
    with torch.autocast(context.device.type, context.amp_dtype, enabled=context.amp_dtype is not None):
        embeddings_SD = context.engine.embed(images_SCHW, is_last, reaches)
    head, distributed = state.network.head, context.distributed
    embeddings_BD = distributed.gathered(embeddings_SD, len(labels_B), head.shard is not None)
    soft_targets = (
        context.distillation.targets_of(batch.rows, context.device)
        if context.distillation is not None
        else None
    )
    return batch_loss(
        head,
        state.metric_loss,
        embeddings_BD,
        targets,
        loss_settings,
        generator,
        soft_targets,
        distributed.share.count,
    )


def _mixed(
    batch: Batch, state: TrainingState, settings: TrainSettings, context: StepContext, position: int
) -> tuple[Tensor, Mix | None]:
    """This process's share of the batch, normalised, and how the whole batch is mixed."""
    size_px = image_size_at(settings.train, batch.images.shape[-2], position)
    images_SHWC = resized(batch.images.to(context.device, non_blocking=True), size_px)
    draw = seeded(settings.seed, _MIXING, state.epoch, state.step)
    unseen_px = border_px(size_px, state.network.center_crop)
    mix = draw_mix(settings.augment, len(batch.labels), size_px, draw, unseen_px)
    if mix is None:
        return state.network.normalize(images_SHWC), None
    if not context.distributed.is_parallel:
        return apply_mix(state.network.normalize(images_SHWC), mix), mix
    # An image's partner may be in another process's share.
    images_BHWC = context.distributed.gathered(images_SHWC, len(batch.labels))
    own = context.distributed.share.of(len(batch.labels))
    partners_SHWC = images_BHWC[mix.partners(images_BHWC.device)[own]]
    images_SCHW, partners_SCHW = map(state.network.normalize, (images_SHWC, partners_SHWC))
    return blend(images_SCHW, partners_SCHW, mix), mix


def _is_time_to_poll(step: int, device: torch.device) -> bool:
    """Whether to read the counts: on a CPU at every step, on a GPU now and then, without a wait."""
    return device.type != "cuda" or step % _STEPS_BETWEEN_POLLS == 0


def _poll(state: TrainingState, settings: TrainSettings, guard: BatchNormGuard, waits: bool) -> None:
    """Reads the counts of the device, and gives up after too many skipped steps in a row."""
    before = state.accumulator.latest.skipped_steps
    counts = state.accumulator.read() if waits else state.accumulator.poll()
    if counts.skipped_steps > before:
        guard.repair()
    else:
        guard.keep()
    if counts.most_skipped_in_a_row > settings.train.max_nonfinite_steps:
        in_a_row = counts.most_skipped_in_a_row
        raise diverged(
            state, settings, f"loss or gradients were not finite in {in_a_row} steps in a row, up to"
        )

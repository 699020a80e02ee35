"""The steps of one epoch: forward, loss, backward, update; nothing here knows of folders or folds.

Letters: B images of the batch, S those of this process's share (all B where it is alone), H height, W width,
D embedding size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from kaggle_face.data.augmentation.mixing import Mix, apply_mix, draw_mix
from kaggle_face.data.loading.loader import Batch, TrainingBatches
from kaggle_face.data.loading.placement import Placement
from kaggle_face.data.loading.samplers import seeded
from kaggle_face.errors import ConfigError
from kaggle_face.train.distributed import ALONE, Processes
from kaggle_face.train.losses.batch import BatchLoss, LossRules, Truth, batch_loss
from kaggle_face.train.optim.image_sizes import image_size_at, resized
from kaggle_face.train.optim.optimizer import apply_gradients, set_backbone_trainable
from kaggle_face.train.optim.schedule import learning_rate
from kaggle_face.train.other_runs.distillation import Teacher
from kaggle_face.train.settings import Recipe
from kaggle_face.train.state import TrainingState
from kaggle_face.train.step.batch_norm_guard import NormGuard
from kaggle_face.train.step.divergence import diverged

_MIXING, _NOISE = 1, 2
"""Which of a step's random draws a seed is for."""

_STEPS_BETWEEN_LOOKS = 25
"""Of a GPU's counts by the host; they arrive one look later."""


@dataclass(frozen=True)
class Machine:
    """Where a network is trained and in which precision."""

    device: torch.device
    amp_dtype: torch.dtype | None
    forward: Callable[[Tensor], Tensor]
    """Normalised images to embeddings: the network, or its compiled form."""
    teacher: Teacher | None = None
    """Who tells what other runs say of a batch."""
    processes: Processes = ALONE
    """Who shares the work of a step."""


def run_steps(
    state: TrainingState, recipe: Recipe, batches: TrainingBatches, machine: Machine
) -> Iterator[int]:
    """Trains to the end of the epoch and yields the number of images after each step.

    Whoever consumes this may stop, or save the state, wherever `may_pause` is true.

    Raises:
        TrainingStoppedError: Too many steps in a row had a loss that is not finite.
    """
    steps = len(batches)
    state.network.train()
    guard = NormGuard(state.networks)
    if recipe.train.freeze_backbone_epochs > 0:
        set_backbone_trainable(state.network, state.epoch >= recipe.train.freeze_backbone_epochs)
    for batch in batches.epoch(state.epoch, state.step):
        group = group_of(state.step, steps, recipe.train.accumulate_steps)
        moment = state.epoch + group.start / steps  # the same for all batches of an update
        scores = [row["plateau_score"] for row in state.history if "plateau_score" in row]
        lr = learning_rate(recipe.schedule, recipe.optim.lr, moment, recipe.train.epochs, scores)
        for parameters in state.optimizer.param_groups:
            parameters["lr"] = lr * parameters.get("lr_scale", 1.0)
        state.network.head.set_progress(moment)
        try:
            _train_on(batch, state, recipe, machine, group)
        except torch.OutOfMemoryError as error:
            raise _too_large(recipe, machine, batches.plan.placement) from error
        state.step += 1
        if state.step == steps or _is_time_to_look(state.step, machine.device):
            # Several processes must learn the same at the same step.
            _look(state, recipe, guard, state.step == steps or machine.processes.are_several)
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


def may_pause(state: TrainingState, recipe: Recipe, steps: int, device: torch.device) -> bool:
    """Whether no gradient is pending, so that the state is whole; on a GPU also not at every step."""
    accumulate = recipe.train.accumulate_steps
    is_due = device.type != "cuda" or state.step % _STEPS_BETWEEN_LOOKS < accumulate
    return (state.step % accumulate == 0 and is_due) or state.step == steps


def _train_on(batch: Batch, state: TrainingState, recipe: Recipe, machine: Machine, group: range) -> None:
    noise = int(seeded(recipe.seed, _NOISE, state.epoch, state.step).integers(2**63))
    torch.manual_seed(noise + machine.processes.share.rank)  # dropout; the classes are the same for all
    generator = torch.Generator(machine.device).manual_seed(noise)
    result = _forward(batch, state, recipe, machine, generator)
    loss = result.loss.detach()
    # A loss that is not finite must not leave finite gradients, which would be applied.
    poison = torch.where(torch.isfinite(loss), 1.0 / len(group), torch.nan)
    state.scaler.scale(result.loss * poison).backward()  # type: ignore[no-untyped-call]
    state.tally.add(loss, result.correct, len(batch.labels))
    if state.step == group[-1]:
        machine.processes.merge(state.network)
        is_skipped = apply_gradients(state.optimizer, state.scaler, recipe.train.clip_grad_norm)
        state.tally.add_update(is_skipped)
        if state.average is not None:
            state.average.update(state.network)


def _forward(
    batch: Batch, state: TrainingState, recipe: Recipe, machine: Machine, generator: torch.Generator
) -> BatchLoss:
    labels_B = batch.labels.to(machine.device, non_blocking=True)
    images_SCHW, mix = _mixed(batch, state, recipe, machine)
    with torch.autocast(machine.device.type, machine.amp_dtype, enabled=machine.amp_dtype is not None):
        embeddings_SD = machine.forward(images_SCHW)
    embeddings_BD = machine.processes.gathered(embeddings_SD, len(labels_B))
    rules = LossRules(recipe.loss, recipe.augment.margin_on_mixed)
    head, truth = state.network.head, Truth(labels_B, mix)
    lesson = machine.teacher.lesson(batch.rows, machine.device) if machine.teacher is not None else None
    return batch_loss(head, state.metric_loss, embeddings_BD, truth, rules, generator, lesson)


def _mixed(batch: Batch, state: TrainingState, recipe: Recipe, machine: Machine) -> tuple[Tensor, Mix | None]:
    """This process's share of the batch, normalised, and how the whole batch is mixed."""
    size_px = image_size_at(recipe.train, batch.images.shape[-2], state.epoch)
    images_SHWC = resized(batch.images.to(machine.device, non_blocking=True), size_px)
    draw = seeded(recipe.seed, _MIXING, state.epoch, state.step)
    mix = draw_mix(recipe.augment, len(batch.labels), size_px, draw)
    if mix is None:
        return state.network.normalize(images_SHWC), None
    # An image's partner may be in another process's share.
    images_BHWC = machine.processes.gathered(images_SHWC, len(batch.labels))
    images_BCHW = apply_mix(state.network.normalize(images_BHWC), mix)
    return images_BCHW[machine.processes.share.of(len(batch.labels))], mix


def _is_time_to_look(step: int, device: torch.device) -> bool:
    """Every step where that costs nothing, else now and then: the host never waits for a GPU."""
    return device.type != "cuda" or step % _STEPS_BETWEEN_LOOKS == 0


def _look(state: TrainingState, recipe: Recipe, guard: NormGuard, waits: bool) -> None:
    """Learns what the device has counted, and gives up after too many skipped steps in a row."""
    before = state.tally.latest.skipped_steps
    counts = state.tally.read() if waits else state.tally.look()
    if counts.skipped_steps > before:
        guard.repair()
    else:
        guard.keep()
    if counts.most_skipped_in_a_row > recipe.train.max_nonfinite_steps:
        in_a_row = counts.most_skipped_in_a_row
        raise diverged(
            state, recipe, f"loss or gradients were not finite in {in_a_row} steps in a row, up to"
        )


def _too_large(recipe: Recipe, machine: Machine, placement: Placement) -> ConfigError:
    elsewhere = ", or set data.residence=memory_map" if placement == "device" else ""
    return ConfigError(
        f"a step of train.batch_size={recipe.train.batch_size} does not fit the memory of {machine.device}; "
        f"lower it (train.accumulate_steps makes up for it){elsewhere}"
    )

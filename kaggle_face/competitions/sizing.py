"""Settings of a training that fit a machine and the number of images: what `init` writes below the data.

On a CPU the network, pixels and images seen follow `configs/quick-cpu.yaml`, whose time was measured
(docs/recipes.md): 18,301 images, 16 epochs at 96 pixels, eight minutes on two cores that compute bf16.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kaggle_face.errors import counted

_STEPS_AN_EPOCH = 20
_FILLED_UP_TO_STEPS = 100
"""With more steps in an epoch its last batch is less than a hundredth of the images."""
_GPU_EPOCHS, _GPU_BATCH, _GPU_BATCH_OF_LR = 60, 256, 128
_CPU_BATCHES, _CPU_BATCH_OF_LR = (16, 64), 64
_CPU_EPOCHS = (8, 60)
_CPU_IMAGES_SEEN, _CPU_IMAGES_SEEN_BY_LARGE = 300_000, 100_000
_CPU_PIXELS, _CPU_PIXELS_OF_MANY, _CPU_PIXELS_OF_LARGE = 96, 64, 48
_MANY_IMAGES = 50_000
_LR = 0.1


@dataclass(frozen=True)
class Machine:
    """The training device: the name of a GPU, or "" and the number of CPU cores."""

    gpu: str
    cores: int

    def __str__(self) -> str:
        cores = counted(self.cores, "CPU core")
        return self.gpu or f"{cores} without a GPU"


@dataclass(frozen=True)
class TrainingSize:
    """The data that a training is sized for.

    Attributes:
        images: The labelled images that a fold trains on.
        side_px: The longer side of an image.
        only_own_networks: Whether the rules forbid imported architectures.
    """

    images: int
    side_px: int
    only_own_networks: bool


def image_size_line(size: TrainingSize, machine: Machine) -> str:
    """The line of `data.image_size`."""
    most = _CPU_PIXELS_OF_MANY if size.images > _MANY_IMAGES else _CPU_PIXELS
    most = _CPU_PIXELS_OF_LARGE if size.only_own_networks else most
    pixels = size.side_px if machine.gpu else min(size.side_px, most)
    if pixels == size.side_px:
        return f"  image_size: {pixels}  # pixels, as the training images are"
    return f"  image_size: {pixels}  # pixels; the training images have {size.side_px}, for a GPU"


def training_lines(size: TrainingSize, machine: Machine, measured_by: Sequence[str]) -> list[str]:
    """The parts model to schedule; `measured_by` are lines of the part train about its metric."""
    write = _gpu_lines if machine.gpu else _cpu_lines
    heading = f"# Sized for {machine}, and about {size.images:,} training images in a fold."
    return [heading, *write(size, measured_by)]


def _gpu_lines(size: TrainingSize, measured_by: Sequence[str]) -> list[str]:
    backbone = "iresnet18  # our own files, no attention" if size.only_own_networks else "resnet18"
    batch = batch_size_for(size.images, 16, _GPU_BATCH)
    lr = min(_LR, _LR * batch / _GPU_BATCH_OF_LR)
    return [
        "model:",
        f"  backbone: {backbone}",
        "",
        *([] if lr == _LR else ["optim:", f"  lr: {lr:g}  # by the batch size", ""]),
        "train:",
        *measured_by,
        f"  epochs: {_GPU_EPOCHS}",
        *_batch_lines(size.images, batch),
        "",
        "schedule:",
        "  warmup_epochs: 2.0",
    ]


def _cpu_lines(size: TrainingSize, measured_by: Sequence[str]) -> list[str]:
    seen = _CPU_IMAGES_SEEN_BY_LARGE if size.only_own_networks else _CPU_IMAGES_SEEN
    epochs = max(_CPU_EPOCHS[0], min(_CPU_EPOCHS[1], round(seen / max(1, size.images))))
    batch = batch_size_for(size.images, *_CPU_BATCHES)
    return [
        "# A network that trains on a CPU, after configs/quick-cpu.yaml. On a GPU leave these parts out,",
        f"# but model.backbone={'iresnet18' if size.only_own_networks else 'resnet18'}, "
        f"data.image_size={size.side_px}, train.epochs={_GPU_EPOCHS}, train.batch_size={_GPU_BATCH}.",
        "# Longer trainings and more pixels are better; `kaggle-face check` shows how long a fold takes.",
        "model:",
        *_cpu_network(size),
        "",
        "loss:",
        "  label_smoothing: 0.0  # few steps: a hard target learns faster",
        "",
        "optim:",
        f"  lr: {_LR * batch / _CPU_BATCH_OF_LR:g}  # by the batch size",
        "  nesterov: true",
        "",
        "train:",
        *measured_by,
        f"  epochs: {epochs}",
        *_batch_lines(size.images, batch),
        "",
        "schedule:",
        "  name: one_cycle",
    ]


def _cpu_network(size: TrainingSize) -> list[str]:
    """The lines of the part model: small ones, since pixels bring more than width at equal minutes."""
    if size.only_own_networks:
        return ["  backbone: iresnet18  # our own files, no attention; the smallest that the rules allow"]
    has_small_maps = size.side_px <= _CPU_PIXELS_OF_MANY
    channels = "[16, 32, 64, 128]" if has_small_maps else "[32, 64, 128, 256]"
    return [
        "  backbone: resnet10t",
        f"  backbone_options: {{channels: {channels}, stem_width: 8}}",
        *([] if has_small_maps else ["  small_stem: off"]),
        "  neck: bn",
        "  head: linear  # cosface, margin.margin=0.3 and margin.warmup_epochs of two thirds of the epochs",
        "                # verified better where it was measured, and classified a little worse",
    ]


def batch_size_for(images: int, least: int, most: int) -> int:
    """The largest power of two with which an epoch of `images` has enough steps.

    >>> [batch_size_for(images, 16, 256) for images in (10, 336, 1000, 100_000)]
    [16, 16, 32, 256]
    """
    return max(least, min(most, 1 << max(1, images // _STEPS_AN_EPOCH).bit_length() - 1))


def _batch_lines(images: int, batch: int) -> list[str]:
    fills = fills_last_batch(images, batch)
    fill = ["  last_batch: fill  # no image is left out of an epoch"] if fills else []
    return [f"  batch_size: {batch}", *fill]


def fills_last_batch(images: int, batch: int) -> bool:
    """Whether an epoch's last, smaller batch is too large a part of its images to be left out."""
    return images < batch * _FILLED_UP_TO_STEPS

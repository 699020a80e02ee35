"""The placement of the training images and of their augmentation: disk, device or worker processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, assert_never

import torch

from kaggle_face.config import DataConfig
from kaggle_face.data.augmentation.batched.compose import without_batched_transform
from kaggle_face.data.augmentation.per_image import Augmenter
from kaggle_face.data.loading.samplers import WHOLE_BATCH, Shard
from kaggle_face.errors import ConfigError, agreeing
from kaggle_face.hardware import available_cpus

Placement = Literal["device", "memory_map", "workers"]
"""The values of `data.placement` that a training runs with."""

_MOST_WORKERS = 16
_SHARE_OF_FREE_MEMORY = 0.5
"""Of a GPU, for the images; the rest is for the network's activations, which come later."""
_LARGEST_ON_CPU = 48
"""Pixels a side. One core takes 27 us for an image of 32 pixels in a batch and 72 us by itself (mirror and
affine map), 105 and 84 us at 64 pixels, 300 and 136 us at 112; mirroring alone is faster one by one."""
_ONLY_MIRRORS = frozenset(("HorizontalFlip", "VerticalFlip", "NoOp"))


@dataclass(frozen=True)
class LoaderPlan:
    """The way in which the loader makes its batches.

    Attributes:
        placement: `device`: images lie on the device, whole batches are augmented there. `memory_map`: images
            stay on the disk, whole batches are augmented on the device. `workers`: images are augmented one
            by one by albumentations.
        device: Where the network is.
        workers: Processes that augment for `workers`; 0 is this one.
        reason: Why images are augmented one by one where batches cannot be; else empty.
        megabytes: Of all training images.
        shard: The part of every batch that this process makes.
    """

    placement: Placement
    device: torch.device
    workers: int = 0
    reason: str = ""
    megabytes: float = 0.0
    shard: Shard = WHOLE_BATCH

    def describe(self) -> str:
        """The plan in one line."""
        match self.placement:
            case "device":
                where = f"{self.device} ({self.megabytes:.0f} MB)"
                return f"images lie on {where} and are augmented there in batches"
            case "memory_map":
                return f"images are read from the image cache and augmented on {self.device} in batches"
            case "workers":
                who = f"by {self.workers} processes" if self.workers else "in this process"
                why = f" ({self.reason})" if self.reason else ""
                return f"images are read from the image cache and augmented one by one {who}{why}"
            case _:
                assert_never(self.placement)


def plan_loading(
    config: DataConfig, augmenter: Augmenter, image_bytes: int, device: torch.device
) -> LoaderPlan:
    """Chooses how the batches of a training are made on this machine.

    The choice between batches and single images follows from the settings and the kind of device alone, so
    that a resumed training goes on with the same pixels.

    Args:
        config: `data.placement` and `data.workers`.
        augmenter: The transforms.
        image_bytes: Of all training images.
        device: Where the network is; its weights should be there already.

    Raises:
        ConfigError: The placement that the settings request is not possible.
    """
    single = without_batched_transform(augmenter)
    placement = _choose(config, augmenter, single, image_bytes, device)
    workers = choose_workers(config.workers, augmenter) if placement == "workers" else 0
    reason = f"{', '.join(single)} {agreeing(len(single), 'have no batched form')}" if single else ""
    return LoaderPlan(placement, device, workers, reason, image_bytes / 1e6)


def choose_workers(workers: int, augmenter: Augmenter) -> int:
    """The number of processes that augment images one by one; -1 chooses."""
    if workers >= 0:
        return workers
    if augmenter.is_identity or not torch.cuda.is_available():
        return 0  # copying needs no help, and on a CPU the network needs every core itself
    return min(available_cpus() - 1, _MOST_WORKERS)


def free_bytes(device: torch.device) -> int | None:
    """Free memory of a CUDA device, with what torch holds in reserve; None for other devices."""
    if device.type != "cuda":
        return None
    reserve = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0]) + reserve


def _choose(
    config: DataConfig, augmenter: Augmenter, single: list[str], image_bytes: int, device: torch.device
) -> Placement:
    match config.placement:
        case "workers":
            return "workers"
        case "auto":
            if single:
                return "workers"
            if device.type == "cpu":
                names = {type(step).__name__ for step in augmenter.steps}
                pays = augmenter.size_px <= _LARGEST_ON_CPU and not names <= _ONLY_MIRRORS
                return "memory_map" if pays else "workers"
            free = free_bytes(device)
            fits = free is not None and image_bytes <= _SHARE_OF_FREE_MEMORY * free
            return "device" if fits else "memory_map"
        case "device" | "memory_map":
            if single:
                raise ConfigError(
                    f"data.placement={config.placement} augments whole batches, and {single[0]} of "
                    "augment.transforms has no batched form; set data.placement=auto"
                )
            free = free_bytes(device) if config.placement == "device" else None
            if free is not None and image_bytes > free:
                raise ConfigError(
                    f"data.placement=device needs {image_bytes / 1e9:.1f} GB for the images, and "
                    f"{free / 1e9:.1f} GB of {device} are free; set data.placement=memory_map"
                )
            return config.placement
        case _:
            assert_never(config.placement)

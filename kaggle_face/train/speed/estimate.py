"""Estimates of training time on this machine, by a trial of seconds before it begins."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from kaggle_face.config import Config
from kaggle_face.errors import counted
from kaggle_face.model.amp import resolve_amp
from kaggle_face.model.cpu import prepare_cpu
from kaggle_face.model.device import resolve_device
from kaggle_face.model.network import FaceNetwork, create_network
from kaggle_face.progress import in_words, rate_in_words
from kaggle_face.train.optim.image_sizes import image_size_at
from kaggle_face.train.speed.precision import computes_bf16
from kaggle_face.train.speed.preparing import prepare_for_training
from kaggle_face.train.speed.step_timing import Workload, random_images, time_steps

_LARGEST_BATCH = {"cpu": 32}
_SECONDS = 1.0
_MOST_STEPS = 20
_MEASURING = 1 / 3
"""The time to embed an image, as a share of the time to train on it: without the backward pass."""


@dataclass(frozen=True)
class FoldSize:
    """The numbers of training and validation images of a fold."""

    num_classes: int
    train_images: int
    held_out_images: int


@dataclass(frozen=True)
class TrainingEstimate:
    """The time of a fold, from the rate of a few steps; reading, augmentation and the head come on top."""

    seconds: float
    images_per_second: float
    machine: str

    def __str__(self) -> str:
        return f"about {in_words(self.seconds)} on {self.machine} ({rate_in_words(self.images_per_second)})"


def estimate_fold(
    config: Config, size: FoldSize, device_setting: str | None = None, processes: int = 1
) -> TrainingEstimate | None:
    """The time of a fold, from steps on random images; None where a batch does not fit the GPU.

    No random state is changed, so what is trained afterwards is the same with a trial and without.

    Args:
        config: All settings.
        size: The classes and images of the fold.
        device_setting: The device; None: that of the settings.
        processes: How many share each batch; all of them are to measure at the same time.

    Raises:
        ConfigError: The settings make no network.
    """
    device = resolve_device(device_setting or config.device)
    prepare_cpu(device)
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        network = create_network(
            config.model, config.margin, size.num_classes, config.data.image_size, load_weights=False
        )
    network = network.to(device).train()
    network = prepare_for_training(network, config.train)
    try:
        seconds_an_image = _seconds_an_image(config, network, device, processes) / processes
    except torch.OutOfMemoryError:
        return None
    seconds = seconds_an_image * training_passes(config, size)
    count = torch.get_num_threads() * processes
    cores = counted(count, "CPU core")
    machine = torch.cuda.get_device_name(device) if device.type == "cuda" else cores
    return TrainingEstimate(seconds, 1.0 / seconds_an_image, machine)


def training_passes(config: Config, size: FoldSize) -> float:
    """The images that a fold trains on in all epochs, at the full size; a measured one counts for a third."""
    epochs = range(config.train.epochs)
    sizes = [image_size_at(config.train, config.data.image_size, epoch) for epoch in epochs]
    passes = sum((side / config.data.image_size) ** 2 for side in sizes) * size.train_images
    measured = max(1, len(epochs) // config.train.measure_every_epochs) * size.held_out_images
    flips = 2 if config.predict.flip else 1
    return passes + _MEASURING * flips * measured


def _seconds_an_image(config: Config, network: FaceNetwork, device: torch.device, processes: int) -> float:
    """The fastest of a few steps, in the format that `train.amp` is likely to become."""
    share = max(2, config.train.batch_size // processes)
    batch_size = min(share, _LARGEST_BATCH.get(device.type, share))
    amp, tries_bf16 = (
        config.train.amp,
        config.train.amp == "auto" and device.type == "cpu" and computes_bf16(),
    )
    formats = [resolve_amp(amp, device), *([torch.bfloat16] if tries_bf16 else [])]
    images_BCHW = random_images(network, Workload(batch_size, config.data.image_size, None, 0))
    best = float("inf")
    for dtype in formats:
        time_steps(network, images_BCHW, dtype, steps=1)
        end = time.perf_counter() + _SECONDS / len(formats)
        for _ in range(_MOST_STEPS):
            best = min(best, time_steps(network, images_BCHW, dtype, steps=1))
            if time.perf_counter() > end:
                break
    return best / batch_size

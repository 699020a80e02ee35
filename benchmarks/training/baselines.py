"""Baselines for training speed: the usual notebook, and timm's own loader.

Both read picture files in a folder for each class, as they must; here these are links to the competition's.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from functools import partial
from pathlib import Path

import torch
from timm.data import create_dataset, create_loader  # type: ignore[attr-defined] # re-exported silently
from torch import Tensor

from kaggle_face.bench.notebook_way import NOTEBOOK, endless_steps, lay_out, notebook_steps
from kaggle_face.bench.throughput import Work
from kaggle_face.bench.training import MeasuredFold, create_plain_trainer
from kaggle_face.config import Config

TIMM = "timm's loader"


def baselines_of(fold: MeasuredFold) -> dict[str, Work]:
    """The function that begins each baseline, by name."""
    shared = lay_out(fold)
    return {NOTEBOOK: partial(notebook_steps, *shared), TIMM: partial(timm_steps, *shared)}


def timm_steps(
    config: Config, num_classes: int, folder: Path, device: torch.device, workers: int
) -> Generator[int]:
    """Timm's loader, which normalises on the device, with timm's own augmentation."""
    trainer = create_plain_trainer(config, num_classes, device, config.train.channels_last)
    loader: Iterable[tuple[Tensor, Tensor]] = create_loader(
        create_dataset("", root=str(folder)),
        input_size=(3, config.data.image_size, config.data.image_size),
        batch_size=config.train.batch_size,
        is_training=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=device.type == "cuda",
        mean=trainer.network.input_mean,
        std=trainer.network.input_std,
        device=device,
    )
    if config.train.channels_last:
        loader = _ChannelsLast(loader)
    return endless_steps(trainer, loader)


class _ChannelsLast:
    """Batches in channels-last memory, as timm's training script makes them."""

    def __init__(self, loader: Iterable[tuple[Tensor, Tensor]]) -> None:
        self._loader = loader

    def __iter__(self) -> Generator[tuple[Tensor, Tensor]]:
        for images_BCHW, labels_B in self._loader:
            yield images_BCHW.contiguous(memory_format=torch.channels_last), labels_B

"""The usual notebook's way to train: the same network and pictures, in a loop as most write it.

It reads picture files in a folder for each class, as it must; here these are links to the competition's.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from kaggle_face.bench.throughput import Work
from kaggle_face.bench.training import MeasuredFold, PlainTrainer, create_plain_trainer
from kaggle_face.config import Config
from kaggle_face.data.augmentation.per_image import compose_for_notebook
from kaggle_face.hardware import available_cpus
from kaggle_face.records import IntArray, StrArray

NOTEBOOK = "notebook way"

_MOST_IMAGES = 20_000
_WORKERS_ON_CPU = 2
"""Where the network needs the cores itself; notebooks are written with 2."""


def notebook_baseline(fold: MeasuredFold) -> Mapping[str, Work]:
    """The function that begins the notebook way."""
    return {NOTEBOOK: partial(notebook_steps, *lay_out(fold))}


def lay_out(fold: MeasuredFold) -> tuple[Config, int, Path, torch.device, int]:
    """Links the pictures, and returns the arguments of baselines on folders; the last is their workers."""
    workers = available_cpus() if fold.device.type == "cuda" else _WORKERS_ON_CPU
    images, task = fold.folder / "images", fold.task
    link_class_folders(Path(fold.config.data.root), task.train_ids, task.train_labels, images)
    return fold.config, len(task.classes), images, fold.device, workers


def link_class_folders(root: Path, image_ids: StrArray, labels: IntArray, target: Path) -> None:
    """Makes a folder for each class below `target` with links to its pictures (at most 20,000 of all)."""
    for number, (image_id, label) in enumerate(zip(image_ids.tolist(), labels.tolist(), strict=True)):
        if number == _MOST_IMAGES:
            return
        source = (root / image_id).resolve()
        link = target / f"{label:06d}" / f"{number:06d}.jpg"  # loaders know few suffixes, and look inside
        link.parent.mkdir(parents=True, exist_ok=True)
        try:
            link.symlink_to(source)
        except OSError:  # a system without links
            shutil.copyfile(source, link)


def notebook_steps(
    config: Config, num_classes: int, folder: Path, device: torch.device, workers: int
) -> Generator[int]:
    """The notebook way: ImageFolder, albumentations for each image, DataLoader, a loss read at every step."""
    from torchvision.datasets import ImageFolder

    trainer = create_plain_trainer(config, num_classes, device, channels_last=False)
    transform = _NotebookTransform(config, trainer)
    loader: Iterable[tuple[Tensor, Tensor]] = DataLoader(
        ImageFolder(str(folder), transform),
        batch_size=config.train.batch_size,
        shuffle=True,
        num_workers=workers,
        pin_memory=device.type == "cuda",
        drop_last=True,
        persistent_workers=workers > 0,
    )
    return endless_steps(trainer, loader)


def endless_steps(trainer: PlainTrainer, loader: Iterable[tuple[Tensor, Tensor]]) -> Generator[int]:
    """Epoch after epoch, with a loss that the host reads at every step."""
    total_loss, total_correct = 0.0, 0
    while True:
        seen = 0
        for images, labels in loader:
            images_BCHW, labels_B = images.to(trainer.device), labels.to(trainer.device)
            loss, correct = trainer.step(images_BCHW, labels_B)
            total_loss += loss.item()
            total_correct += int(correct.item())
            seen += len(labels_B)
            yield len(labels_B)
        if not seen:
            raise ValueError("there are fewer images than a batch has")


class _NotebookTransform:
    """The transform of a PIL picture to a normalised tensor."""

    def __init__(self, config: Config, trainer: PlainTrainer) -> None:
        network = trainer.network
        self._compose: Callable[..., dict[str, Any]] = compose_for_notebook(
            config.augment.transforms, config.data.image_size, network.input_mean, network.input_std
        )

    def __call__(self, picture: Any) -> Tensor:
        image: Tensor = self._compose(image=np.asarray(picture))["image"]
        return image

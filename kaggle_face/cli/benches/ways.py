"""The ways of training and predicting that `bench` measures: where its stage and the others meet."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.bench.learner import resident_steps
from kaggle_face.bench.others import link_class_folders, notebook_steps, timm_steps
from kaggle_face.bench.prediction import Subject, loaded_batches, predicted_batches, resident_batches
from kaggle_face.bench.rates import Work
from kaggle_face.bench.training import LIMIT, LOADER, NOTEBOOK, TIMM, WHOLE, Supply
from kaggle_face.config import Config, LoadedConfig
from kaggle_face.data.cache.image_cache import ImageCache
from kaggle_face.data.loading.loader import evaluation_batches
from kaggle_face.hardware import available_cpus
from kaggle_face.inference.batch_size import choose_batch_size
from kaggle_face.model.amp import resolve_amp
from kaggle_face.model.network import FaceNetwork, create_network
from kaggle_face.progress import Progress, SilentProgress
from kaggle_face.train.fold import create_fold_network, create_trainer
from kaggle_face.train.settings import FoldData
from kaggle_face.train.speed.precision import decide_cpu_amp
from kaggle_face.train.speed.step_timing import Workload
from kaggle_face.train.step.step import run_steps
from kaggle_face.train.trainer import RunContext, Trainer

_MANY_STEPS = 1_000_000
_WORKERS_ON_CPU = 2
"""Of the others' loaders, where the network needs the cores itself; notebooks are written with 2."""


def settle_amp(
    loaded: LoadedConfig, num_classes: int, device: torch.device, progress: Progress
) -> LoadedConfig:
    """The settings with the precision that a long training would choose, so that all ways run in the same."""
    config = loaded.config
    if config.train.amp != "auto" or device.type != "cpu":
        return loaded
    network = _fresh_network(config, num_classes, device)
    workload = Workload(config.train.batch_size, config.data.image_size, None, _MANY_STEPS)
    train = config.train.model_copy(update={"amp": decide_cpu_amp(network, "auto", workload, None, progress)})
    return replace(loaded, config=config.model_copy(update={"train": train}))


def _fresh_network(config: Config, num_classes: int, device: torch.device) -> FaceNetwork:
    model = config.model.model_copy(update={"pretrained": False, "weights": None})
    network = create_network(model, config.margin, num_classes, config.data.image_size).to(device)
    return network.to(memory_format=torch.channels_last) if config.train.channels_last else network


class TrainingWays:
    """One fold's training, and what it is compared with."""

    def __init__(
        self, config: Config, task: FoldData, device: torch.device, folder: Path, progress: Progress
    ) -> None:
        self._config, self._task, self._device = config, task, device
        self._folder, self._progress = folder, progress
        self._num_classes = len(task.classes)
        self._workers = available_cpus() if device.type == "cuda" else _WORKERS_ON_CPU

    def works(self, with_others: bool) -> dict[str, Work]:
        """How each way begins, by name."""
        works: dict[str, Work] = {
            LIMIT: partial(resident_steps, self._config, self._num_classes, self._device),
            LOADER: self._load,
            WHOLE: self._train,
        }
        if with_others:
            root = Path(self._config.data.root)
            images = self._folder / "images"
            link_class_folders(root, self._task.train_ids, self._task.train_labels, images)
            where = (self._config, self._num_classes, images, self._device, self._workers)
            works |= {NOTEBOOK: partial(notebook_steps, *where), TIMM: partial(timm_steps, *where)}
        return works

    def supply(self) -> Supply:
        """How the images came."""
        plan = self._fit().batches.plan
        per_image = plan.placement == "workers" and len(self._config.augment.transforms) > 0
        return Supply(per_image, plan.reason, self._device.type == "cuda")

    def _fit(self) -> Trainer:
        network = create_fold_network(self._config, self._task).to(self._device)
        folder = FoldFolder(self._folder / "fold0")
        return create_trainer(
            self._config, self._task, folder, network, None, RunContext({}, SilentProgress())
        )

    def _load(self) -> Generator[int]:
        batches = self._fit().batches
        while True:
            for batch in batches.epoch(0):
                yield len(batch.labels)

    def _train(self) -> Generator[int]:
        """Epoch after epoch of a training, with its metrics and its progress."""
        trainer = self._fit()
        state, progress = trainer.state, SilentProgress()
        while True:
            with progress.count("epoch", trainer.batches.images_per_epoch, "images") as counter:
                for images in run_steps(state, trainer.settings, trainer.batches, trainer.step_context):
                    counter.advance(images, f"loss {state.accumulator.latest.mean_loss:.3f}")
                    yield images
            state.step = 0
            state.accumulator.begin_epoch()


def prediction_works(
    config: Config, cache: ImageCache, num_classes: int, device: torch.device
) -> tuple[dict[str, Work], int]:
    """How each way of predicting begins, by name, and the batch size; the weights are fresh."""
    network = _fresh_network(config, num_classes, device)
    amp_dtype, size_px, flip = (
        resolve_amp(config.train.amp, device),
        config.data.image_size,
        config.predict.flip,
    )
    batch_size = choose_batch_size(config.predict.batch_size, network, size_px, device, amp_dtype, flip)
    subject = Subject(network, device, amp_dtype, flip, batch_size, size_px)

    def batches() -> Iterator[Tensor]:
        return evaluation_batches(cache, cache.image_ids, batch_size, device)

    works: dict[str, Work] = {
        LIMIT: partial(resident_batches, subject),
        LOADER: partial(loaded_batches, batches),
        WHOLE: partial(predicted_batches, subject, batches),
    }
    return works, batch_size

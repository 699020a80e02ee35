"""A training of a network with a few thousand weights, on any device, step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import nn

from kaggle_face.config import Config
from kaggle_face.data.augmentation.per_image import Augmenter
from kaggle_face.data.cache.image_cache import ImageCache
from kaggle_face.data.loading.loader import TrainingBatches, TrainingImages, shuffled
from kaggle_face.data.loading.placement import LoaderPlan, Placement
from kaggle_face.model.ema import AveragedNetwork
from kaggle_face.model.network import FaceNetwork, create_network
from kaggle_face.train.distributed import SINGLE_PROCESS, DistributedContext
from kaggle_face.train.losses.metric_learning import MetricLoss, create_metric_loss
from kaggle_face.train.optim.optimizer import create_fold_optimizer
from kaggle_face.train.other_runs.distillation import DistillationSource
from kaggle_face.train.settings import TrainSettings
from kaggle_face.train.state import TrainingState
from kaggle_face.train.step.step import StepContext, run_steps

SIZE, IMAGES, BATCH, CLASSES = 16, 48, 8, 6
SMALL = {"channels": [8, 8, 16, 16], "stem_width": 8}
BASE: dict[str, dict[str, Any]] = {
    "data": {"image_size": SIZE},
    "model": {"backbone": "resnet10t", "backbone_options": SMALL, "embedding_size": 8},
    "optim": {"lr": 0.02},
    "train": {"batch_size": BATCH, "epochs": 20},
}

PAD = {"PadIfNeeded": {"min_height": 20, "min_width": 20, "border_mode": 4}}
TRANSFORMS: dict[str, list[dict[str, Any]]] = {
    "mirror": [{"HorizontalFlip": {"p": 0.5}}],
    "upside down": [{"VerticalFlip": {"p": 0.5}}],
    "shift, scale and rotate": [{"ShiftScaleRotate": {"p": 0.5}}],
    "pad": [{"Pad": {"padding": 2}}, {"RandomCrop": {"height": 16, "width": 16}}],
    "nothing": [{"NoOp": {}}],
    "negative": [{"InvertImg": {"p": 0.5}}],
    "affine map": [
        {"Affine": {"scale": [0.9, 1.1], "rotate": [-10, 10], "translate_percent": [-0.1, 0.1], "p": 0.5}}
    ],
    "affine map with fill": [{"Affine": {"rotate": [-10, 10], "fill": 127, "p": 1.0}}],
    "brightness": [{"RandomBrightnessContrast": {"p": 0.5}}],
    "colour jitter": [{"ColorJitter": {"hue": [0, 0], "p": 0.5}}],
    "grey": [{"ToGray": {"p": 0.1}}],
    "gamma": [{"RandomGamma": {"p": 0.3}}],
    "dropout": [{"CoarseDropout": {"p": 0.5}}],
    "erasing": [{"Erasing": {"p": 0.5}}],
    "pad and crop": [PAD, {"RandomCrop": {"height": 16, "width": 16}}],
    "resized crop": [{"RandomResizedCrop": {"size": [16, 16]}}],
    "one of": [{"OneOf": {"transforms": [{"InvertImg": {"p": 1}}, {"ToGray": {"p": 1}}]}}],
}
"""Each transform that has a batched form, of augment.transforms, by a name of its own."""

Move = Callable[[nn.Module], nn.Module]
"""Brings a module to the device."""


def config_of(settings: Mapping[str, Mapping[str, Any]]) -> Config:
    """The settings over those of the small training; a backbone of another name gets no options."""
    merged = {part: {**BASE.get(part, {}), **settings.get(part, {})} for part in {*BASE, *settings}}
    if "backbone" in settings.get("model", {}) and "backbone_options" not in settings["model"]:
        del merged["model"]["backbone_options"]
    return Config.model_validate(merged)


def image_cache(seed: int = 0) -> ImageCache:
    """Random pixels of faces that nobody has."""
    pixels = np.random.default_rng(seed).integers(0, 256, (IMAGES, SIZE, SIZE, 3), np.uint8)
    ids = np.array([f"{number:03d}" for number in range(IMAGES)])
    return ImageCache(ids, pixels, np.ones(IMAGES, np.bool_), SIZE)


@dataclass
class Networks:
    """The networks of a training, on the CPU; weights follow from the seed 0."""

    network: FaceNetwork
    average: AveragedNetwork | None
    metric: MetricLoss | None

    @classmethod
    def of(cls, config: Config) -> Networks:
        """Draws the weights."""
        torch.manual_seed(0)
        counts_C = torch.arange(1, CLASSES + 1)
        network = create_network(config.model, config.margin, CLASSES, config.data.image_size, counts_C)
        decay = config.train.ema_decay
        average = None if decay is None else AveragedNetwork(network, decay, warmup_updates=2)
        return cls(network, average, create_metric_loss(config.loss, CLASSES, network.embedding_size))


@dataclass
class SmallTraining:
    """What `run_steps` takes."""

    state: TrainingState
    settings: TrainSettings
    batches: TrainingBatches
    context: StepContext

    @classmethod
    def on(
        cls,
        device: torch.device,
        config: Config,
        networks: Networks,
        amp_dtype: torch.dtype | None = None,
        placement: Placement = "device",
        move: Move | None = None,
        distillation: DistillationSource | None = None,
        distributed: DistributedContext = SINGLE_PROCESS,
    ) -> SmallTraining:
        """Puts the networks on a device and begins a training there."""
        bring = move or (lambda module: module.to(device))
        network, average, metric = networks.network, networks.average, networks.metric
        bring(network)
        for other in (average.network if average else None, metric):
            if other is not None:
                bring(other)
        if config.train.channels_last and move is None:
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # as torch documents it
        optimizer = create_fold_optimizer(network, config.optim)
        scaler = torch.amp.GradScaler(device.type, enabled=amp_dtype == torch.float16)
        state = TrainingState(network, optimizer, scaler, average, metric)
        cache = image_cache()
        batches = TrainingBatches(
            TrainingImages(cache, cache.image_ids, np.arange(IMAGES) % CLASSES),
            BATCH,
            Augmenter(config.augment.transforms, SIZE, 0),
            shuffled(0),
            LoaderPlan(placement, device, shard=distributed.share),
        )
        engine = distributed.create_engine(network, network, config.train)
        context = StepContext(device, amp_dtype, engine, distillation, distributed)
        return cls(state, TrainSettings.of(config), batches, context)

    def steps(self, count: int) -> None:
        """Takes that many steps, over several epochs where one is too short."""
        for _ in islice(self._endless(), count):
            pass

    def _endless(self) -> Iterator[int]:
        while True:
            yield from run_steps(self.state, self.settings, self.batches, self.context)
            self.state.epoch, self.state.step = self.state.epoch + 1, 0
            self.state.accumulator.begin_epoch()

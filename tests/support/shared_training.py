"""A tiny training of one process, or of several together: tasks for `tests/support/processes.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from kaggle_face.config import Config, load_config
from kaggle_face.data.augmentation.per_image import Augmenter
from kaggle_face.data.cache.image_cache import ImageCache
from kaggle_face.data.loading.identity_sampling import sampled_order
from kaggle_face.data.loading.loader import TrainingBatches, TrainingImages
from kaggle_face.data.loading.placement import LoaderPlan
from kaggle_face.model.ema import AveragedNetwork
from kaggle_face.model.network import FaceNetwork, create_network
from kaggle_face.train.distributed import SINGLE_PROCESS, DistributedContext
from kaggle_face.train.losses.metric_learning import create_metric_loss
from kaggle_face.train.optim.optimizer import create_fold_optimizer
from kaggle_face.train.settings import TrainSettings
from kaggle_face.train.state import TrainingState
from kaggle_face.train.step.step import StepContext, run_steps

CPU = torch.device("cpu")
SIZE, IMAGES, CLASSES = 16, 26, 5
SETTINGS = (
    "model.backbone=convnext_atto",  # norms over each image by itself
    "model.backbone_options={depths: [1, 1, 1, 1], dims: [8, 8, 16, 16]}",
    "model.neck=linear",
    "model.embedding_size=8",
    f"data.image_size={SIZE}",
    "optim.lr=0.05",
    "train.batch_size=8",
    "train.epochs=20",
)
WITH_BATCH_NORM = (
    "model.backbone=resnet10t",
    "model.backbone_options={channels: [8, 8, 16, 16], stem_width: 8}",
    "model.neck=linear_bn",
)
Settings = tuple[str, ...]


@dataclass(eq=False)
class SharedTraining:
    """A tiny network and three batches of eight of 26 images."""

    config: Config
    distributed: DistributedContext
    num_classes: int = CLASSES

    def __post_init__(self) -> None:
        config = self.config
        self.settings = TrainSettings.of(config)
        torch.manual_seed(0)
        network = create_network(config.model, config.margin, self.num_classes, SIZE)
        network.backbone.register_forward_pre_hook(_in_default_dtype)  # pixels are float32
        self.distributed.shard_head(network, config)
        self.distributed.prepare_norms(network, config.train)
        optimizer = create_fold_optimizer(network, config.optim)
        scaler = torch.amp.GradScaler("cpu", init_scale=256.0)
        average = AveragedNetwork(network, 0.9)
        metric = create_metric_loss(config.loss, self.num_classes, network.embedding_size)
        self.state = TrainingState(network, optimizer, scaler, average, metric)
        images = np.random.default_rng(0).integers(0, 256, (IMAGES, SIZE, SIZE, 3), np.uint8)
        ids = np.array([f"{number:03d}" for number in range(IMAGES)])
        labels = np.arange(IMAGES) % self.num_classes
        self.batches = TrainingBatches(
            TrainingImages(ImageCache(ids, images, np.ones(IMAGES, np.bool_), SIZE), ids, labels),
            config.train.batch_size,
            Augmenter(config.augment.transforms, SIZE, config.seed),
            lambda labels, epoch: sampled_order(labels, config.sampler, config.train.batch_size, 0, epoch),
            LoaderPlan("memory_map", CPU, shard=self.distributed.share),
        )
        engine = self.distributed.create_engine(network, network, config.train)
        self.context = StepContext(CPU, None, engine, distributed=self.distributed)

    @classmethod
    def of(
        cls,
        settings: Settings,
        distributed: DistributedContext = SINGLE_PROCESS,
        num_classes: int = CLASSES,
    ) -> SharedTraining:
        """The training of settings over those above."""
        return cls(load_config("base", (*SETTINGS, *settings)).config, distributed, num_classes)

    @property
    def network(self) -> FaceNetwork:
        """The network that is trained."""
        return self.state.network

    def train(self, steps: int) -> SharedTraining:
        """Takes so many steps, over several epochs where one is too short; ends after a whole update."""
        for _ in range(steps):
            if self.state.step == len(self.batches):
                self.state.epoch, self.state.step = self.state.epoch + 1, 0
            for _ in islice(run_steps(self.state, self.settings, self.batches, self.context), 1):
                pass
        return self

    def numbers(self) -> dict[str, Tensor]:
        """All that the training has moved, in one mapping."""
        state, counts = self.state, self.state.accumulator.read()
        assert state.average is not None
        tensors = self._whole(state.network)
        tensors |= {f"average.{name}": tensor for name, tensor in self._whole(state.average.network).items()}
        for name, tensor in (state.metric_loss.state_dict() if state.metric_loss else {}).items():
            tensors[f"metric.{name}"] = tensor.clone()
        tensors["loss"] = torch.tensor(counts.mean_loss)
        tensors["counts"] = torch.tensor([float(counts.correct), counts.images, counts.skipped_steps])
        tensors["scale"] = torch.tensor(state.scaler.get_scale())
        return tensors

    def _whole(self, network: FaceNetwork) -> Numbers:
        with self.distributed.whole_head(network):
            return {name: tensor.clone() for name, tensor in network.state_dict().items()}


Numbers = dict[str, Tensor]


def _in_default_dtype(_: torch.nn.Module, images: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(batch.to(torch.get_default_dtype()) for batch in images)


def trained(
    distributed: DistributedContext,
    cases: Sequence[Settings],
    steps: int,
    num_classes: int = CLASSES,
    dtype: torch.dtype = torch.float32,
) -> list[Numbers]:
    """What each of several trainings ends with, computed in a precision."""
    torch.set_default_dtype(dtype)
    try:
        trainings = (SharedTraining.of(settings, distributed, num_classes) for settings in cases)
        return [training.train(steps).numbers() for training in trainings]
    finally:
        torch.set_default_dtype(torch.float32)


def spread(settings: Settings, steps: int, num_classes: int = CLASSES) -> float:
    """How far apart one process ends whose first weights differ in their last bit, at most of four tries.

    The tries of one setting differ by ten times (CosFace with a warm-up: 1.7e-6 to 1.7e-5 in ten of them), so
    a single one says little.
    """
    (expected,) = trained(SINGLE_PROCESS, [settings], steps, num_classes)
    tries = (rounded_apart(settings, steps, num_classes, seed) for seed in range(4))
    return max(farthest(found, expected) for found in tries)


def rounded_apart(settings: Settings, steps: int, num_classes: int = CLASSES, seed: int = 0) -> Numbers:
    """What one process ends with if every second of its first weights is the next larger number."""
    training = SharedTraining.of(settings, num_classes=num_classes)
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in training.network.parameters():
            larger = torch.nextafter(weight, torch.full_like(weight, torch.inf))
            weight.copy_(torch.where(torch.rand(weight.shape, generator=draw) < 0.5, larger, weight))
    return training.train(steps).numbers()


def fresh_weights(settings: Settings) -> Numbers:
    """The weights that a training begins with."""
    network = SharedTraining.of(settings).network
    return {name: parameter.detach() for name, parameter in network.named_parameters()}


def farthest(one: Numbers, other: Numbers) -> float:
    """The largest difference of two trainings, relative to numbers above 1."""
    assert one.keys() == other.keys()
    return max(float(((one[name] - other[name]).abs() / (1 + other[name].abs())).max()) for name in one)

"""Gradients added up over several batches make the update of one large batch."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.config import Config, load_config
from kaggle_face.data.augmentation.per_image import Augmenter
from kaggle_face.data.cache.image_cache import ImageCache
from kaggle_face.data.loading.loader import TrainingBatches, TrainingImages, shuffled
from kaggle_face.data.loading.placement import LoaderPlan
from kaggle_face.model.ema import AveragedNetwork
from kaggle_face.model.network import FaceNetwork, create_network
from kaggle_face.train.creation import create_state
from kaggle_face.train.optim.optimizer import create_fold_optimizer
from kaggle_face.train.parallel.engine import Engine
from kaggle_face.train.settings import TrainSettings
from kaggle_face.train.state import TrainingState, load_resume_state, save_resume_state
from kaggle_face.train.step.step import StepContext, may_pause, run_steps

CPU = torch.device("cpu")
SIZE, IMAGES, CLASSES, BATCH, RATE, DECAY = 16, 20, 5, 4, 0.1, 0.9
SETTINGS = (
    "model.backbone=convnext_atto",  # norms over each image by itself
    "model.backbone_options={depths: [1, 1, 1, 1], dims: [8, 8, 16, 16]}",
    "model.neck=linear",
    "model.embedding_size=8",
    f"data.image_size={SIZE}",
    f"optim.lr={RATE}",
    "optim.momentum=0",
    "optim.weight_decay=0",
    "loss.label_smoothing=0",
    "schedule.warmup_epochs=0.5",
    f"train.batch_size={BATCH}",
    "train.epochs=2",
)
GROUPS = [(0, 3), (3, 5)]  # of five batches, three at a time
MOMENTS = [0.0, 0.6]
"""Shares of the epoch that lie before each update, in images."""


def settings(*more: str) -> Config:
    return load_config("base", (*SETTINGS, "train.accumulate_steps=3", *more)).config


def fresh_network(config: Config) -> FaceNetwork:
    torch.manual_seed(0)
    return create_network(config.model, config.margin, CLASSES, SIZE)


def five_batches(config: Config) -> TrainingBatches:
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, SIZE, SIZE, 3), np.uint8)
    ids = np.array([f"{number:03d}" for number in range(IMAGES)])
    cache = ImageCache(ids, images, np.ones(IMAGES, np.bool_), SIZE)
    augmenter = Augmenter(config.augment.transforms, SIZE, 0)
    labels = np.arange(IMAGES) % CLASSES
    return TrainingBatches(
        TrainingImages(cache, ids, labels), BATCH, augmenter, shuffled(0), LoaderPlan("memory_map", CPU)
    )


def rate_at(moment: float) -> float:
    """A warm-up from a hundredth over half an epoch, then half a cosine over the other 1.5."""
    if moment < 0.5:
        return RATE * (0.01 + 0.99 * moment / 0.5)
    return RATE * (1 + math.cos(math.pi * (moment - 0.5) / 1.5)) / 2


def by_hand(network: FaceNetwork, batches: TrainingBatches, largest_norm: float) -> list[list[Tensor]]:
    """The averaged weights after each update with the mean gradient of a large batch."""
    made = list(batches.epoch(0))
    parameters = list(network.parameters())
    averages, history = [p.detach().clone() for p in parameters], []
    for (start, stop), moment in zip(GROUPS, MOMENTS, strict=True):
        images = torch.cat([torch.as_tensor(batch.images) for batch in made[start:stop]])
        labels = torch.cat([batch.labels for batch in made[start:stop]])
        embeddings = network(network.normalize(images))
        loss = F.cross_entropy(network.head.logits(network.head.similarity(embeddings)), labels)
        gradients = torch.autograd.grad(loss, parameters)
        norm = torch.sqrt(sum((g.double().square().sum() for g in gradients), torch.tensor(0.0).double()))
        shrink = min(1.0, largest_norm / float(norm))
        with torch.no_grad():
            for parameter, gradient, average in zip(parameters, gradients, averages, strict=True):
                parameter -= rate_at(moment) * shrink * gradient
                average.mul_(DECAY).add_((1 - DECAY) * parameter)
        history.append([average.clone() for average in averages])
    return history


def start(config: Config, network: FaceNetwork) -> tuple[TrainingState, Any]:
    settings = TrainSettings.of(config)
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    optimizer = create_fold_optimizer(network, settings.optim)
    state = TrainingState(network, optimizer, scaler, AveragedNetwork(network, DECAY))
    return state, run_steps(state, settings, five_batches(config), StepContext(CPU, None, Engine(network)))


@pytest.mark.parametrize("largest_norm", [math.inf, 0.05])
def test_an_update_of_several_batches_is_that_of_a_large_one_also_at_the_end_of_an_epoch(
    largest_norm: float,
) -> None:
    config = settings(*([] if math.isinf(largest_norm) else [f"train.clip_grad_norm={largest_norm}"]))
    network = fresh_network(config)
    large = copy.deepcopy(network)
    state, steps = start(config, network)
    for _ in steps:
        pass
    assert state.average is not None
    expected = by_hand(large, five_batches(config), largest_norm)
    for found, wanted in zip(network.parameters(), large.parameters(), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=2e-6)
    for found, mean in zip(state.average.network.parameters(), expected[-1], strict=True):
        torch.testing.assert_close(found.data, mean, rtol=1e-4, atol=2e-6)
    assert state.average.updates == len(GROUPS)


def test_all_batches_of_an_update_have_its_learning_rate_and_margin() -> None:
    config = settings("model.head=cosface", "margin.warmup_epochs=2")
    state, steps = start(config, fresh_network(config))
    found = [(state.optimizer.param_groups[0]["lr"], state.network.head.margin_factor) for _ in steps]
    first, second = [(rate_at(moment), moment / 2) for moment in MOMENTS]
    assert np.allclose(found, [first] * 3 + [second] * 2)


def test_the_average_catches_up_over_the_updates_that_an_epoch_has() -> None:
    config = settings(f"train.ema_decay={DECAY}", "train.ema_warmup_epochs=3")
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    average = create_state(config, fresh_network(config), scaler, steps_per_epoch=5).average
    assert average is not None and average.warmup_updates == 3 * len(GROUPS)


def test_a_state_is_saved_between_updates_alone_and_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    config, folder = settings("optim.momentum=0.9"), FoldFolder(tmp_path / "fold0")
    whole, steps = start(config, fresh_network(config))
    pauses = []
    for _ in steps:
        if may_pause(whole, TrainSettings.of(config), 5, CPU):
            pauses.append(whole.step)
        if whole.step == 3:
            save_resume_state(whole, folder)
    assert pauses == [3, 5]
    again, _ = start(config, fresh_network(config))
    load_resume_state(again, folder, CPU)
    rest = run_steps(
        again, TrainSettings.of(config), five_batches(config), StepContext(CPU, None, Engine(again.network))
    )
    assert len(list(rest)) == 2
    found, expected = again.network.state_dict(), whole.network.state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())

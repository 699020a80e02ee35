"""The steps of an epoch where something goes wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from kaggle_face.config import Config, ModelConfig
from kaggle_face.data.augmentation.mixing import Mix
from kaggle_face.data.augmentation.per_image import Augmenter
from kaggle_face.data.cache.image_cache import ImageCache
from kaggle_face.data.loading.loader import TrainingBatches, TrainingImages, shuffled
from kaggle_face.data.loading.placement import LoaderPlan
from kaggle_face.errors import ConfigError, TrainingStoppedError
from kaggle_face.model.ema import AveragedNetwork
from kaggle_face.model.network import create_network
from kaggle_face.train.losses.batch import BatchLoss
from kaggle_face.train.losses.metric_learning import create_metric_loss
from kaggle_face.train.optim.optimizer import create_fold_optimizer
from kaggle_face.train.parallel.engine import Engine
from kaggle_face.train.settings import TrainSettings
from kaggle_face.train.state import TrainingState
from kaggle_face.train.step import step as steps
from kaggle_face.train.step.step import StepContext, run_steps

CPU = torch.device("cpu")
SIZE, IMAGES, BATCH = 16, 24, 4
SETTINGS: dict[str, Any] = {
    "data": {"image_size": SIZE},
    "optim": {"lr": 0.05},
    "train": {"batch_size": BATCH, "epochs": 2, "max_nonfinite_steps": 2},
}


class Training:
    """A network of a few thousand weights and six batches."""

    def __init__(self, accumulate: int = 1, head: str = "linear", **more: object) -> None:
        settings = {**SETTINGS, "train": {**SETTINGS["train"], "accumulate_steps": accumulate}, **more}
        config = Config.model_validate(settings)
        self.settings = TrainSettings.of(config)
        torch.manual_seed(0)
        options = {"channels": [8, 8, 16, 16], "stem_width": 8}
        model = ModelConfig.model_validate(
            {"backbone": "resnet10t", "backbone_options": options, "embedding_size": 8, "head": head}
        )
        network = create_network(model, config.margin, num_classes=3, image_size=SIZE)
        optimizer = create_fold_optimizer(network, self.settings.optim)
        scaler = torch.amp.GradScaler("cpu", enabled=False)
        metric_loss = create_metric_loss(config.loss, 3, network.embedding_size)
        self.state = TrainingState(network, optimizer, scaler, AveragedNetwork(network, 0.9), metric_loss)
        images = np.random.default_rng(0).integers(0, 256, (IMAGES, SIZE, SIZE, 3), np.uint8)
        ids = np.array([f"{number:03d}" for number in range(IMAGES)])
        cache = ImageCache(ids, images, np.ones(IMAGES, np.bool_), SIZE)
        labels, augmenter = np.arange(IMAGES) % 3, Augmenter(config.augment.transforms, SIZE, 0)
        self.batches = TrainingBatches(
            TrainingImages(cache, ids, labels), BATCH, augmenter, shuffled(0), LoaderPlan("device", CPU)
        )
        self.context = StepContext(CPU, None, Engine(network))
        self.steps = run_steps(self.state, self.settings, self.batches, self.context)

    def weights(self) -> dict[str, torch.Tensor]:
        return {name: tensor.clone() for name, tensor in self.state.network.state_dict().items()}

    def run(self) -> list[dict[str, torch.Tensor]]:
        """The weights after each step of an epoch."""
        return [self.weights() for _ in run_steps(self.state, self.settings, self.batches, self.context)]


@pytest.fixture
def spoil(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[int, float]], None]:
    """Replaces the losses of some steps, counted from 0."""
    plain = steps.batch_loss

    def install(losses: dict[int, float]) -> None:
        count = iter(range(1000))

        def spoilt(*arguments: object) -> BatchLoss:
            result = plain(*arguments)  # type: ignore[arg-type]
            factor = losses.get(next(count), 1.0)
            # inf is added, so that the gradients alone would be finite
            return replace(result, loss=result.loss + factor if math.isinf(factor) else result.loss * factor)

        monkeypatch.setattr(steps, "batch_loss", spoilt)

    return install


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_step_whose_loss_is_not_finite_changes_no_weight(
    loss: float, spoil: Callable[[dict[int, float]], None]
) -> None:
    spoil({2: loss})
    training = Training()
    after = training.run()
    names = [name for name, _ in training.state.network.named_parameters()]
    assert all(torch.equal(after[2][name], after[1][name]) for name in names)
    assert any(not torch.equal(after[3][name], after[2][name]) for name in names)
    counts = training.state.accumulator.read()
    assert (counts.skipped_steps, counts.skipped_in_a_row, counts.images) == (1, 0, 5 * BATCH)
    assert math.isfinite(counts.mean_loss)


def test_of_accumulated_batches_one_that_is_not_finite_spoils_their_update(
    spoil: Callable[[dict[int, float]], None],
) -> None:
    spoil({0: math.nan})
    training = Training(accumulate=2)
    before = training.weights()
    after = training.run()
    name = "head.weight_CD"
    assert torch.equal(after[1][name], before[name]) and not torch.equal(after[3][name], before[name])
    assert training.state.accumulator.read().skipped_steps == 1


def test_too_many_in_a_row_stop_the_training(spoil: Callable[[dict[int, float]], None]) -> None:
    spoil(dict.fromkeys((1, 2, 3), math.nan))
    training = Training()
    with pytest.raises(
        TrainingStoppedError, match=r"in 3 steps in a row, up to step 4 of epoch 1; .*now 0.05"
    ):
        training.run()


def test_as_many_as_are_allowed_do_not_stop_it(spoil: Callable[[dict[int, float]], None]) -> None:
    spoil(dict.fromkeys((0, 1, 3, 4), math.nan))
    training = Training()
    training.run()
    assert training.state.accumulator.read().most_skipped_in_a_row == 2


@pytest.mark.parametrize("accumulate", [1, 2])
def test_statistics_of_normalisation_and_averages_stay_finite_when_a_forward_pass_overflows(
    accumulate: int,
) -> None:
    training = Training(accumulate)
    network, calls = training.state.network, iter(range(100))

    def overflowing(images_BCHW: torch.Tensor) -> torch.Tensor:
        embeddings: torch.Tensor = network(images_BCHW * (torch.inf if next(calls) == 2 else 1.0))
        return embeddings

    training.context = replace(training.context, engine=Engine(overflowing))
    training.run()
    assert training.state.accumulator.read().skipped_steps == 1
    for one in training.state.networks:
        assert all(torch.isfinite(buffer).all() for buffer in one.buffers())


def test_cutmix_pastes_within_the_part_that_the_network_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    training = Training(augment={"cutmix": {"probability": 1.0}})
    training.state.network.center_crop = 0.5
    mixes: list[Mix] = []
    plain = steps.apply_mix

    def kept(images_BCHW: torch.Tensor, mix: Mix) -> torch.Tensor:
        mixes.append(mix)
        return plain(images_BCHW, mix)

    monkeypatch.setattr(steps, "apply_mix", kept)
    training.run()
    assert len(mixes) == IMAGES // BATCH
    border, seen_px = 4, 8  # of 16 pixels the 8 in the middle
    for mix in mixes:
        assert mix.box is not None and mix.box.area_px <= seen_px**2
        assert border <= min(mix.box.top, mix.box.left)
        assert max(mix.box.bottom, mix.box.right) <= border + seen_px
        assert mix.weight_of_first == pytest.approx(1 - mix.box.area_px / seen_px**2)


def test_a_step_that_does_not_fit_the_memory_says_what_to_lower() -> None:
    training = Training()

    def too_large(images_BCHW: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError

    training.context = replace(training.context, engine=Engine(too_large))
    with pytest.raises(ConfigError, match=r"a step of train.batch_size=4 does not fit the memory of cpu"):
        training.run()


class Reads(TorchDispatchMode):
    """Lists the operations for which a host would wait for its GPU."""

    NAMES = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "_unique", "unique_dim", "item")

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__.removesuffix("2").removesuffix("_")
        by_mask = name in ("index", "index_put") and any(
            index is not None and index.dtype == torch.bool for index in args[1]
        )
        if name in self.NAMES or by_mask:
            self.found.append(name)
        return func(*args, **(kwargs or {}))


def test_reads_of_the_device_are_noticed() -> None:
    values = torch.ones(3)
    with Reads() as reads:
        float(values.sum())
        values[values > 0]
        torch.unique(values)
    assert reads.found == ["_local_scalar_dense", "index", "_unique"]


RECIPE = [
    {"HorizontalFlip": {"p": 0.5}},
    {"Affine": {"rotate": [-9, 9], "fill": 5, "p": 0.5}},
    {"CoarseDropout": {"p": 0.5}},
    {"ColorJitter": {"hue": [0, 0]}},
    {"OneOf": {"transforms": [{"ToGray": {}}, {"RandomGamma": {}}], "p": 0.5}},
]


@pytest.mark.parametrize(
    ("head", "more"),
    [
        ("linear", {"augment": {"cutmix": {"probability": 1.0}, "transforms": RECIPE}}),
        ("arcface", {"augment": {"mixup": {"probability": 1.0}}}),
        ("adaface", {"loss": {"metric": "triplet"}}),
        ("curricularface", {"loss": {"metric": "supcon"}}),
        ("subcenter_arcface", {"loss": {"metric": "center"}}),
        ("combined_margin", {"loss": {"metric": "multi_similarity"}, "margin": {"warmup_epochs": 1.0}}),
    ],
)
def test_no_step_waits_for_a_number_of_the_device(
    head: str, more: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "_is_time_to_poll", lambda step, device: False)
    training = Training(head=head, **more)
    waiting = Reads()
    with waiting:
        for _ in range(5):  # the sixth and last one waits for the counts of the epoch
            next(training.steps)
    assert waiting.found == []
    assert training.state.accumulator.read().images == 5 * BATCH

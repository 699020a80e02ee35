"""Several processes compute what one computes. Here they are threads that pass messages over a board."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributed import HashStore

from kaggle_face.config import Config, load_config
from kaggle_face.data.augmentation.per_image import Augmenter
from kaggle_face.data.cache.image_cache import ImageCache
from kaggle_face.data.loading.identity_sampling import sampled_order
from kaggle_face.data.loading.loader import TrainingBatches, TrainingImages
from kaggle_face.data.loading.placement import LoaderPlan
from kaggle_face.data.loading.samplers import Shard
from kaggle_face.errors import ConfigError, InputError, OtherProcessError
from kaggle_face.model.ema import AveragedNetwork
from kaggle_face.model.network import FaceNetwork, create_network
from kaggle_face.train import distributed as distributed
from kaggle_face.train.distributed import SINGLE_PROCESS, DistributedContext, _Group, joined, launch_id
from kaggle_face.train.losses.metric_learning import create_metric_loss
from kaggle_face.train.optim.optimizer import create_fold_optimizer
from kaggle_face.train.settings import TrainSettings
from kaggle_face.train.state import TrainingState
from kaggle_face.train.step.step import StepContext, run_steps

T = TypeVar("T")
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
    "train.epochs=2",
)
WITH_BATCH_NORM = (
    "model.backbone=resnet10t",
    "model.backbone_options={channels: [8, 8, 16, 16], stem_width: 8}",
    "model.neck=linear_bn",
)


class Board:
    """Where threads leave messages for each other."""

    def __init__(self, count: int) -> None:
        self.meeting = threading.Barrier(count, timeout=300)
        self.messages: list[Tensor] = [torch.empty(0)] * count


class Thread(_Group):
    """A process that is none."""

    def __init__(self, share: Shard, board: Board) -> None:
        super().__init__(share, share.rank, None)
        self._board = board

    def _add_up(self, tensor: Tensor) -> None:
        tensor.copy_(torch.stack(self._posted(tensor)).sum(0, dtype=tensor.dtype))

    def _hand_out(self, tensor: Tensor) -> None:
        tensor.copy_(self._posted(tensor)[0])

    def _posted(self, tensor: Tensor) -> list[Tensor]:
        self._board.messages[self.share.rank] = tensor.clone()
        self._board.meeting.wait()
        messages = list(self._board.messages)
        self._board.meeting.wait()
        return messages


def together(count: int, work: Callable[[DistributedContext], T]) -> list[T]:
    """What each of several processes gets; with one, what it gets alone."""
    if count == 1:
        return [work(SINGLE_PROCESS)]
    board = Board(count)

    def run(rank: int) -> T:
        try:
            return work(Thread(Shard(rank, count), board))
        except BaseException:
            board.meeting.abort()
            raise

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


@dataclass(eq=False)
class Training:
    """A tiny network and three batches of eight of 26 images."""

    config: Config
    distributed: DistributedContext
    network: FaceNetwork

    def __post_init__(self) -> None:
        config = self.config
        self.settings = TrainSettings.of(config)
        optimizer = create_fold_optimizer(self.network, config.optim)
        scaler = torch.amp.GradScaler("cpu", init_scale=256.0)
        average = AveragedNetwork(self.network, 0.9)
        metric = create_metric_loss(config.loss, CLASSES, self.network.embedding_size)
        self.state = TrainingState(self.network, optimizer, scaler, average, metric)
        images = np.random.default_rng(0).integers(0, 256, (IMAGES, SIZE, SIZE, 3), np.uint8)
        ids = np.array([f"{number:03d}" for number in range(IMAGES)])
        self.batches = TrainingBatches(
            TrainingImages(
                ImageCache(ids, images, np.ones(IMAGES, np.bool_), SIZE), ids, np.arange(IMAGES) % CLASSES
            ),
            config.train.batch_size,
            Augmenter(config.augment.transforms, SIZE, config.seed),
            lambda labels, epoch: sampled_order(labels, config.sampler, config.train.batch_size, 0, epoch),
            LoaderPlan("memory_map", CPU, shard=self.distributed.share),
        )
        self.context = StepContext(CPU, None, self.network, distributed=self.distributed)

    def train(self) -> TrainingState:
        """An epoch."""
        for _ in run_steps(self.state, self.settings, self.batches, self.context):
            pass
        return self.state


def fresh_network(*settings: str) -> FaceNetwork:
    config = load_config("base", (*SETTINGS, *settings)).config
    torch.manual_seed(0)
    return create_network(config.model, config.margin, CLASSES, SIZE)


def trained(
    count: int, *settings: str, spoil: Callable[[Training], None] | None = None
) -> list[TrainingState]:
    """The state of each process after an epoch from the same weights."""
    config = load_config("base", (*SETTINGS, *settings)).config
    network = fresh_network(*settings)
    networks = [copy.deepcopy(network) for _ in range(count)]

    def run(group: DistributedContext) -> TrainingState:
        training = Training(config, group, networks[group.share.rank])
        if spoil is not None:
            spoil(training)
        return training.train()

    return together(count, run)


def weights(state: TrainingState) -> dict[str, Tensor]:
    """All that the training has moved, in one mapping."""
    assert state.average is not None
    tensors = {**state.network.state_dict(), "loss": torch.tensor(state.accumulator.read().loss)}
    tensors |= {f"average.{name}": tensor for name, tensor in state.average.network.state_dict().items()}
    if state.metric_loss is not None:
        tensors |= {f"metric.{name}": tensor for name, tensor in state.metric_loss.state_dict().items()}
    return tensors


def farthest(one: TrainingState, other: TrainingState) -> float:
    """The largest difference of two states, relative to numbers above 1."""
    first, second = weights(one), weights(other)
    return max(float(((first[name] - second[name]).abs() / (1 + second[name].abs())).max()) for name in first)


@pytest.mark.parametrize(
    "settings",
    [
        ("model.head=arcface", "augment.cutmix.probability=0.5", "augment.mixup.probability=0.5"),
        ("model.head=adaface", "train.accumulate_steps=2", "train.clip_grad_norm=0.5"),
        ("model.head=curricularface", "margin.sampled_classes=0.7"),
        ("loss.metric=triplet", "sampler.name=identities", "sampler.images_per_identity=2"),
        ("loss.metric=center", "loss.metric_weight=0.1", "train.freeze_backbone_epochs=1"),
        ("loss.metric=supcon", "loss.classification_weight=0.0", "sampler.name=balanced"),
    ],
    ids=lambda settings: settings[0],
)
def test_processes_end_where_one_ends(settings: tuple[str, ...]) -> None:
    (alone,) = trained(1, *settings)
    states = trained(3, *settings)  # of eight images they take two, three and three
    # Sums of a few thousand float32 products in another order differ by some 1e-6 of their size, which is
    # below 10; the three steps multiply that by a rate of 0.05.
    assert farthest(alone, states[0]) < 1e-5
    assert all(farthest(states[0], other) == 0.0 for other in states[1:])
    fresh = fresh_network(*settings).state_dict()
    assert max(float((alone.network.state_dict()[name] - fresh[name]).abs().max()) for name in fresh) > 1e-3


def test_with_batch_norm_the_running_statistics_are_those_of_all_processes() -> None:
    states = trained(2, *WITH_BATCH_NORM, "optim.lr=1e-12")
    (alone,) = trained(1, *WITH_BATCH_NORM, "optim.lr=1e-12")
    assert farthest(*states) == 0.0
    found, expected = (each.network.state_dict() for each in (states[0], alone))
    name = next(name for name in found if name.endswith("running_mean"))
    # The mean over two halves is the mean over the whole; at the first norm both saw the same.
    torch.testing.assert_close(found[name], expected[name])


def test_a_gradient_that_is_not_finite_in_one_process_skips_the_update_in_all() -> None:
    def spoil(training: Training) -> None:
        if training.distributed.share.rank == 1:
            bias = training.network.neck.bias
            assert isinstance(bias, Tensor)
            bias.register_hook(lambda gradient: gradient * torch.inf)

    states = trained(2, spoil=spoil)
    (untrained,) = trained(1, "optim.lr=1e-12")
    assert [state.accumulator.read().skipped_steps for state in states] == [3, 3]
    assert [state.scaler.get_scale() for state in states] == [256.0 / 2**3] * 2
    assert farthest(*states) == 0.0
    for name, parameter in untrained.network.named_parameters():
        torch.testing.assert_close(states[0].network.state_dict()[name], parameter.data)


def test_norms_are_averaged_over_processes() -> None:
    networks = [fresh_network(*WITH_BATCH_NORM).eval() for _ in range(2)]

    def run(group: DistributedContext) -> None:
        network = networks[group.share.rank]
        for name, buffer in network.named_buffers():
            if name.endswith("running_var"):
                buffer.fill_(1.0 + 2.0 * group.share.rank)
        group.average_batch_norms(network)

    together(2, run)
    for network in networks:
        found = [buffer for name, buffer in network.named_buffers() if name.endswith("running_var")]
        assert found and all((buffer == 2.0).all() for buffer in found)


def test_only_the_first_process_acts_and_all_get_its_answer() -> None:
    acted: list[int] = []

    def run(group: DistributedContext) -> object:
        def act(word: str) -> dict[str, object]:
            acted.append(group.share.rank)
            return {word: [1, 0.1 + 0.2, float("inf"), None, "ü"]}

        return group.on_rank_zero(act, "of")

    assert together(3, run) == [{"of": [1, 0.1 + 0.2, float("inf"), None, "ü"]}] * 3
    assert acted == [0]


def test_shares_are_put_together_and_gradients_reach_the_own_one() -> None:
    whole = torch.arange(10.0).reshape(5, 2)

    def run(group: DistributedContext) -> tuple[Tensor, Tensor]:
        part = whole[group.share.of(5)].clone().requires_grad_()
        found = group.gathered(part, 5)
        found.square().sum().backward()
        assert part.grad is not None
        return found.detach(), part.grad

    results = together(3, run)
    assert all(torch.equal(found, whole) for found, _ in results)
    assert torch.equal(torch.cat([gradient for _, gradient in results]), 2.0 * whole)


def test_one_process_is_alone() -> None:
    for environment in ({}, {"WORLD_SIZE": "1", "RANK": "0"}):
        with joined(environment) as group:
            assert group is SINGLE_PROCESS


def test_half_an_environment_is_refused() -> None:
    with (
        pytest.raises(InputError, match="WORLD_SIZE=2 is set and MASTER_ADDR is not"),
        joined({"WORLD_SIZE": "2", "RANK": "0"}),
    ):
        pass


@pytest.mark.parametrize(
    ("setting", "rank", "device"), [("auto", 0, "cuda:0"), ("cuda", 1, "cuda:1"), ("cpu", 1, "cpu")]
)
def test_each_process_takes_a_gpu_of_its_own(
    setting: str, rank: int, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen: list[int] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    assert _Group(Shard(rank, 2), rank, None).device_setting(setting) == device
    assert chosen == ([rank] if device.startswith("cuda") else [])


def test_without_a_gpu_processes_take_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert _Group(Shard(1, 2), 1, None).device_setting("auto") == "cpu"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("cuda:1", "device=cuda:1 names one device for 3 processes"),
        ("mps", "device=mps names one device"),
        ("cuda", r"there is no GPU for process 2 \(from 0\) of this machine, which has 2"),
    ],
)
def test_devices_that_processes_cannot_share_are_refused(
    setting: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ConfigError, match=message):
        _Group(Shard(2, 3), 2, None).device_setting(setting)


def test_the_process_that_fails_first_says_why_and_the_others_are_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = HashStore()
    monkeypatch.setattr(
        distributed._Group, "join", classmethod(lambda cls, share, rank: cls(share, rank, store))
    )
    environment = {"WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}
    with pytest.raises(ConfigError, match="mine"), joined({**environment, "RANK": "1"}):
        raise ConfigError("mine")
    with pytest.raises(OtherProcessError), joined({**environment, "RANK": "0"}):
        raise ConfigError("also mine")


def test_a_launch_is_known_by_the_id_that_torchrun_gave_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert launch_id({}) is None
    assert launch_id({"TORCHELASTIC_RUN_ID": "7f3a"}) == "7f3a"
    # Without a rendezvous there is no id; the parent stays when workers are started again.
    monkeypatch.setattr(distributed.socket, "gethostname", lambda: "node1")
    monkeypatch.setattr(distributed.os, "getppid", lambda: 41)
    assert launch_id({"TORCHELASTIC_RUN_ID": "none"}) == "node1:41"


def test_a_single_process_makes_no_process_group(monkeypatch: pytest.MonkeyPatch) -> None:
    def made(*_: object, **__: object) -> None:
        raise AssertionError("a process group was made")

    monkeypatch.setattr(torch.distributed, "init_process_group", made)
    for environment in ({}, {"WORLD_SIZE": "1", "RANK": "0", "TORCHELASTIC_RUN_ID": "7f3a"}):
        with joined(environment) as alone:
            assert alone is SINGLE_PROCESS and not torch.distributed.is_initialized()

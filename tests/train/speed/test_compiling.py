"""torch.compile is chosen where it pays; the compiler itself is played here."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from kaggle_face.config import MarginConfig, ModelConfig
from kaggle_face.model.network import FaceNetwork, create_network
from kaggle_face.progress import SilentProgress
from kaggle_face.train.speed import compiling, step_timing
from kaggle_face.train.speed.compiling import Trial, should_compile, try_compiling
from kaggle_face.train.speed.step_timing import Forward, Workload
from tests.support.progress import Told

WORKLOAD = Workload(batch_size=2, size_px=16, amp_dtype=None, steps=1000)


@pytest.fixture
def network() -> FaceNetwork:
    options = {"channels": [8, 8, 8, 8], "stem_width": 8}
    model = ModelConfig(backbone="resnet10t", backbone_options=options, embedding_size=4)
    return create_network(model, MarginConfig(), num_classes=2, image_size=16)


def played(network: FaceNetwork) -> Forward:
    """A compiled form that is marked as such."""

    def forward(images_BCHW: Tensor) -> Tensor:
        embeddings: Tensor = network(images_BCHW)
        return embeddings

    return forward


@pytest.mark.parametrize(
    ("trial", "steps", "pays"),
    [
        (Trial(0.010, 0.008, 30.0), 20_000, True),  # 40 s are saved
        (Trial(0.010, 0.008, 30.0), 10_000, False),  # 20 s
        (Trial(0.010, 0.0097, 0.0), 10**9, False),  # 3 % may be chance
        (Trial(0.010, 0.012, 0.0), 10**9, False),
    ],
)
def test_compiling_pays_when_it_saves_more_than_it_takes(trial: Trial, steps: int, pays: bool) -> None:
    assert trial.pays(steps) is pays


def test_true_and_false_are_followed_without_a_trial(network: FaceNetwork) -> None:
    assert should_compile(network, False, WORKLOAD, SilentProgress(), played) is False
    assert should_compile(network, True, WORKLOAD, SilentProgress(), played) is True


def test_on_a_cpu_auto_leaves_it_off_without_a_trial(network: FaceNetwork) -> None:
    def broken(network: FaceNetwork) -> Forward:
        raise AssertionError("nothing is compiled")

    assert should_compile(network, "auto", WORKLOAD, SilentProgress(), broken) is False


def test_the_trial_leaves_the_network_as_it_was(network: FaceNetwork) -> None:
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    try_compiling(network, WORKLOAD, played)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())


class Clock:
    """Stands in for `time`: compiling takes 5 seconds, a plain step 10 ms, a compiled one 4 ms."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


def test_a_trial_tells_steps_and_compilation_apart(
    network: FaceNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(step_timing, "time", clock)
    monkeypatch.setattr(FaceNetwork, "forward", ticking(clock, [], 0.010))

    def compiler(network: FaceNetwork) -> Forward:
        return ticking(clock, [5.0], 0.004).__get__(network)

    trial = try_compiling(network, WORKLOAD, compiler)
    assert trial.plain_seconds == pytest.approx(0.010) and trial.compiled_seconds == pytest.approx(0.004)
    assert trial.compiling_seconds == pytest.approx(5.0 - 0.004)


def ticking(clock: Clock, first: list[float], step: float) -> Callable[..., Tensor]:
    def forward(network: FaceNetwork, images_BCHW: Tensor) -> Tensor:
        clock.now += first.pop() if first else step
        return next(network.parameters()).sum() * images_BCHW.sum()

    return forward


def test_a_compiler_that_fails_is_told_of_and_done_without(
    network: FaceNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(network: FaceNetwork) -> Forward:
        raise RuntimeError("no triton\nmany lines")

    told = Told()
    assert compiling.is_worth_compiling(network, WORKLOAD, told, broken) is False
    assert told.lines == [
        "train.compile=auto: torch.compile does not work here (no triton); training without it"
    ]
    monkeypatch.setattr(compiling, "try_compiling", lambda *given: Trial(0.01, 0.008, 1.0))
    assert compiling.is_worth_compiling(network, WORKLOAD, told, played) is True
    assert told.lines[-1].startswith("torch.compile is used: 8.0 ms a step with it, 10.0 ms without")

"""`train.threads=auto`: what a trial decides, when there is none, what a resumed training keeps."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from kaggle_face.config import MarginConfig, ModelConfig
from kaggle_face.model.network import FaceNetwork, create_network
from kaggle_face.progress import SilentProgress
from kaggle_face.train.speed import threads as thread_trial
from kaggle_face.train.speed.step_timing import Workload
from kaggle_face.train.speed.threads import (
    Rates,
    ThreadSetting,
    choose_threads,
    time_threads,
    training_threads,
)
from tests.support.progress import Told

LONG = Workload(batch_size=2, size_px=16, amp_dtype=None, steps=10**9)
BUSY = {1: 289.0, 2: 171.0}
"""Images a second on two cores of which one was busy: the middles of what was measured."""
CALM = {1: 170.0, 2: 300.0}


@pytest.fixture(scope="module")
def network() -> FaceNetwork:
    options = {"channels": [8, 8, 8, 8], "stem_width": 8}
    model = ModelConfig(backbone="resnet10t", backbone_options=options, embedding_size=4)
    return create_network(model, MarginConfig(), num_classes=2, image_size=16)


@pytest.fixture(autouse=True)
def _two_threads() -> Iterator[None]:
    with training_threads(2):
        yield


def choose(
    network: FaceNetwork,
    rates: Rates,
    recorded: int | None = None,
    setting: ThreadSetting = "auto",
    workload: Workload = LONG,
    told: SilentProgress | None = None,
    environment: dict[str, str] | None = None,
) -> tuple[int | None, list[list[int]]]:
    """The choice where a trial finds these rates, and the numbers that each trial was asked for."""
    trials: list[list[int]] = []

    def measure(network: FaceNetwork, workload: Workload, counts: list[int]) -> Rates:
        trials.append(counts)
        return rates

    count = choose_threads(
        network, setting, workload, recorded, told or SilentProgress(), environment or {}, measure
    )
    return count, trials


@pytest.mark.parametrize(
    ("rates", "expected"), [(BUSY, 1), (CALM, 2), ({1: 104.0, 2: 100.0}, 2)], ids=["busy", "calm", "alike"]
)
def test_a_new_training_takes_the_number_that_is_faster_by_more_than_noise(
    network: FaceNetwork, rates: Rates, expected: int
) -> None:
    told = Told()
    assert choose(network, rates, told=told) == (expected, [[1, 2]])
    assert told.lines[0].startswith(f"train.threads=auto: {expected}: {rates[1]:.0f} images/s with 1, ")


@pytest.mark.parametrize(
    ("rates", "recorded", "expected", "words"),
    [
        (BUSY, 2, 1, "it was begun with 2, so the last digits will differ"),
        ({1: 240.0, 2: 171.0}, 2, 2, "2 as before, which keeps its bits"),
        (CALM, 1, 2, "it was begun with 1"),
        (CALM, 2, 2, "auto: 2: "),
        (CALM, 7, 2, "auto: 2: "),  # more than the machine grants now
    ],
)
def test_a_resumed_training_keeps_its_number_unless_another_is_half_as_fast_again(
    network: FaceNetwork, rates: Rates, recorded: int, expected: int, words: str
) -> None:
    told = Told()
    count, trials = choose(network, rates, recorded, told=told)
    assert (count, len(trials)) == (expected, 1) and words in told.lines[0]


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "MKL_NUM_THREADS"])
def test_what_the_user_or_torchrun_has_chosen_stays(network: FaceNetwork, name: str) -> None:
    assert choose(network, BUSY, environment={name: "2"}) == (2, [])


@pytest.mark.parametrize(
    ("step_seconds", "steps", "tries"),
    # Two numbers for a second each may take a hundredth of the training: 200 s, or 1000 steps of 0.2 s.
    [(0.25, 10**6, 1), (0.1, 900, 0), (0.1, 1100, 1), (10.0, 499, 0)],
)
def test_a_training_is_tried_where_a_trial_takes_less_than_a_hundredth_of_it(
    network: FaceNetwork, monkeypatch: pytest.MonkeyPatch, step_seconds: float, steps: int, tries: int
) -> None:
    monkeypatch.setattr(thread_trial, "time_steps", lambda *arguments, steps: step_seconds)
    workload = Workload(64, 16, None, steps)  # twice the images of the trial's steps
    assert len(choose(network, BUSY, workload=workload)[1]) == tries
    if not tries:
        assert choose(network, BUSY, recorded=1, workload=workload) == (1, [])


def test_a_setting_is_followed_without_a_trial(network: FaceNetwork) -> None:
    assert choose(network, BUSY, setting="all") == (2, [])
    assert choose(network, BUSY, setting=1, recorded=2) == (1, [])
    with training_threads(1):
        assert choose(network, BUSY) == (1, [])


def test_a_trial_measures_every_number_and_leaves_all_as_it_was(
    network: FaceNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thread_trial, "_SECONDS_A_ROUND", 0.01)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    state = torch.get_rng_state()
    rates = time_threads(network, Workload(2, 16, None, 1000), [1, 2])
    assert list(rates) == [1, 2] and min(rates.values()) > 0
    assert torch.get_num_threads() == 2 and torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_threads_are_put_back_when_a_training_fails() -> None:
    with pytest.raises(KeyError), training_threads(1):
        assert torch.get_num_threads() == 1
        raise KeyError
    assert torch.get_num_threads() == 2

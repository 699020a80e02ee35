"""The moving average against sums written out."""

from __future__ import annotations

import pytest
import torch

from kaggle_face.errors import RunError
from kaggle_face.model.ema import AveragedNetwork
from kaggle_face.model.network import FaceNetwork
from tests.support.networks import tiny_network


def set_all(network: FaceNetwork, value: float) -> None:
    for parameter in network.parameters():
        parameter.data.fill_(value)


def test_the_average_is_the_weighted_sum_of_the_past() -> None:
    network = tiny_network()
    set_all(network, 1.0)
    average = AveragedNetwork(network, decay=0.9)
    for value in (2.0, 5.0):
        set_all(network, value)
        average.update(network)
    # 0.81 * 1 + 0.09 * 2 + 0.1 * 5
    assert all(p.flatten()[0].item() == pytest.approx(1.49) for p in average.network.parameters())


def test_buffers_are_averaged_and_counters_copied() -> None:
    network = tiny_network()
    average = AveragedNetwork(network, decay=0.75)
    bn = next(module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d))
    averaged = next(m for m in average.network.modules() if isinstance(m, torch.nn.BatchNorm2d))
    assert bn.running_mean is not None
    assert bn.num_batches_tracked is not None
    bn.running_mean.fill_(4.0)
    bn.num_batches_tracked.fill_(11)
    average.update(network)
    assert averaged.running_mean is not None
    assert averaged.num_batches_tracked is not None
    assert averaged.running_mean[0].item() == pytest.approx(1.0)
    assert averaged.num_batches_tracked.item() == 11


def test_the_ramp_with_its_natural_length_is_a_plain_mean() -> None:
    """Mean teacher: min(decay, 1 - 1 / (n + 1)), so the first 1 / (1 - decay) updates weigh alike."""
    network = tiny_network()
    average = AveragedNetwork(network, decay=0.9, warmup_updates=9)
    values = [3.0, 1.0, 4.0, 1.0, 5.0]
    for value in values:
        set_all(network, value)
        average.update(network)
    first = next(average.network.parameters()).flatten()[0].item()
    assert first == pytest.approx(sum(values) / len(values), rel=1e-5)


def test_the_decay_ends_at_its_setting() -> None:
    average = AveragedNetwork(tiny_network(), decay=0.99, warmup_updates=50)
    assert average.decay_at(0) == 0.0
    assert average.decay_at(50) == pytest.approx(0.99)
    assert average.decay_at(5000) == pytest.approx(0.99)
    assert average.decay_at(25) == pytest.approx(1.0 - 1.0 / 50.5)  # half the horizon of 99


def test_the_averaged_network_neither_trains_nor_follows() -> None:
    network = tiny_network()
    average = AveragedNetwork(network, decay=0.9)
    set_all(network, 7.0)
    assert not average.network.training
    assert not any(parameter.requires_grad for parameter in average.network.parameters())
    assert next(average.network.parameters()).flatten()[0].item() != 7.0


def test_a_resumed_average_goes_on_with_the_same_bits() -> None:
    network = tiny_network()
    average = AveragedNetwork(network, decay=0.9, warmup_updates=5)
    set_all(network, 0.3)
    average.update(network)
    torch.manual_seed(99)
    resumed = AveragedNetwork(tiny_network(), decay=0.9, warmup_updates=5)
    resumed.load_state_dict(average.state_dict())
    for each in (average, resumed):
        each.update(network)
    states = average.network.state_dict(), resumed.network.state_dict()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_an_average_of_another_network_is_refused() -> None:
    average = AveragedNetwork(tiny_network(), decay=0.9)
    other = AveragedNetwork(tiny_network(embedding_size=8), decay=0.9)
    with pytest.raises(RunError, match="belongs to another network"):
        average.load_state_dict(other.state_dict())

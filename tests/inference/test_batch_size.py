"""The search for the fastest batch; passes are played."""

from __future__ import annotations

import pytest
import torch

from kaggle_face.inference import batch_size as batch_search
from kaggle_face.inference.batch_size import choose_batch_size, find_fastest
from tests.support.networks import tiny_network

CPU = torch.device("cpu")


def search(overhead: float, per_image: float, fits: int = 10**9) -> tuple[int, list[int]]:
    """The size found where a batch takes so many seconds, and the sizes that were tried."""
    tried: list[int] = []

    def seconds(size: int) -> float | None:
        tried.append(size)
        return overhead + per_image * size if size <= fits else None

    return find_fastest(seconds), tried


def test_doubling_goes_on_as_long_as_it_pays() -> None:
    # 512 take 6.12 ms, 1024 take 11.24 (8.9 % faster each), 2048 take 21.48 (4.7 %).
    assert search(1e-3, 1e-5)[0] == 1024
    assert search(0.0, 1e-5) == (64, [64, 128])


def test_memory_ends_the_search() -> None:
    assert search(1.0e-2, 1e-6, fits=500) == (256, [64, 128, 256, 512])


def test_what_does_not_fit_at_first_is_halved() -> None:
    size, tried = search(1e-3, 1e-5, fits=20)
    assert size == 16 and tried == [64, 32, 16, 32]
    assert search(1e-3, 1e-5, fits=0)[0] == 1


def test_slow_networks_are_not_tried_for_long() -> None:
    size, tried = search(10.0, 0.01)
    assert size == 64 and tried == [64]


def test_a_number_is_followed_and_a_cpu_is_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: object) -> float:
        raise AssertionError("nothing is tried")

    monkeypatch.setattr(batch_search, "_seconds", broken)
    network = tiny_network()
    assert choose_batch_size(77, network, 32, CPU, None, True) == 77
    assert choose_batch_size("auto", network, 112, CPU, None, True) == 64


def test_trying_a_size_leaves_the_network_as_it_was() -> None:
    network = tiny_network().train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    seconds = batch_search._seconds(network, (2, 32), CPU, None, True)
    assert seconds is not None and seconds > 0 and network.training
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_a_size_beyond_the_memory_has_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(batch_search, "embed_images", full)
    assert batch_search._seconds(tiny_network(), (2, 32), CPU, None, True) is None

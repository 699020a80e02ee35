"""Messages of a process group, counted by hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import distributed

from benchmarks.scaling.counting import MessageCounter


@pytest.fixture
def group() -> Iterator[None]:
    """A process group of one."""
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


def test_each_message_counts_with_the_bytes_of_its_whole(group: None) -> None:
    with MessageCounter() as counter:
        distributed.all_reduce(torch.ones(3))
        distributed.all_reduce(torch.ones(5, dtype=torch.float16))
        distributed.broadcast(torch.ones(2), src=0)
        distributed.all_gather([torch.empty(7)], torch.ones(7))
        torch.ones(100) + 1.0  # stays where it is
    assert counter.messages.totals() == {
        "all-gather": (1, 28),
        "all-reduce": (2, 12 + 10),
        "broadcast": (1, 8),
    }


def test_the_gradients_of_distributed_data_parallel_count(group: None) -> None:
    network = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(10, 4))
    with MessageCounter() as counter:
        network(torch.ones(2, 10)).sum().backward()
    assert counter.messages.totals()["all-reduce"] == (1, 4 * (10 * 4 + 4))

"""What processes bring together, and where its gradients go."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from kaggle_face.errors import TrainingStoppedError
from kaggle_face.train.distributed import DistributedContext
from kaggle_face.train.parallel.messages import add_up_parts, gather_shares, noticing_lost_processes
from tests.support.processes import Processes

WHOLE = torch.arange(10.0).reshape(5, 2)


def _gathered(group: DistributedContext, sums_gradients: bool) -> tuple[Tensor, Tensor]:
    part = WHOLE[group.share.of(5)].clone().requires_grad_()
    found = gather_shares(part, group.share, 5, sums_gradients)
    (found.square() * (1.0 + group.share.rank)).sum().backward()  # type: ignore[no-untyped-call]
    assert part.grad is not None
    return found.detach(), part.grad


def test_shares_are_put_together_and_the_gradient_of_the_own_one_is_multiplied(processes: Processes) -> None:
    results = processes(3, _gathered, False)  # shares of one, two and two rows
    assert all(torch.equal(found, WHOLE) for found, _ in results)
    factors = torch.tensor([1.0, 2.0, 2.0, 3.0, 3.0])[:, None]  # of the process whose row it is
    assert torch.equal(torch.cat([gradient for _, gradient in results]), 3 * factors * 2.0 * WHOLE)


def test_parts_of_gradients_are_added_up(processes: Processes) -> None:
    results = processes(3, _gathered, True)
    assert torch.equal(torch.cat([gradient for _, gradient in results]), 3 * (1 + 2 + 3) * 2.0 * WHOLE)


def _shapes(group: DistributedContext) -> list[tuple[int, ...]]:
    sizes = (0, 1, 2, 5)
    parts = [torch.ones(5, 3, dtype=torch.uint8)[:size][group.share.of(size)] for size in sizes]
    return [tuple(group.gathered(part, size).shape) for part, size in zip(parts, sizes, strict=True)]


def test_fewer_rows_than_processes_are_gathered_too(processes: Processes) -> None:
    assert processes(3, _shapes) == [[(0, 3), (1, 3), (2, 3), (5, 3)]] * 3


def _added(group: DistributedContext) -> tuple[Tensor, Tensor]:
    part = torch.tensor([1.0, 2.0]).mul(1 + group.share.rank).requires_grad_()
    total = add_up_parts(part)
    total.square().sum().backward()  # type: ignore[no-untyped-call]
    assert part.grad is not None
    return total.detach(), part.grad


def test_the_gradient_of_each_part_is_that_of_the_sum(processes: Processes) -> None:
    for total, gradient in processes(2, _added):
        assert total.tolist() == [3.0, 6.0] and gradient.tolist() == [6.0, 12.0]


def test_the_error_of_a_message_is_one_line_and_another_error_stays_as_it_is() -> None:
    gone = "another process of this training is gone"
    with pytest.raises(TrainingStoppedError, match=gone), noticing_lost_processes():
        raise RuntimeError("[gloo/transport/tcp/pair.cc:553] Connection closed by peer")
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"), noticing_lost_processes():
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

"""Statistics of batch normalisation stay finite."""

from __future__ import annotations

import torch
from torch import nn

from kaggle_face.train.step.step import BatchNormGuard


def test_statistics_that_a_forward_pass_spoilt_are_put_back() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.BatchNorm1d(4))
    network(torch.randn(8, 3))
    good = [buffer.clone() for buffer in network.buffers() if buffer.is_floating_point()]
    guard = BatchNormGuard([network])
    network(torch.full((8, 3), torch.inf))
    assert not torch.isfinite(network[1].running_mean).any()
    guard.repair()
    now = [buffer for buffer in network.buffers() if buffer.is_floating_point()]
    assert all(torch.equal(one, other) for one, other in zip(now, good, strict=True))


def test_good_statistics_are_left_as_they_are() -> None:
    norm = nn.BatchNorm1d(2)
    guard = BatchNormGuard([norm])
    norm(torch.tensor([[1.0, 2.0], [3.0, 6.0]]))
    moved = norm.running_mean.clone()  # 0.1 * mean of (1, 3) and (2, 6)
    guard.repair()
    assert torch.equal(norm.running_mean, moved) and torch.allclose(moved, torch.tensor([0.2, 0.4]))


def test_what_was_kept_last_comes_back() -> None:
    norm = nn.BatchNorm1d(1)
    guard = BatchNormGuard([norm])
    norm.running_mean.fill_(5.0)
    guard.keep()
    norm.running_mean.fill_(torch.nan)
    guard.repair()
    assert norm.running_mean.item() == 5.0 and norm.running_var.item() == 1.0


def test_statistics_that_are_spoilt_already_are_not_kept() -> None:
    norm = nn.BatchNorm1d(2)
    norm.running_mean.copy_(torch.tensor([1.0, torch.nan]))
    guard = BatchNormGuard([norm])
    norm.running_var.copy_(torch.tensor([torch.inf, -torch.inf]))
    guard.keep()
    guard.repair()
    assert norm.running_mean.tolist() == [0.0, 0.0] and norm.running_var.tolist() == [1.0, 1.0]


def test_networks_without_such_layers_need_no_guard() -> None:
    guard = BatchNormGuard([nn.Linear(2, 2)])
    guard.keep()
    guard.repair()

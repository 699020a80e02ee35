"""Gradients of several processes: what travels, when, and how."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from kaggle_face.train.distributed import SINGLE_PROCESS, DistributedContext
from kaggle_face.train.parallel.engine import DataParallelEngine
from tests.support.processes import Processes
from tests.support.shared_training import WITH_BATCH_NORM, Settings, SharedTraining, farthest, trained

LOSS_OF_A_PART: Settings = (
    "loss.metric=supcon",
    "loss.classification_weight=0.0",
    "augment.cutmix.probability=0.5",
    "augment.margin_on_mixed=unmixed_only",
    "train.accumulate_steps=2",
)
"""The loss of a mixed batch does not reach the network."""


@pytest.mark.slow
@pytest.mark.ci
def test_batches_whose_loss_stops_at_the_head_add_nothing(processes: Processes) -> None:
    (first,), (second,) = processes(2, trained, [LOSS_OF_A_PART], 6)
    (alone,) = trained(SINGLE_PROCESS, [LOSS_OF_A_PART], 6)
    assert farthest(first, alone) < 1e-5 and farthest(first, second) == 0.0


def _gradients_of_batches(group: DistributedContext) -> list[bool]:
    """Whether the gradients of each of four batches are those of the other process too."""
    training = SharedTraining.of(("train.accumulate_steps=2",), group)
    engine, found = training.context.engine, []
    for number in range(4):
        images_SCHW = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(group.share.rank))
        embeddings_SD = engine.embed(images_SCHW, is_last=number % 2 == 1)
        engine.backward(embeddings_SD.sum() + sum(p.sum() for p in training.network.head.parameters()))
        bias = training.network.neck.weight
        assert isinstance(bias, Tensor) and bias.grad is not None
        both = group.gathered(bias.grad[None].clone(), 2)
        found.append(bool((both[0] == both[1]).all()))
    return found


def test_gradients_travel_with_the_last_batch_of_an_update_alone(processes: Processes) -> None:
    assert processes(2, _gradients_of_batches) == [[False, True, False, True]] * 2


def _preparations(group: DistributedContext) -> tuple[bool, bool]:
    """Whether preparing changes a statistic or leaves a gradient."""
    training = SharedTraining.of(WITH_BATCH_NORM, group)
    before = {name: tensor.clone() for name, tensor in training.network.state_dict().items()}
    engine = training.context.engine
    assert isinstance(engine, DataParallelEngine)
    training.network.train()
    training.network.backbone.eval()  # as of a frozen one
    engine._prepare(torch.randn(4, 3, 16, 16))
    after = training.network.state_dict()
    changed = any(not torch.equal(tensor, after[name]) for name, tensor in before.items())
    assert training.network.training and training.network.head.training
    assert not any(module.training for module in training.network.backbone.modules())
    return changed, any(parameter.grad is not None for parameter in training.network.parameters())


def test_preparing_changes_nothing(processes: Processes) -> None:
    assert processes(2, _preparations) == [(False, False)] * 2


def _stages(group: DistributedContext, stops: tuple[int, ...]) -> list[Tensor]:
    """The first weights after so many steps in all, with a new engine after each stop."""
    training = SharedTraining.of(("model.head=arcface",), group)
    for first, last in pairwise((0, *stops)):
        network = training.network
        engine = group.create_engine(network, network, training.config.train)
        object.__setattr__(training.context, "engine", engine)
        training.train(last - first)
    return [parameter.detach().clone() for parameter in training.network.parameters()]


@pytest.mark.parametrize("count", [3])
def test_a_new_engine_goes_on_to_the_same_bits(processes: Processes, count: int) -> None:
    whole, parts = processes(count, _stages, (5,))[0], processes(count, _stages, (2, 5))[0]
    assert all(torch.equal(one, other) for one, other in zip(whole, parts, strict=True))


# A half keeps 11 bits and a bfloat16 8 of the gradient; five steps at a rate of 0.05 move weights by 0.05.
@pytest.mark.parametrize(("compression", "bound"), [("fp16", 3e-4), ("bf16", 2e-3)])
def test_compressed_gradients_are_near_the_whole_ones(
    processes: Processes, compression: str, bound: float
) -> None:
    case: Settings = (f"train.gradient_compression={compression}",)
    (first,), (second,) = processes(2, trained, [case], 5)
    (alone,) = trained(SINGLE_PROCESS, [case], 5)
    assert farthest(first, second) == 0.0
    assert 1e-7 < farthest(first, alone) < bound


@pytest.mark.slow
def test_powersgd_learns_and_keeps_processes_equal(processes: Processes) -> None:
    case: Settings = ("train.gradient_compression=powersgd", "optim.lr=0.1")
    (first,), (second,) = processes(2, trained, [case], 30)
    (alone,) = trained(SINGLE_PROCESS, [case], 30)
    assert farthest(first, second) == 0.0
    assert float(first["loss"]) == pytest.approx(float(alone["loss"]), rel=0.1)

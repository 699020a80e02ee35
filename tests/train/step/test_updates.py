"""Updates of the weights: fused or not, a step that is not finite changes nothing."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from kaggle_face.config import OptimConfig
from kaggle_face.model.backbones.timm_library import create_optimizer
from kaggle_face.train.optim.optimizer import (
    apply_gradients,
    changed_on_device,
    load_optimizer_state,
    skips_by_itself,
    step_and_take_back,
)

NO_SCALER = torch.amp.GradScaler("cpu", enabled=False)
NAMES = ["sgd", "adam", "adamw", "radam", "lion"]


def optimizer_of(network: nn.Module, name: str, **options: object) -> torch.optim.Optimizer:
    config = OptimConfig.model_validate({"name": name, "lr": 0.1, "weight_decay": 0.01, "options": options})
    return create_optimizer(list(network.parameters()), config)


def network() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(3, 2)


def set_gradients(layer: nn.Linear, value: float) -> None:
    for parameter in layer.parameters():
        parameter.grad = torch.full_like(parameter, 0.5)
    assert layer.bias.grad is not None
    layer.bias.grad[0] = value


def step(layer: nn.Linear, optimizer: torch.optim.Optimizer, value: float, clip: float | None = None) -> bool:
    set_gradients(layer, value)
    return bool(apply_gradients(optimizer, NO_SCALER, clip))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_skipped_update_changes_neither_weights_nor_later_steps(name: str, value: float) -> None:
    disturbed, calm = network(), network()
    first, second = optimizer_of(disturbed, name), optimizer_of(calm, name)
    for bad in (True, False, True, True, False):
        if bad:
            before = disturbed.weight.clone()
            assert step(disturbed, first, value) is True
            assert torch.equal(disturbed.weight, before)
        else:
            assert step(disturbed, first, 0.3) is step(calm, second, 0.3) is False
    assert torch.equal(disturbed.weight, calm.weight) and torch.equal(disturbed.bias, calm.bias)
    assert disturbed.weight.grad is None


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_usual_optimisers_are_fused_and_do_what_the_plain_ones_do(name: str) -> None:
    fused, plain = network(), network()
    first, second = optimizer_of(fused, name), optimizer_of(plain, name, foreach=False)
    assert skips_by_itself(first) and not skips_by_itself(second)
    for value in (0.1, -0.4, 0.7):
        step(fused, first, value)
        step(plain, second, value)
    torch.testing.assert_close(fused.weight, plain.weight)
    torch.testing.assert_close(fused.bias, plain.bias)


def test_parameters_that_learn_later_than_others_get_their_momentum() -> None:
    layer = network()
    optimizer = optimizer_of(layer, "sgd")
    layer.weight.grad, layer.bias.grad = torch.ones_like(layer.weight), None
    apply_gradients(optimizer, NO_SCALER, None)
    before = layer.bias.clone()
    step(layer, optimizer, 0.5)
    assert not torch.equal(layer.bias, before)


def test_the_norm_of_all_gradients_is_clipped() -> None:
    layer = nn.Linear(3, 1, bias=False)
    optimizer = torch.optim.SGD(layer.parameters(), lr=1.0)
    before = layer.weight.detach().clone()
    layer.weight.grad = torch.tensor([[3.0, 0.0, 4.0]])  # of norm 5
    apply_gradients(optimizer, NO_SCALER, 1.0)
    torch.testing.assert_close(before - layer.weight, torch.tensor([[0.6, 0.0, 0.8]]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["sgd", "radam"])
def test_a_scaler_lowers_its_scale_and_skips(name: str) -> None:
    layer = network()
    optimizer, before = optimizer_of(layer, name), layer.weight.clone()
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    scaler.scale(layer.weight.sum()).backward()  # type: ignore[no-untyped-call]
    set_gradients(layer, math.inf)
    assert bool(apply_gradients(optimizer, scaler, None)) and scaler.get_scale() == 4.0
    assert torch.equal(layer.weight, before)


@pytest.mark.parametrize("name", ["radam", "lion", "nadam", "rmsprop", "adadelta"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_an_update_that_is_taken_back_leaves_weights_and_later_steps_as_they_were(
    name: str, value: float
) -> None:
    disturbed, calm = network(), network()
    first, second = optimizer_of(disturbed, name), optimizer_of(calm, name)
    assert changed_on_device(first) is not None  # no gradient, nothing to change
    set_gradients(disturbed, 0.3)
    assert changed_on_device(first) is None  # before the first step there is no state
    for layer, optimizer in ((disturbed, first), (calm, second)):
        step(layer, optimizer, 0.3)
    for bad in (True, False, True, True, False):
        for layer, optimizer in ((disturbed, first), (calm, second)):
            if bad and layer is calm:
                continue
            set_gradients(layer, value if bad else -0.2)
            changed = changed_on_device(optimizer)
            assert changed is not None
            step_and_take_back(optimizer, torch.tensor(bad), changed)
    assert torch.equal(disturbed.weight, calm.weight) and torch.equal(disturbed.bias, calm.bias)


@pytest.mark.parametrize("name", ["lookahead_radam", "lamb", "adafactor"])
def test_an_update_that_counts_in_numbers_of_the_host_is_not_taken_back(name: str) -> None:
    layer = network()
    optimizer = optimizer_of(layer, name)
    step(layer, optimizer, 0.3)
    set_gradients(layer, 0.3)
    assert changed_on_device(optimizer) is None


def test_a_state_of_another_device_goes_on_in_the_way_of_this_one() -> None:
    layer = network()
    here, there = optimizer_of(layer, "radam"), optimizer_of(layer, "radam")
    step(layer, there, 0.3)
    saved = there.state_dict()
    saved["param_groups"][0].update(capturable=True, lr=0.25)
    load_optimizer_state(here, saved)
    assert (here.param_groups[0]["capturable"], here.param_groups[0]["lr"]) == (False, 0.25)
    step(layer, here, 0.3)

"""Learning rates against torch's own schedulers and against values worked out by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    LRScheduler,
    MultiStepLR,
    OneCycleLR,
)

from kaggle_face.config import ScheduleConfig
from kaggle_face.train.optim.schedule import learning_rate

EPOCHS, STEPS, PEAK = 30, 4, 0.1


def of_torch(make: Callable[[Optimizer], LRScheduler], steps: int) -> list[float]:
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
    scheduler = make(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def ours(config: ScheduleConfig, steps: int, per_epoch: int) -> list[float]:
    return [learning_rate(config, PEAK, step / per_epoch, EPOCHS) for step in range(steps)]


def test_cosine_equals_torch() -> None:
    config = ScheduleConfig(name="cosine", final_lr=1e-4)
    expected = of_torch(lambda o: CosineAnnealingLR(o, EPOCHS * STEPS, 1e-4), EPOCHS * STEPS)
    assert ours(config, EPOCHS * STEPS, STEPS) == pytest.approx(expected, rel=1e-9)


def test_warm_restarts_equal_torch() -> None:
    config = ScheduleConfig(name="warm_restarts", restart_epochs=10, restart_multiplier=2, final_lr=1e-5)
    expected = of_torch(lambda o: CosineAnnealingWarmRestarts(o, 10, 2, 1e-5), EPOCHS)
    assert ours(config, EPOCHS, 1) == pytest.approx(expected, rel=1e-9)


def test_step_equals_torch() -> None:
    config = ScheduleConfig(name="step", step_epochs=(10, 20), step_factor=0.1)
    expected = of_torch(lambda o: MultiStepLR(o, [10, 20], 0.1), EPOCHS)
    assert ours(config, EPOCHS, 1) == pytest.approx(expected, rel=1e-9)


def test_one_cycle_equals_torch_at_its_turning_points() -> None:
    config = ScheduleConfig(name="one_cycle", peak_fraction=0.3, start_divisor=25.0)

    def make(optimizer: Optimizer) -> LRScheduler:
        return OneCycleLR(
            optimizer, PEAK, total_steps=1001, pct_start=0.3, div_factor=25.0, final_div_factor=1e9
        )

    expected = of_torch(make, 1000)
    found = [learning_rate(config, PEAK, EPOCHS * step / 1000, EPOCHS) for step in (0, 150, 500, 900)]
    assert found == pytest.approx([expected[step] for step in (0, 150, 500, 900)], rel=0.02)


def test_warmup_rises_linearly_from_its_start_and_meets_the_peak() -> None:
    config = ScheduleConfig(name="cosine", warmup_epochs=2, warmup_start=0.1)
    rates = [learning_rate(config, PEAK, epoch, EPOCHS) for epoch in (0.0, 1.0, 2.0)]
    assert rates == pytest.approx([0.01, 0.055, 0.1])


def test_plateau_falls_once_patience_is_exceeded_and_again_after_as_long() -> None:
    config = ScheduleConfig(name="plateau", patience_epochs=2, step_factor=0.5)
    scores = [0.1, 0.3, 0.2, 0.2, 0.2, 0.3, 0.1, 0.1]
    rates = [learning_rate(config, 1.0, len(scores[:n]), EPOCHS, scores[:n]) for n in range(9)]
    assert rates == [1, 1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25]


def test_plateau_does_not_fall_below_the_final_rate() -> None:
    config = ScheduleConfig(name="plateau", patience_epochs=1, step_factor=0.1, final_lr=0.05)
    assert learning_rate(config, 0.1, 9, EPOCHS, [0.5] * 9) == 0.05

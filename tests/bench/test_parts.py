"""The length of measurements, and what a benchmark needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from kaggle_face.bench.parts import BenchOptions, measure, plan_of
from kaggle_face.bench.throughput import Plan
from kaggle_face.errors import InputError
from kaggle_face.progress import SilentProgress


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (plan_of(False, None, None), Plan(5, 4.0, 2, 2)),
        (plan_of(False, None, None, short=True), Plan(2, 2.0, 1, 1)),
        (plan_of(True, None, None, short=True), Plan(2, 0.5, 1, 1)),
        (plan_of(True, 3, 0.25), Plan(3, 0.25, 1, 1)),
    ],
)
def test_what_is_not_given_is_as_usual(plan: Plan, expected: Plan) -> None:
    assert plan == expected


@pytest.mark.parametrize(("rounds", "seconds"), [(0, 1.0), (1, 0.0), (1, -1.0)])
def test_a_measurement_takes_time(rounds: int, seconds: float) -> None:
    with pytest.raises(InputError, match="--rounds must be >= 1 and --seconds > 0"):
        plan_of(False, rounds, seconds)


def test_settings_that_differ_add_up() -> None:
    options = BenchOptions("demo", ["data.image_size=32", "seed=7"])
    config = options.load("data.image_size=64").config
    assert (config.data.image_size, config.seed) == (64, 7)


def test_the_limit_of_gpus_needs_data_or_a_number_of_classes(tmp_path: Path) -> None:
    empty = BenchOptions("fall-2026", [f"data.root={tmp_path / 'none'}"], quick=True)
    with pytest.raises(InputError, match="without data give the number of classes: --classes C"):
        measure("roofline", empty, SilentProgress())
    with pytest.raises(InputError, match="--classes must be >= 1, got 0"):
        measure("roofline", BenchOptions("demo", classes=0), SilentProgress())

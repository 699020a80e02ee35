"""The table of GPUs: calculated rates beside what cores prepare."""

from __future__ import annotations

import pytest

from kaggle_face.bench import roofline
from kaggle_face.bench.roofline import AUGMENT, COLUMNS, DECODE, GATHER, bench_roofline, explain
from kaggle_face.bench.throughput import Plan
from kaggle_face.config import load_config
from kaggle_face.progress import SilentProgress
from kaggle_face.train.speed.gpus import GPUS
from kaggle_face.train.speed.roofline import StepCost

SETTINGS = ("model.backbone=resnet10t", "data.image_size=32", "train.batch_size=64")


def test_each_gpu_and_each_part_of_the_loader_has_a_row() -> None:
    report = bench_roofline(load_config("base", SETTINGS), 100, Plan(1, 0.02, 1, 1), SilentProgress())
    assert [row[0] for row in report.rows] == [
        *(gpu.name for gpu in GPUS),
        f"{DECODE}, 4 cores",
        f"{GATHER}, 1 core",
        f"{AUGMENT}, 3 cores",
    ]
    t4 = report.row("T4")
    assert t4["at most images/s"] == min(t4["by arithmetic"], t4["by memory"])  # type: ignore[type-var]
    # 32 x 32 pixels of three bytes each.
    assert t4["MB/s"] == pytest.approx(t4["at most images/s"] * 3072e-6)  # type: ignore[operator]
    assert all(isinstance(row[4], float) and row[4] > 0 for row in report.rows)
    assert "calculated from data sheets, not measured" in report.sentence


def test_slower_parts_and_too_little_memory_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    config = load_config("base", SETTINGS)
    # A P100 does 93 of these batches a second, an H200 more than 500.
    cost = StepCost(64, {"float32 convolution": 0.1e12}, 1e9, 0.0, 20e9)
    monkeypatch.setattr(roofline, "count_step", lambda *_: cost)
    monkeypatch.setattr(roofline, "_core_rates", lambda *_: {DECODE: 25 * 64.0, GATHER: 1e9, AUGMENT: 1e9})
    report = bench_roofline(config, 100, Plan(1, 0.01, 1, 1), SilentProgress())
    held = COLUMNS.index("held by")
    assert report.rows[0][held] == "arithmetic, too little memory"
    assert report.rows[-4][held] == "memory, decode" or report.rows[-4][held] == "arithmetic, decode"
    assert "slower in: decode (" in report.sentence and "at least 20.0 GB" in report.sentence


def test_cores_that_keep_up_are_named_too() -> None:
    costs = {kind: StepCost(64, {"half": 1e12}, 1e9, 0.0, 1e9) for kind in ("fp32", "bf16")}
    sentence = explain(costs, load_config("base").config, {DECODE: 1e9})  # type: ignore[arg-type]
    assert "would keep up with all of them" in sentence

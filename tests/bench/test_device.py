"""The first look at a machine."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from kaggle_face.bench import device as bench
from kaggle_face.bench.device import advise, bench_device, describe_choice, why_no_gpu
from kaggle_face.bench.throughput import Plan
from kaggle_face.config import load_config
from kaggle_face.progress import SilentProgress

CPU = torch.device("cpu")


def test_a_machine_without_a_gpu_is_measured_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(bench.shutil, "which", lambda name: None)
    monkeypatch.setattr(bench, "_DRIVER", Path("/nowhere/version"))
    monkeypatch.setattr("kaggle_face.bench.training.decide_cpu_amp", lambda *_: "bf16")
    monkeypatch.setattr(bench, "_LEAST_GAIN", 1e6)
    settings = ["device=cpu", "train.amp=auto", "train.batch_size=4", "data.image_size=16"]
    loaded = load_config("demo", settings)
    report = bench_device(loaded, Plan(1, 0.1, 1, 0), SilentProgress())
    assert [row[0] for row in report.rows] == ["training steps, fp32", "training steps, bf16", "threads"]
    assert all(isinstance(row[1], float) and row[1] > 0 for row in report.rows[:2])
    assert report.sentence.endswith("train.amp=auto takes bf16, and no other precision is much faster")
    assert "the network runs on the CPU: " in report.sentence and "no NVIDIA driver" in report.sentence


@pytest.mark.parametrize(
    ("built_for", "has_driver", "words"),
    [
        (None, False, "built without CUDA, and no NVIDIA driver"),
        (None, True, "install a CUDA build of torch"),
        ("13.0", False, "no NVIDIA driver was found"),
        ("13.0", True, r"built for CUDA 13.0) cannot use it; update the driver"),
    ],
)
def test_why_there_is_no_gpu(
    built_for: str | None, has_driver: bool, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", built_for)
    monkeypatch.setattr(bench, "_DRIVER", Path("/nowhere/version"))
    monkeypatch.setattr(bench.shutil, "which", lambda name: f"/bin/{name}" if has_driver else None)
    reason = why_no_gpu()
    assert reason is not None and words in reason


def test_a_gpu_that_the_settings_leave_idle_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert why_no_gpu() is None
    assert "set device=auto" in describe_choice(CPU, why_no_gpu())


def test_a_precision_that_the_settings_name_is_measured_where_it_does_not_pay() -> None:
    loaded = load_config("demo", ["device=cpu", "train.batch_size=4", "data.image_size=16"])
    rates = bench._step_rates(loaded.config, CPU, "fp16", Plan(1, 0.1, 1, 0), SilentProgress())
    assert set(rates) == {"fp32", "bf16", "fp16"}


def test_a_faster_precision_is_advised_where_it_is_much_faster() -> None:
    rates = {"fp32": 100.0, "bf16": 250.0}
    assert advise(rates, "fp32", "off") == "bf16 is 2.5 times as fast as fp32: set train.amp=bf16"
    assert "no other precision is much faster" in advise(rates, "bf16", "auto")
    assert "no other precision is much faster" in advise({"fp32": 100.0, "bf16": 109.0}, "fp32", "off")

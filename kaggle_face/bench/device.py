"""A table of the device's speed, its bottleneck, and the setting that changes it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch

from kaggle_face.bench.machine import describe_machine
from kaggle_face.bench.report import Cell, Report
from kaggle_face.bench.throughput import Plan
from kaggle_face.bench.training import fresh_network, settle_amp, speed_settings
from kaggle_face.config import Config, LoadedConfig
from kaggle_face.model.amp import resolve_amp
from kaggle_face.model.cpu import prepare_cpu
from kaggle_face.model.device import resolve_device, wait_for
from kaggle_face.progress import Progress
from kaggle_face.train.speed.step_timing import Workload, copy_for_trial, random_images, time_steps

COLUMNS = ("what", "figure", "unit", "setting")
STEPS = "training steps, {}"
_CLASSES = 100
_COPIED_BYTES = 64 << 20
_DRIVER = Path("/proc/driver/nvidia/version")
_FORMATS: dict[str, torch.dtype | None] = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}
_SETTING_OF = {"fp32": "train.amp=off", "bf16": "train.amp=bf16", "fp16": "train.amp=fp16"}
_LEAST_GAIN = 1.1
"""Less is within the spread of so few steps."""


def bench_device(loaded: LoadedConfig, plan: Plan, progress: Progress) -> Report:
    """The device of the settings in one table: steps in each precision, copies, memory, and advice.

    Args:
        loaded: The settings; the network has fresh weights and 100 classes, and no image is needed.
        plan: How many steps are timed: `rounds` turns of `least_steps`, the best of which counts.
        progress: Counts them.
    """
    device = resolve_device(loaded.config.device)
    prepare_cpu(device)
    config = settle_amp(loaded, _CLASSES, device, progress).config
    amp_dtype = resolve_amp(config.train.amp, device)
    chosen = next(name for name, dtype in _FORMATS.items() if dtype == amp_dtype)
    rates = _step_rates(config, device, chosen, plan, progress)
    copies = dict(_copy_rates(device))
    rows: list[tuple[Cell, ...]] = [
        (STEPS.format(name), rate, "images/s", _SETTING_OF[name]) for name, rate in rates.items()
    ]
    rows += [(name, rate, "GB/s", "") for name, rate in copies.items()]
    rows += _memory_rows(device)
    about = {**describe_machine(device), **speed_settings(loaded), "classes": _CLASSES}
    sentence = f"{describe_choice(device, why_no_gpu())}; {advise(rates, chosen, loaded.config.train.amp)}"
    return Report("device", about, COLUMNS, tuple(rows), sentence)


def describe_choice(device: torch.device, reason: str | None) -> str:
    """The kind of the device, and why it is not a GPU."""
    if device.type == "cuda":
        return f"the network runs on {torch.cuda.get_device_name(device)} ({device})"
    if device.type == "mps":
        return "the network runs on Apple's GPU (mps)"
    if reason is None:
        return "the network runs on the CPU although torch finds a GPU: set device=auto"
    return f"the network runs on the CPU: {reason}"


def why_no_gpu() -> str | None:
    """The reason why torch finds no CUDA device, with advice; None where it finds one."""
    if torch.cuda.is_available():
        return None
    has_driver = _DRIVER.exists() or shutil.which("nvidia-smi") is not None
    if torch.version.cuda is None:
        if has_driver:
            return "this torch was built without CUDA, and there is a driver; install a CUDA build of torch"
        return "this torch was built without CUDA, and no NVIDIA driver was found"
    if has_driver:
        return (
            f"there is an NVIDIA driver, and torch (built for CUDA {torch.version.cuda}) cannot use it; "
            "update the driver, or look at CUDA_VISIBLE_DEVICES"
        )
    return "no NVIDIA driver was found"


def advise(rates: Mapping[str, float], chosen: str, setting: str) -> str:
    """The fastest precision, and the setting to change where another one is set."""
    fastest = max(rates, key=rates.__getitem__)
    if fastest == chosen or rates[fastest] < _LEAST_GAIN * rates[chosen]:
        return f"train.amp={setting} takes {chosen}, and no other precision is much faster"
    gain = rates[fastest] / rates[chosen]
    return f"{fastest} is {gain:.1f} times as fast as {chosen}: set {_SETTING_OF[fastest]}"


def _step_rates(
    config: Config, device: torch.device, chosen: str, plan: Plan, progress: Progress
) -> dict[str, float]:
    """Images per second of forward and backward passes in each precision that pays, and in the chosen one."""
    network = fresh_network(config, _CLASSES, device)
    names = [name for name in _FORMATS if name == chosen or _can(name, device)]
    rates: dict[str, float] = {}
    with progress.track("measuring", len(names), "precisions") as counter:
        for name in names:
            workload = Workload(
                config.train.batch_size, config.data.image_size, _FORMATS[name], plan.least_steps
            )
            trained, images_BCHW = copy_for_trial(network), random_images(network, workload)
            time_steps(trained, images_BCHW, workload.amp_dtype, plan.warmup_steps)
            seconds = [
                time_steps(trained, images_BCHW, workload.amp_dtype, plan.least_steps)
                for _ in range(plan.rounds)
            ]
            rates[name] = plan.least_steps * config.train.batch_size / min(seconds)
            counter.advance(1, name)
    return rates


def _can(name: str, device: torch.device) -> bool:
    match device.type:
        case "cuda":
            return name != "bf16" or torch.cuda.get_device_capability(device) >= (8, 0)
        case "cpu":
            return name != "fp16"
        case _:
            return name == "fp32"


def _copy_rates(device: torch.device) -> Iterator[tuple[str, float]]:
    """Gigabytes per second from the host to a GPU, from pinned memory and from other memory."""
    if device.type != "cuda":
        return
    for name, pinned in (("copies to the device, pinned", True), ("copies to the device, not pinned", False)):
        values = torch.zeros(_COPIED_BYTES, dtype=torch.uint8, pin_memory=pinned)
        values.to(device)
        wait_for(device)
        began = time.perf_counter()
        for _ in range(5):
            values.to(device, non_blocking=True)
        wait_for(device)
        yield name, 5 * _COPIED_BYTES / 1e9 / (time.perf_counter() - began)


def _memory_rows(device: torch.device) -> list[tuple[Cell, ...]]:
    if device.type != "cuda":
        return [("threads", torch.get_num_threads(), "", "train.threads")]
    free, total = torch.cuda.mem_get_info(device)
    return [
        ("memory of the device", total / 1e9, "GB", ""),
        ("of it free: images lie there where they take half of it", free / 1e9, "GB", "data.placement"),
    ]

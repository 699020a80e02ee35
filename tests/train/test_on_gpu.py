"""Training on a GPU beside the CPU; `pytest -m gpu` runs these on the device.

Each body also runs on the CPU, where it tries the test's own code. No bound was ever tried on a device; those
of half precision are thirty times what a CPU differs by, those of fp32 a guess at rounding over fifty steps.
"""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.data.augmentation.batched.compose import BatchAugmenter
from kaggle_face.data.augmentation.batched.conversion import _FORMS
from kaggle_face.data.augmentation.per_image import Augmenter
from kaggle_face.train.losses.batch import BatchLoss
from kaggle_face.train.parallel.engine import Engine
from kaggle_face.train.state import load_resume_state, save_resume_state
from kaggle_face.train.step import step as steps
from tests.support.devices import ON_BOTH, exact
from tests.support.small_training import SIZE, TRANSFORMS, Networks, SmallTraining, config_of, image_cache

CPU = torch.device("cpu")
Settings = dict[str, dict[str, Any]]
PLAIN: Settings = {"train": {"ema_decay": 0.9, "clip_grad_norm": 5.0}, "optim": {"lr": 0.005}}
"""A linear head and small steps: rounding does not grow over fifty steps, as it does under a margin."""
Losses = Callable[..., list[float]]


def num_steps(device: torch.device) -> int:
    """Fifty on a GPU; the CPU only tries the test's code."""
    return 50 if device.type == "cuda" else 12


def training(
    device: torch.device, settings: Settings = PLAIN, amp_dtype: torch.dtype | None = None, **more: Any
) -> SmallTraining:
    config = config_of(settings)
    return SmallTraining.on(device, config, Networks.of(config), amp_dtype, **more)


@pytest.fixture
def losses(monkeypatch: pytest.MonkeyPatch) -> Losses:
    """The losses of the steps of a training."""
    kept: list[torch.Tensor] = []
    plain = steps.batch_loss

    def keeping(*arguments: Any) -> BatchLoss:
        result = plain(*arguments)
        kept.append(result.loss.detach().double().cpu())
        return result

    monkeypatch.setattr(steps, "batch_loss", keeping)

    def run(some: SmallTraining, count: int) -> list[float]:
        kept.clear()
        some.steps(count)
        return [float(loss) for loss in kept]

    return run


@ON_BOTH
def test_fifty_steps_in_fp32_have_the_losses_of_the_cpu(device: torch.device, losses: Losses) -> None:
    with exact():
        here = losses(training(device), num_steps(device))
    there = losses(training(CPU), num_steps(device))
    assert here[:10] == pytest.approx(there[:10], rel=1e-4)
    assert here == pytest.approx(there, rel=1e-2)
    assert np.mean(there[-6:]) < np.mean(there[:6])  # it learns, so there is something to compare


# On a CPU the means of 50 losses differ by 0.08 % in bf16 and 0.03 % in fp16, of the last ten by 0.16, 0.1.
@ON_BOTH
@pytest.mark.parametrize(("amp_dtype", "bound"), [(torch.bfloat16, 0.05), (torch.float16, 0.02)])
def test_half_precision_keeps_near_the_losses_of_fp32(
    device: torch.device, amp_dtype: torch.dtype, bound: float, losses: Losses
) -> None:
    if device.type == "cuda" and amp_dtype == torch.bfloat16 and not torch.cuda.is_bf16_supported():
        pytest.skip("this GPU has no bf16")
    some = training(device, PLAIN, amp_dtype)
    some.state.scaler = torch.amp.GradScaler(  # small from the start: skipped steps would shift the losses
        device.type, init_scale=2.0**8, enabled=some.state.scaler.is_enabled()
    )
    half, full = losses(some, num_steps(device)), losses(training(CPU), num_steps(device))
    assert np.mean(half) == pytest.approx(np.mean(full), rel=bound)
    assert np.mean(half[-10:]) == pytest.approx(np.mean(full[-10:]), rel=3 * bound)


@ON_BOTH
def test_the_scaler_recovers_from_an_overflow(device: torch.device) -> None:
    some = training(device, {**PLAIN, "train": {**PLAIN["train"], "max_nonfinite_steps": 30}}, torch.float16)
    some.state.scaler = torch.amp.GradScaler(device.type, init_scale=2.0**30)
    before = {name: tensor.clone() for name, tensor in some.state.network.named_parameters()}
    some.steps(1)
    counts = some.state.accumulator.read()
    assert (counts.skipped_steps, counts.skipped_in_a_row) == (1, 1)
    assert all(torch.equal(tensor, before[name]) for name, tensor in some.state.network.named_parameters())
    some.steps(24)
    counts = some.state.accumulator.read()
    assert counts.skipped_in_a_row == 0 and some.state.scaler.get_scale() < 2.0**30
    assert all(torch.isfinite(tensor).all() for tensor in some.state.network.state_dict().values())
    last = dict(some.state.network.named_parameters())["head.weight_CD"]
    assert not torch.equal(last, before["head.weight_CD"])


@pytest.mark.slow
@ON_BOTH
def test_a_compiled_network_has_the_losses_of_the_plain_one(device: torch.device, losses: Losses) -> None:
    plain = losses(training(device), 4)
    some = training(device)
    backend = "inductor" if device.type == "cuda" else "eager"  # without a C++ compiler, and in seconds
    object.__setattr__(some.context, "engine", Engine(torch.compile(some.state.network, backend=backend)))
    assert losses(some, 4) == pytest.approx(plain, rel=1e-3)
    torch.compiler.reset()


def test_the_table_has_every_transform_with_a_batched_form() -> None:
    entries = [entry for entries in TRANSFORMS.values() for entry in entries]
    assert {next(iter(entry)) for entry in entries} == set(_FORMS)


@ON_BOTH
@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_transform_makes_the_pixels_of_the_cpu(name: str, device: torch.device) -> None:
    images = torch.from_numpy(np.asarray(image_cache(1).images))
    keys = torch.arange(len(images)) + (3 << 32)

    def augmented(place: torch.device, part: slice) -> torch.Tensor:
        augmenter = BatchAugmenter(Augmenter(tuple(TRANSFORMS[name]), SIZE, 7))
        return augmenter(images[part].to(place), 2, keys[part].to(place)).cpu()

    # On the CPU in two halves: a batch must not matter, which is what the device's blocks rest on.
    parts = [slice(0, 48)] if device.type == "cuda" else [slice(0, 20), slice(20, 48)]
    here = torch.cat([augmented(device, part) for part in parts])
    there = augmented(CPU, slice(0, 48))
    difference = (here.int() - there.int()).abs()
    # Half a level is rounded up on one side and down on the other where sums differ in the last bit; at the
    # border of a hole or a nearest pixel a whole pixel may differ.
    assert float((difference > 1).double().mean()) < 1e-3
    assert float((difference > 0).double().mean()) < 1e-2


@ON_BOTH
def test_resident_and_streamed_images_are_the_same(device: torch.device) -> None:
    settings = {"augment": {"transforms": [*TRANSFORMS["affine map"], *TRANSFORMS["gamma"]]}}
    resident, streamed = (training(device, settings, placement=p) for p in ("device", "memory_map"))
    batches = zip(resident.batches.epoch(1), streamed.batches.epoch(1), strict=True)
    compared = [
        torch.equal(one.images.to(device), other.images.to(device)) and torch.equal(one.labels, other.labels)
        for one, other in batches
    ]
    assert compared == [True] * 6


@ON_BOTH
@pytest.mark.parametrize("optimizer", ["sgd", "adamw", pytest.param("radam", marks=pytest.mark.slow)])
def test_a_training_goes_on_on_the_device(optimizer: str, device: torch.device, tmp_path: Path) -> None:
    settings = {**PLAIN, "optim": {"name": optimizer, "lr": 0.01}}
    amp_dtype = torch.float16 if device.type == "cuda" else None
    folder = FoldFolder(tmp_path / "fold0")
    folder.path.mkdir()
    with exact():
        whole, first, second = (training(device, settings, amp_dtype) for _ in range(3))
        whole.steps(9)
        first.steps(4)
        save_resume_state(first.state, folder)
        load_resume_state(second.state, folder, device)
        second.steps(5)
    expected = whole.state.network.state_dict()
    for name, tensor in second.state.network.state_dict().items():
        if device.type == "cpu":
            assert torch.equal(tensor, expected[name]), name
        else:  # the sums of some backward passes on a GPU have no order
            torch.testing.assert_close(tensor, expected[name], rtol=1e-3, atol=1e-4)
    assert second.state.accumulator.read().images == whole.state.accumulator.read().images


@ON_BOTH
def test_a_training_that_is_over_leaves_nothing_in_memory(device: torch.device) -> None:
    def train() -> weakref.ref[Any]:
        some = training(device, PLAIN, torch.bfloat16)
        some.steps(3)
        return weakref.ref(some.state.network)

    train()  # what libraries keep for good is there from now on
    gc.collect()
    before = torch.cuda.memory_allocated(device) if device.type == "cuda" else 0
    network = train()
    gc.collect()
    assert network() is None
    if device.type == "cuda":
        assert torch.cuda.memory_allocated(device) == before


@pytest.mark.parametrize(
    "device",
    [
        pytest.param("cpu", marks=pytest.mark.slow),
        pytest.param(
            "cuda",
            marks=[
                pytest.mark.gpu,
                pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices for NCCL"),
            ],
        ),
    ],
)
def test_two_processes_train_what_one_does(device: str, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    words = [sys.executable, "-m", "tests.support.process_of_two", device, str(tmp_path)]
    running = [
        subprocess.Popen(words, env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in range(2)
    ]
    assert [process.wait(300) for process in running] == [0, 0]
    first, second, alone = (
        torch.load(tmp_path / f"{name}.pt", weights_only=True) for name in ("0of2", "1of2", "0of1")
    )
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), name
        torch.testing.assert_close(tensor, alone[name], rtol=1e-3, atol=1e-4)

"""Devices and number formats, with the GPUs of other machines."""

from __future__ import annotations

import pytest
import torch

from kaggle_face.errors import ConfigError
from kaggle_face.model.amp import resolve_amp
from kaggle_face.model.device import resolve_device

CPU, GPU = torch.device("cpu"), torch.device("cuda:0")


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine with one T4."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (7, 5))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Tesla T4")
    return monkeypatch


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.usefixtures("no_gpu")
def test_auto_is_the_cpu_where_there_is_nothing_else() -> None:
    assert resolve_device("auto") == CPU


@pytest.mark.usefixtures("gpus")
def test_auto_is_the_first_gpu() -> None:
    assert resolve_device("auto") == resolve_device("cuda") == GPU


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize("setting", ["cuda", "cuda:0", "mps"])
def test_a_gpu_that_is_not_there_is_one_line(setting: str) -> None:
    with pytest.raises(ConfigError, match=rf"^device={setting}: this machine has .*set device=auto$"):
        resolve_device(setting)


@pytest.mark.usefixtures("gpus")
def test_a_gpu_beyond_the_last_is_one_line() -> None:
    with pytest.raises(ConfigError, match="device=cuda:1: this machine has 1 CUDA GPU that torch can use"):
        resolve_device("cuda:1")


@pytest.mark.parametrize(
    ("capability", "dtype"),
    [
        ((6, 0), None),
        ((7, 0), torch.float16),
        ((7, 5), torch.float16),
        ((8, 0), torch.bfloat16),
        ((9, 0), torch.bfloat16),
    ],
)
def test_auto_follows_the_generation_of_the_gpu(
    gpus: pytest.MonkeyPatch, capability: tuple[int, int], dtype: torch.dtype | None
) -> None:
    gpus.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert resolve_amp("auto", GPU) == dtype


def test_auto_is_off_on_the_cpu() -> None:
    assert resolve_amp("auto", CPU) is None
    assert resolve_amp("bf16", CPU) == torch.bfloat16
    assert resolve_amp("off", CPU) is None


@pytest.mark.usefixtures("gpus")
def test_bf16_on_a_t4_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"train\.amp=bf16 needs an Ampere GPU.*Tesla T4.*train\.amp=fp16"):
        resolve_amp("bf16", GPU)


def test_fp16_on_the_cpu_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"train\.amp=fp16 has no use on the CPU"):
        resolve_amp("fp16", CPU)

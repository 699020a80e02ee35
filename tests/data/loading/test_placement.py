"""Where images lie and where they are augmented."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from kaggle_face.config import DataConfig
from kaggle_face.data.augmentation.per_image import Augmenter
from kaggle_face.data.loading import placement as placements
from kaggle_face.data.loading.placement import LoaderPlan, plan_loading
from kaggle_face.errors import ConfigError

CPU, GPU = torch.device("cpu"), torch.device("cuda:0")
FLIP = ({"HorizontalFlip": {}},)
MOVE = (*FLIP, {"Affine": {"rotate": [-10, 10]}})
BLUR = (*FLIP, {"MotionBlur": {}})


@pytest.fixture(autouse=True)
def _a_gpu_with_10_gb_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placements, "free_bytes", lambda device: 10**10 if device.type == "cuda" else None)


def chosen(
    transforms: tuple[object, ...],
    device: torch.device,
    gigabytes: float = 1,
    size_px: int = 32,
    setting: str = "auto",
) -> LoaderPlan:
    augmenter = Augmenter(transforms, size_px, 0)  # type: ignore[arg-type]
    config = DataConfig.model_validate({"placement": setting, "workers": 3})
    return plan_loading(config, augmenter, int(gigabytes * 10**9), device)


def test_on_a_gpu_images_lie_there_where_they_fit_with_room_to_spare() -> None:
    assert chosen(MOVE, GPU, 4.9).placement == "device"
    assert chosen((), GPU, 4.9).placement == "device"
    assert chosen(MOVE, GPU, 5.1).placement == "memory_map"


def test_transforms_without_a_batch_form_need_workers_and_are_named() -> None:
    plan = chosen(BLUR, GPU)
    assert plan.placement == "workers" and plan.workers == 3
    assert plan.describe().endswith("one by one by 3 processes (MotionBlur has no batched form)")


@pytest.mark.parametrize(
    ("transforms", "size_px", "expected"),
    [
        (MOVE, 32, "memory_map"),
        (MOVE, 48, "memory_map"),
        (MOVE, 64, "workers"),
        (FLIP, 32, "workers"),
        ((), 32, "workers"),
    ],
)
def test_on_a_cpu_small_images_are_augmented_in_batches(
    transforms: tuple[Any, ...], size_px: int, expected: str
) -> None:
    assert chosen(transforms, CPU, size_px=size_px).placement == expected


def test_the_choice_between_batches_and_single_images_does_not_hang_on_free_memory() -> None:
    """A resumed training, which finds other memory free, must see the same pixels."""
    assert chosen(MOVE, GPU, 0.1).placement != "workers" != chosen(MOVE, GPU, 500).placement


@pytest.mark.parametrize("setting", ["device", "memory_map", "workers"])
def test_the_choice_can_be_forced(setting: str) -> None:
    for device in (CPU, GPU):
        assert chosen(MOVE, device, 8, size_px=64, setting=setting).placement == setting


def test_what_cannot_be_had_is_refused_with_the_way_out() -> None:
    with pytest.raises(ConfigError, match=r"MotionBlur of augment.transforms has no batched form; set"):
        chosen(BLUR, GPU, setting="device")
    with pytest.raises(ConfigError, match=r"needs 12.0 GB for the images, and 10.0 GB of cuda:0 are free"):
        chosen(MOVE, GPU, 12, setting="device")


def test_the_choice_is_told_in_one_line() -> None:
    assert (
        chosen(MOVE, GPU, 2).describe() == "images lie on cuda:0 (2000 MB) and are augmented there in batches"
    )
    mapped = "images are read from the image cache and augmented on cpu in batches"
    assert chosen(MOVE, CPU).describe() == mapped
    here = "images are read from the image cache and augmented one by one in this process"
    assert LoaderPlan("workers", CPU).describe() == here

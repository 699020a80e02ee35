"""The least time of a step, against published counts and counts by hand."""

from __future__ import annotations

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from kaggle_face.config import Config, load_config
from kaggle_face.train.speed.estimate import FoldSize
from kaggle_face.train.speed.gpus import GPUS, Gpu, gpu_named
from kaggle_face.train.speed.roofline import (
    StepCost,
    _Counting,
    count_step,
    floor_on,
    least_fold_seconds,
)

BATCH, CLASSES = 4, 100


def settings(*words: str) -> Config:
    return load_config("base", [f"train.batch_size={BATCH}", "model.neck=none", *words]).config


@pytest.mark.parametrize(
    ("words", "billions"),
    [
        # He et al. 2016, as torchvision states it: 1.814 billion multiply-adds with a head of 1000 classes.
        (("model.backbone=resnet18", "data.image_size=224"), 2 * (1.814 - 512 * 1000 / 1e9)),
        # Chen et al. 2018, arXiv:1804.07573, table 1: 221 million multiply-adds, 112 pixels.
        (("model.backbone=mobilefacenet", "data.image_size=112", "model.pooling=gdc"), 2 * 0.221),
        pytest.param(
            # Touvron et al. 2021, arXiv:2012.12877: 4.6 billion of the small network, attention among them.
            ("model.backbone=vit_small_patch16_224", "data.image_size=224"),
            2 * 4.6,
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_forward_pass_has_the_published_number_of_operations(
    words: tuple[str, ...], billions: float
) -> None:
    operations = count_step(settings(*words), CLASSES, "bf16").operations
    assert operations["half"] / BATCH / 3 / 1e9 == pytest.approx(billions, rel=0.01)


@pytest.mark.parametrize(
    ("head", "centers"),
    [("linear", 1), pytest.param("arcface", 1, marks=pytest.mark.slow), ("subcenter_arcface", 3)],
)
def test_the_head_has_three_float32_products_whatever_the_precision(head: str, centers: int) -> None:
    found = [
        count_step(settings(f"model.head={head}", "data.image_size=32"), classes, "bf16")
        for classes in (1000, 3000)
    ]
    few, many = (cost.operations["float32 product"] for cost in found)
    assert many - few == 3 * 2 * BATCH * 512 * 2000 * centers
    weights = 2000 * 512 * centers + (2000 if head == "linear" else 0)
    # Weight, gradient and momentum, four bytes each.
    assert found[1].lasting_bytes - found[0].lasting_bytes == 12 * weights


def test_sampled_classes_are_those_that_are_multiplied() -> None:
    words = ("model.head=cosface", "data.image_size=32", "margin.sampled_classes=0.1")
    assert (
        count_step(settings(*words), 3000, "bf16").operations["float32 product"] == 3 * 2 * BATCH * 512 * 300
    )


def test_a_product_reads_both_factors_and_writes_the_result() -> None:
    with FakeTensorMode():
        first, second = torch.empty(8, 4), torch.empty(4, 16)
        with _Counting() as counting:
            first.t().t() @ second  # views move nothing
    assert counting.moved_bytes == 4 * (8 * 4 + 4 * 16 + 8 * 16)
    assert dict(counting.operations) == {"float32 product": 2 * 8 * 4 * 16}


def test_half_precision_halves_what_the_backward_pass_needs() -> None:
    config = settings(
        "data.image_size=32", "train.batch_size=256"
    )  # beside so many the copied weights are few
    full, half = (count_step(config, CLASSES, name) for name in ("fp32", "bf16"))
    assert half.saved_bytes / full.saved_bytes == pytest.approx(0.5, abs=0.05)
    assert half.lasting_bytes == full.lasting_bytes
    assert full.operations["float32 convolution"] == half.operations["half"]


def test_averaged_weights_and_adam_take_a_copy_each() -> None:
    plain, adam, averaged = (
        count_step(settings("data.image_size=32", *words), CLASSES, "bf16").lasting_bytes
        for words in ((), ("optim.name=adamw",), ("train.ema_decay=0.9",))
    )
    assert (adam / plain, averaged / plain) == (pytest.approx(4 / 3), pytest.approx(4 / 3))


def test_the_floor_is_the_slower_of_arithmetic_and_memory() -> None:
    gpu = Gpu("X", "nowhere", 1.0, 2.0, 10.0, "bf16", 100.0, 1.0, "made up")
    operations = {"half": 10e12, "float32 convolution": 2e12, "float32 product": 1e12}
    floor = floor_on(gpu, StepCost(6, operations, 250e9, 0.0, 0.0))  # type: ignore[arg-type]
    assert (floor.arithmetic_seconds, floor.memory_seconds) == (3.0, 2.5)
    assert (floor.images_per_second, floor.bound_by) == (2.0, "arithmetic")
    floor = floor_on(gpu, StepCost(6, {}, 250e9, 0.0, 0.0))
    assert (floor.images_per_second, floor.bound_by) == (2.4, "memory")


def test_a_fold_takes_its_images_at_the_floor() -> None:
    config = settings("data.image_size=32", "train.epochs=10", "predict.flip=false")
    size, t4 = FoldSize(CLASSES, 9000, 3000), gpu_named("T4")
    rate = floor_on(t4, count_step(config, CLASSES, "fp16")).images_per_second
    assert least_fold_seconds(config, size, t4) == pytest.approx((90_000 + 10 * 3000 / 3) / rate)


def test_every_gpu_names_its_data_sheet_and_takes_a_precision_that_it_has() -> None:
    assert all("data sheet" in gpu.source and "nvidia.com/" in gpu.source for gpu in GPUS)
    # `train.amp=auto`: fp32 before Volta, fp16 on Turing, bf16 from Ampere on.
    assert [gpu.amp for gpu in GPUS] == ["fp32", "fp16", "bf16", "bf16", "bf16", "bf16"]
    assert all((gpu.tf32_tflops is not None) == (gpu.amp == "bf16") for gpu in GPUS)

"""Settings sized for a machine and the images: they load, and an epoch has enough steps."""

from __future__ import annotations

import pytest

from kaggle_face.competitions.catalogue.known import competition_spec
from kaggle_face.competitions.catalogue.rules import broken_rules
from kaggle_face.competitions.sizing import Machine, TrainingSize, image_size_line, training_lines
from kaggle_face.config import Config, parse_config
from kaggle_face.model.network import create_network

CPU, GPU = Machine("", 2), Machine("NVIDIA H200", 16)


def settings(machine: Machine, images: int, side_px: int = 112, only_own: bool = False) -> Config:
    size = TrainingSize(images, side_px, only_own)
    lines = ["data:", image_size_line(size, machine), *training_lines(size, machine, [])]
    return parse_config("\n".join(lines), "sized")


@pytest.mark.parametrize("machine", [CPU, GPU])
@pytest.mark.parametrize("images", [40, 268, 5000, 140_000])
def test_an_epoch_has_many_steps_and_leaves_out_few_images(machine: Machine, images: int) -> None:
    train = settings(machine, images).train
    steps, left = divmod(images, train.batch_size)
    assert steps >= 20 or train.batch_size == 16
    assert train.last_batch == "fill" or left <= images / 100


def test_a_gpu_gets_the_whole_images_and_the_network_of_the_table() -> None:
    config = settings(GPU, 140_000)
    assert (config.model.backbone, config.data.image_size) == ("resnet18", 112)
    assert (config.train.epochs, config.train.batch_size, config.optim.lr) == (60, 256, 0.1)
    assert settings(GPU, 268).optim.lr == pytest.approx(0.0125)


def test_a_cpu_sees_about_as_many_images_as_the_measured_recipe() -> None:
    for images in (6_000, 18_301, 37_000):
        config = settings(CPU, images)
        assert 280_000 <= config.train.epochs * images <= 310_000 and config.data.image_size == 96
    assert (settings(CPU, 268).train.epochs, settings(CPU, 140_000).train.epochs) == (60, 8)
    assert settings(CPU, 140_000).data.image_size == 64 and settings(CPU, 500, 48).data.image_size == 48


@pytest.mark.parametrize(("side_px", "images"), [(32, 268), (112, 268), (112, 140_000)])
def test_the_network_of_a_cpu_is_small(side_px: int, images: int) -> None:
    config = settings(CPU, images, side_px)
    network = create_network(config.model, config.margin, 90, config.data.image_size)
    assert sum(parameter.numel() for parameter in network.parameters()) < 2_000_000


@pytest.mark.parametrize("machine", [CPU, GPU])
def test_the_rules_are_kept_where_networks_may_not_be_imported(machine: Machine) -> None:
    rules = competition_spec("hw-2-p-2-fall-2026-student-competition").rules
    assert rules.forbids_imported_architectures
    assert broken_rules(rules, settings(machine, 5000, only_own=True)) == []


def test_the_machine_is_named() -> None:
    size = TrainingSize(268, 112, False)
    assert training_lines(size, CPU, [])[0].startswith(
        "# Sized for 2 CPU cores without a GPU, and about 268 "
    )
    assert "NVIDIA H200" in training_lines(size, GPU, [])[0] and str(Machine("", 1)).startswith("1 CPU core ")

"""Every settings file that comes with the package loads, and keeps the rules of its competition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kaggle_face.competitions.catalogue.known import competition_spec
from kaggle_face.competitions.catalogue.rules import broken_rules
from kaggle_face.config import load_config
from kaggle_face.config.loading import packaged_configs

NAMES = sorted(path.stem for path in packaged_configs().glob("*.yaml"))
# About the identities of each recipe's competition; the classes weigh on the parameter limit.
NUM_CLASSES = {
    "blends-table": 90,
    "convnext-gallery": 7000,
    "csv-pairs-2022": 7000,
    "fall-2026": 8631,
    "gallery-2024": 7001,
    "kinship": 470,
    "mobilenetv2-thumbnails": 2300,
    "one-shot": 48,
    "pair-text-2025": 8631,
    "pairs-2021": 4000,
    "quick-cpu": 390,
    "recipes-table": 390,
    "resnet18-cutmix": 8631,
    "shufflenet-thumbnails": 2300,
    "top-5": 15000,
}

# What a recipe may extend instead of `base`.
AUGMENTATIONS = ("augment-blurred", "augment-strong")

# The published hyper-parameters of the systems that these recipes stand for.
PUBLISHED: dict[str, dict[str, Any]] = {
    "convnext-gallery": {
        "data.image_size": 224,
        "model.backbone": "convnext_tiny",
        "loss.label_smoothing": 0.2,
        "optim.name": "sgd",
        "optim.lr": 0.1,
        "schedule.name": "cosine",
        "train.epochs": 85,
    },
    "resnet18-cutmix": {
        "model.backbone": "resnet18",
        "model.small_stem": "on",
        "augment.cutmix.probability": 1.0,
        "augment.cutmix.alpha": 0.8,
        "optim.name": "sgd",
        "optim.lr": 0.01,
        "optim.momentum": 0.9,
        "optim.weight_decay": 5e-4,
        "schedule.name": "warm_restarts",
        "schedule.restart_epochs": 10.0,
        "schedule.restart_multiplier": 2.0,
        "schedule.final_lr": 1e-5,
        "train.epochs": 30,
        "train.batch_size": 128,
        "train.verification_metric": "eer",
    },
    "shufflenet-thumbnails": {
        "data.image_size": 32,
        "model.backbone": "shufflenetv2_x2_0",
        "optim.name": "adam",
        "optim.lr": 1e-3,
        "optim.options": {"amsgrad": True},
        "train.epochs": 20,
        "train.batch_size": 256,
    },
    "mobilenetv2-thumbnails": {"data.image_size": 32, "model.backbone": "mobilenetv2_100"},
    "one-shot": {
        "data.image_size": 96,
        "model.embedding_size": 128,
        "loss.metric": "triplet",
        "loss.triplet.margin": 0.2,
        "loss.normalize_embeddings": True,
    },
}


def value_at(config: object, key: str) -> object:
    for name in key.split("."):
        config = getattr(config, name)
    return config


@pytest.mark.parametrize("name", NAMES)
def test_a_settings_file_loads_and_names_a_known_competition(name: str) -> None:
    assert competition_spec(load_config(name).config.competition.slug)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_recipe_has_the_published_hyper_parameters(name: str) -> None:
    config = load_config(name).config
    assert {key: value_at(config, key) for key in PUBLISHED[name]} == PUBLISHED[name]


@pytest.mark.parametrize("name", NUM_CLASSES)
def test_a_recipe_can_be_built_and_keeps_the_rules_of_its_competition(name: str) -> None:
    import torch

    from kaggle_face.model.network import count_parameters, create_network

    config = load_config(name).config
    with torch.device("meta"):  # weights are counted and not drawn
        network = create_network(config.model, config.margin, NUM_CLASSES[name], config.data.image_size)
    count = count_parameters(network, with_head=True)
    assert broken_rules(competition_spec(config.competition.slug).rules, config, count, count) == []


@pytest.mark.parametrize("name", [*NUM_CLASSES, *AUGMENTATIONS])
def test_a_recipes_augmentations_can_be_built(name: str) -> None:
    from kaggle_face.data.augmentation.per_image import Augmenter

    config = load_config(name).config
    assert not Augmenter(config.augment.transforms, config.data.image_size, seed=0).is_identity


def test_every_recipe_is_tested() -> None:
    assert set(NUM_CLASSES) | set(AUGMENTATIONS) | {"base", "demo"} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_settings_file_starts_with_a_comment(name: str) -> None:
    assert (Path(packaged_configs()) / f"{name}.yaml").read_text(encoding="utf-8").startswith("# ")


@pytest.mark.parametrize("name", NAMES)
def test_no_settings_file_assumes_what_a_machine_may_lack(name: str) -> None:
    config = load_config(name).config
    assert config.train.amp in ("auto", "off") and config.train.threads in ("auto", "all")
    assert config.train.compile in (False, "auto") and config.device == "auto"
    assert (config.data.placement, config.data.workers) == ("auto", -1)
    assert config.train.eval_batch_size == config.predict.batch_size == "auto"

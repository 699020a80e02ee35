"""Settings of a plan: the recipe's training, the competition's everything else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kaggle_face.config import load_config, parse_config
from kaggle_face.config.loading import packaged_configs
from kaggle_face.config.yaml_text import dump_yaml
from kaggle_face.pipeline.budget.ladder import read_ladder, read_rung
from kaggle_face.pipeline.budget.settings import differing_values, settings_of_rung
from tests.support.budgets import PINS

LADDER = {rung.name: rung for rung in read_ladder([packaged_configs() / "recipes"])}
RUNG = read_rung(Path(__file__).parent / "rungs" / "grown.yaml")


def test_a_person_keeps_folds_paths_and_metrics_and_gets_the_recipes_training() -> None:
    mine = load_config(
        "demo", ["folds.count=3", "paths.runs=mine", "train.score=accuracy", "train.amp=off", "seed=5"]
    ).config
    config = settings_of_rung(mine, RUNG, PINS, 9, 0.2)
    assert (config.folds.count, config.paths.runs, config.seed) == (3, "mine", 5)
    assert (config.train.score, config.train.amp) == ("accuracy", "off")
    assert config.competition == mine.competition and config.data.root == mine.data.root
    assert config.model == RUNG.config.model and config.optim == RUNG.config.optim
    assert (config.data.image_size, config.train.checkpoint_minutes) == (96, 0.2)


def test_all_lengths_in_epochs_follow_the_epochs() -> None:
    # It has 9 epochs, its margin grows over 6 and its images over 6.
    config = settings_of_rung(load_config("demo").config, RUNG, PINS, 18, 1.0)
    assert config.train.epochs == 18
    # A training that is lengthened has up to twice its epochs, and is measured at its end alone.
    assert config.train.measure_every_epochs == 36
    assert config.margin.warmup_epochs == 12.0 and config.train.grow_epochs == 12
    gpu = settings_of_rung(load_config("demo").config, LADDER["gpu-60-both"], PINS, 13, 1.0)
    assert gpu.schedule.warmup_epochs == 0.5, "1 of 26 epochs"


def test_pictures_that_are_smaller_than_the_recipes_are_not_enlarged() -> None:
    config = settings_of_rung(load_config("demo").config, RUNG, replace(PINS, side_px=84), 9, 1.0)
    assert config.data.image_size == 80, "in steps of 8 pixels"
    assert config.train.start_image_size == 64, "72 of 96, of 80, in steps of 8 pixels, rounded to even"


def test_a_small_set_has_smaller_batches_and_a_rate_in_proportion() -> None:
    config = settings_of_rung(load_config("demo").config, RUNG, replace(PINS, train_images=700), 9, 1.0)
    # 700 images in at least 20 steps an epoch: the largest power of two up to 35.
    assert (config.train.batch_size, config.optim.lr, config.train.last_batch) == (32, 0.05, "fill")


def test_the_recipe_for_pairs_in_eight_minutes_is_the_one_that_was_measured() -> None:
    pairs, both = (
        settings_of_rung(load_config("demo").config, LADDER[name], PINS, 4, 1.0)
        for name in ("cpu-8-verification", "cpu-16-both")
    )
    differing = {f"{part}.{key}" for part, values in differing_values(pairs, both).items() for key in values}
    assert differing == {"schedule.restart_epochs", "train.ema_warmup_epochs"}, "neither does either"
    assert (pairs.schedule.name, pairs.train.ema_decay) == ("one_cycle", None)
    assert pairs.model.further_center_crops == (0.5,)


@pytest.mark.parametrize("name", ["cpu-4-both", "cpu-8-both", "cpu-16-both", "small-2-both", "gpu-60-both"])
def test_what_is_written_below_extends_reads_back_as_the_plan(name: str) -> None:
    base = load_config("quick-cpu").config
    config = settings_of_rung(base, LADDER[name], PINS, 7, 0.5)
    values = differing_values(base, config)
    merged = base.model_dump(mode="json")
    for part, changed in values.items():
        merged[part] = {**merged[part], **changed}
    assert parse_config(dump_yaml(merged), "here") == config
    assert "competition" not in values and "folds" not in values and "paths" not in values

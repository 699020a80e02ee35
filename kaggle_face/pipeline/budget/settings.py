"""The settings of a plan: those of the competition with a rung's recipe over them, fitted to the data.

What a person wrote about the competition, its folds, paths and metrics stays; how networks are trained comes
from the rung, its lengths in epochs in proportion to the epochs that are planned.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from kaggle_face.competitions.sizing import batch_size_for, fills_last_batch
from kaggle_face.config import Config
from kaggle_face.config.wording import describe_mismatch
from kaggle_face.errors import ConfigError
from kaggle_face.pipeline.budget.demand import Demand
from kaggle_face.pipeline.budget.ladder import Rung
from kaggle_face.train.deadline import LONGEST

_PARTS = ("augment", "model", "margin", "loss", "optim", "sampler", "schedule", "train")
"""What comes from the rung, and `data.image_size`."""
_KEPT_OF_TRAIN = (
    "score",
    "verification_metric",
    "early_stop_metric",
    "amp",
    "threads",
    "max_nonfinite_steps",
)
"""What a person decides: the metrics of the competition, and what a machine can."""
_STEP_PX = 8
_LEAST_PX = 16
_LEAST_BATCH = 16


def settings_of_rung(
    config: Config, rung: Rung, demand: Demand, epochs: int, checkpoint_minutes: float
) -> Config:
    """The settings of a competition with the recipe of a rung.

    Args:
        config: The settings of the competition.
        rung: The recipe.
        demand: The number and size of the images.
        epochs: The epochs of a fold.
        checkpoint_minutes: Between the states that a killed training goes on from.

    Raises:
        ConfigError: The two do not go together.
    """
    values, recipe = config.model_dump(mode="json"), rung.config.model_dump(mode="json")
    kept = {key: values["train"][key] for key in _KEPT_OF_TRAIN}
    for part in _PARTS:
        values[part] = recipe[part]
    values["train"] = {**values["train"], **kept, "checkpoint_minutes": checkpoint_minutes}
    size_px = image_size_for(rung, demand.side_px)
    values["data"]["image_size"] = size_px
    _fit_epochs(values, rung.config, epochs)
    _fit_growth(values["train"], rung.config, size_px)
    _fit_batch(values, rung.config, demand.train_images)
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"the recipe {rung.name}: {describe_mismatch(error.errors()[0])}") from error


def differing_values(base: Config, other: Config) -> dict[str, Any]:
    """The differing values of settings, part by part, to be written below an `extends`."""
    before, after = base.model_dump(mode="json"), other.model_dump(mode="json")
    found: dict[str, Any] = {}
    for key, value in after.items():
        if isinstance(value, Mapping):
            inner = {name: each for name, each in value.items() if before[key][name] != each}
            found.update({key: inner} if inner else {})
        elif before[key] != value:
            found[key] = value
    return found


def image_size_for(rung: Rung, side_px: int) -> int:
    """The size of the rung, or that of the pictures where they are smaller, in whole steps of 8 pixels."""
    size_px = rung.config.data.image_size
    if side_px >= size_px:
        return size_px
    return max(_LEAST_PX, side_px // _STEP_PX * _STEP_PX)


def _fit_epochs(values: dict[str, Any], recipe: Config, epochs: int) -> None:
    """Stretches all lengths in epochs."""
    factor = epochs / recipe.train.epochs
    schedule, train, margin = values["schedule"], values["train"], values["margin"]
    for part, key in (
        (margin, "warmup_epochs"),
        (schedule, "warmup_epochs"),
        (schedule, "restart_epochs"),
        (train, "ema_warmup_epochs"),
    ):
        part[key] = round(factor * part[key], 2)
    schedule["step_epochs"] = [round(factor * epoch, 2) for epoch in schedule["step_epochs"]]
    train["freeze_backbone_epochs"] = round(factor * train["freeze_backbone_epochs"])
    if train["swa_epochs"] is not None:
        train["swa_epochs"] = max(1, round(factor * train["swa_epochs"]))
    if train["start_image_size"] is not None:
        train["grow_epochs"] = min(epochs, max(1, round(factor * train["grow_epochs"])))
    train["epochs"] = epochs
    train["measure_every_epochs"] = math.ceil(LONGEST * epochs)  # once, at the end, wherever that comes to be


def _fit_growth(train: dict[str, Any], recipe: Config, size_px: int) -> None:
    """Lets the images grow from the same share of their full size."""
    start = recipe.train.start_image_size
    if start is None:
        return
    share = start / recipe.data.image_size
    train["start_image_size"] = max(_STEP_PX, round(share * size_px / _STEP_PX) * _STEP_PX)
    if train["start_image_size"] >= size_px:
        train["start_image_size"], train["grow_epochs"] = None, 0


def _fit_batch(values: dict[str, Any], recipe: Config, images: int) -> None:
    """Takes smaller batches where an epoch would have few, with a rate in proportion."""
    most, train = recipe.train.batch_size, values["train"]
    batch = min(most, batch_size_for(images, min(_LEAST_BATCH, most), most))
    values["optim"]["lr"] = float(f"{recipe.optim.lr * batch / most:.4g}")
    train["batch_size"] = batch
    if fills_last_batch(images, batch):
        train["last_batch"] = "fill"

"""Which settings a resumed training, and the use of a trained run, may change."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from kaggle_face.config import Config, DataConfig, TrainConfig
from kaggle_face.config.comparing import Work, changed_settings, works_that_may_change

RESUME = {
    *("data.root", "data.workers", "margin.sharded"),
    *("train.max_hours", "train.checkpoint_minutes", "train.threads"),
    *("train.tensorboard", "train.loggers"),
}
PREDICT = {"data.root", "data.placement", "data.workers", "data.broken_images", "margin.sharded"}


@pytest.mark.parametrize(
    ("work", "parts", "settings"),
    [
        ("resume", {"predict", "submit", "paths", "device"}, RESUME),
        (
            "predict",
            {
                *("augment", "loss", "optim", "schedule", "sampler", "train"),
                *("predict", "submit", "paths", "seed", "device"),
            },
            PREDICT,
        ),
    ],
)
def test_what_may_change_is_what_does_not_change_the_result(
    work: Work, parts: set[str], settings: set[str]
) -> None:
    free = {part for part in Config.model_fields if work in works_that_may_change(Config, part)}
    assert free == parts
    marked = set()
    for name, field in Config.model_fields.items():
        part = field.annotation
        if isinstance(part, type) and issubclass(part, BaseModel) and name not in free:
            marked |= {
                f"{name}.{key}" for key in part.model_fields if work in works_that_may_change(part, key)
            }
    assert marked == settings


def test_changes_are_named_with_both_values_and_free_ones_are_not() -> None:
    old = Config()
    new = Config(
        data=DataConfig(root="elsewhere", placement="workers", image_size=64),
        train=TrainConfig(epochs=3, max_hours=1.0),
        device="cpu",
    )
    assert changed_settings(old, new, "resume") == [
        "data.image_size: 112 -> 64",
        "data.placement: auto -> workers",
        "train.epochs: 30 -> 3",
    ]
    assert changed_settings(old, new, "predict") == ["data.image_size: 112 -> 64"]
    assert changed_settings(old, old, "resume") == []

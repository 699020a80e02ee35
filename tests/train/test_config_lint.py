"""Advice is given where the evidence speaks, and nowhere else."""

from __future__ import annotations

import pytest

from kaggle_face.config import load_config
from kaggle_face.train.config_lint import lint_config


def advice(*overrides: str) -> list[str]:
    return lint_config(load_config("base", overrides).config)


def test_the_default_needs_no_advice() -> None:
    assert advice() == []
    assert advice("augment.cutmix.probability=0.5") == []


@pytest.mark.parametrize("kind", ["cutmix", "mixup"])
def test_a_margin_head_with_mixed_images_is_told_the_evidence(kind: str) -> None:
    (line,) = advice("model.head=arcface", "margin.warmup_epochs=9", f"augment.{kind}.probability=0.5")
    assert ".9757 -> .9736" in line and f"augment.{kind}.probability=0 or augment.margin_on_mixed" in line


def test_a_wide_margin_from_the_first_step_is_told_how_to_grow() -> None:
    (line,) = advice("model.head=arcface", "train.epochs=10")
    assert "set margin.warmup_epochs=8, or model.head=cosface" in line
    for fixed in (
        "margin.warmup_epochs=1",
        "margin.margin=0.2",
        "model.init_from=main",
        "model.head=cosface",
    ):
        assert advice("model.head=arcface", fixed) == []


def test_a_metric_loss_on_shuffled_batches_is_told_of_the_sampler() -> None:
    (line,) = advice("loss.metric=triplet")
    assert "set sampler.name=identities" in line
    assert advice("loss.metric=triplet", "sampler.name=identities") == []
    assert advice("loss.metric=center") == []

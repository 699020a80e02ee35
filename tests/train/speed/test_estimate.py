"""The time of a fold follows from a rate, the images and the epochs; the trial changes nothing."""

from __future__ import annotations

import pytest
import torch

from kaggle_face.config import Config, load_config
from kaggle_face.errors import ConfigError
from kaggle_face.train.speed import estimate
from kaggle_face.train.speed.estimate import FoldSize, estimate_fold

SIZE = FoldSize(num_classes=5, train_images=900, held_out_images=150)
SETTINGS = [
    "device=cpu",
    "data.image_size=16",
    "model.backbone=resnet10t",
    "model.backbone_options={channels: [8, 8, 8, 8], stem_width: 8}",
]


def settings(*overrides: str) -> Config:
    return load_config("base", [*SETTINGS, *overrides]).config


@pytest.fixture
def rate(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, torch.dtype | None]]:
    """Steps of 32 images take 0.32 s, and half of it in bf16; the list gets the size and format of each."""
    seen: list[tuple[int, torch.dtype | None]] = []

    def time_steps(forward: object, images: torch.Tensor, amp: torch.dtype | None, steps: int) -> float:
        seen.append((len(images), amp))
        return 0.01 * len(images) / (1 if amp is None else 2)

    monkeypatch.setattr(estimate, "time_steps", time_steps)
    monkeypatch.setattr(estimate, "computes_bf16", lambda: False)
    return seen


def seconds(config: Config, processes: int = 1) -> float:
    found = estimate_fold(config, SIZE, processes=processes)
    assert found is not None
    return found.seconds


def test_the_time_is_that_of_all_epochs_and_their_measurements(rate: list[object]) -> None:
    assert seconds(settings("train.epochs=3")) == pytest.approx(3 * (900 + 2 / 3 * 150) * 0.01)
    assert seconds(settings("train.epochs=3", "predict.flip=false")) == pytest.approx(3 * (900 + 50) * 0.01)
    rarely = settings("train.epochs=4", "train.measure_every_epochs=4")
    assert seconds(rarely) == pytest.approx((4 * 900 + 100) * 0.01)
    assert seconds(settings("train.epochs=3"), processes=2) == pytest.approx(15.0)


def test_images_that_are_small_at_first_cost_less(rate: list[object]) -> None:
    config = settings("train.epochs=2", "train.start_image_size=8", "train.grow_epochs=1")
    assert seconds(config) == pytest.approx((900 * 1.25 + 200) * 0.01)


def test_bf16_counts_where_the_processor_computes_it(
    rate: list[tuple[int, torch.dtype | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "computes_bf16", lambda: True)
    assert seconds(settings("train.epochs=1")) == pytest.approx(5.0)
    assert {amp for _, amp in rate} == {None, torch.bfloat16}
    assert seconds(settings("train.epochs=1", "train.amp=off")) == pytest.approx(10.0)


def test_a_trial_uses_small_batches_and_leaves_the_random_state(
    rate: list[tuple[int, torch.dtype | None]],
) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    seconds(settings("train.batch_size=4096"))
    assert {size for size, _ in rate} == {32} and torch.equal(torch.get_rng_state(), before)


def test_a_real_trial_is_named_with_its_rate_and_machine() -> None:
    found = estimate_fold(settings("train.epochs=3"), SIZE)
    assert found is not None and found.seconds > 0
    assert f"CPU core{'' if torch.get_num_threads() == 1 else 's'} (" in str(found)
    assert str(found).startswith("about ") and str(found).endswith(" images/s)")


def test_settings_that_make_no_network_are_refused() -> None:
    with pytest.raises(ConfigError, match="resnet81"):
        estimate_fold(settings("model.backbone=resnet81", "model.backbone_options={}"), SIZE)

"""Training and embedding on fake CUDA tensors: no step mixes devices or waits for the GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from kaggle_face.config import Config
from kaggle_face.data.loading.loader import evaluation_batches
from kaggle_face.data.loading.placement import Placement
from kaggle_face.inference.embedding import embed_batches
from kaggle_face.records import ClassTable, Pairs
from kaggle_face.train.losses.batch import BatchLoss
from kaggle_face.train.optim.optimizer import skips_by_itself
from kaggle_face.train.other_runs.distillation import DistillationSource, OutOfFold
from kaggle_face.train.settings import FoldData
from kaggle_face.train.step import step as steps
from kaggle_face.train.validation import Evaluation, predict_held_out
from tests.support.fake_cuda.mode import CUDA, fake_cuda, moved, raised_by, why_not
from tests.support.small_training import (
    BATCH,
    CLASSES,
    IMAGES,
    TRANSFORMS,
    Networks,
    SmallTraining,
    config_of,
    image_cache,
)

REASON = why_not()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))

Settings = dict[str, dict[str, Any]]
FP16, BF16 = torch.float16, torch.bfloat16


@dataclass(frozen=True)
class Case:
    """A training of a few steps; those that are not `usual` run with `-m slow`."""

    name: str
    settings: Settings = field(default_factory=dict)
    amp_dtype: torch.dtype | None = None
    placement: Placement = "device"
    steps: int = 1
    usual: bool = False


def usual(case: Case) -> Case:
    return replace(case, usual=True)


def transforms(*entries: dict[str, Any]) -> Settings:
    return {"augment": {"transforms": list(entries)}}


CUTMIX = {"augment": {"cutmix": {"probability": 1.0}}}
MIXUP = {"augment": {"mixup": {"probability": 1.0}}}
AVERAGED = {"train": {"ema_decay": 0.99, "clip_grad_norm": 1.0}}
MARGIN_HEADS = ("cosface", "arcface", "adaface", "curricularface", "subcenter_arcface", "combined_margin")
WAITS_AT_EACH_STEP = "lamb", "adan", "lookahead_sgd"
"""Their steps are counted by the host (see `step_unless`)."""


def head_cases() -> Iterator[Case]:
    for head in ("linear", *MARGIN_HEADS):
        model = {"model": {"head": head}}
        yield Case(f"{head}", model)
        yield Case(f"{head} cutmix fp16 averaged", {**model, **CUTMIX, **AVERAGED}, FP16, steps=2)
        yield Case(f"{head} mixup bf16 averaged", {**model, **MIXUP, **AVERAGED}, BF16, "memory_map")
        yield Case(f"{head} nine tenths of the classes", {**model, "margin": {"sampled_classes": 0.9}})
        if head != "linear":
            yield Case(f"{head} margins by class size", {**model, "margin": {"by_class_size": {}}})


def loss_cases() -> Iterator[Case]:
    for metric in ("triplet", "supcon", "center", "multi_similarity"):
        yield Case(f"{metric} loss", {"loss": {"metric": metric}}, BF16)
        yield Case(f"{metric} loss cutmix", {"loss": {"metric": metric}, **CUTMIX}, BF16)
    for selection in ("hard", "semi_hard", "all"):
        for distance in ("euclidean", "cosine"):
            options = {"selection": selection, "distance": distance}
            yield Case(f"triplet {selection} {distance}", {"loss": {"metric": "triplet", "triplet": options}})


def part_cases() -> Iterator[Case]:
    for name, entries in TRANSFORMS.items():
        yield Case(f"{name} on the device", transforms(*entries))
        yield Case(f"{name} on streamed images", transforms(*entries), None, "memory_map")
    for pooling in ("avg", "max", "gem", "gdc", "flatten"):
        yield Case(f"pooling {pooling}", {"model": {"pooling": pooling}}, FP16)
    for neck in ("none", "bn", "linear", "linear_bn", "dropout_linear_bn", "bn_dropout_linear_bn"):
        yield Case(f"neck {neck}", {"model": {"neck": neck}}, FP16)
    for name in ("adam", "adamw", "adagrad", "radam", "nadam", "rmsprop", "lion", "adamax", "nadamw"):
        for amp_dtype in (None, FP16):
            optim = {"optim": {"name": name, "lr": 0.01}, "train": {"clip_grad_norm": 1.0}}
            yield Case(f"{name} {'fp16' if amp_dtype else 'fp32'}", optim, amp_dtype)
    for backbone in ("iresnet18", "mobilefacenet", "shufflenetv2_x0_5", "test_vit", "test_convnext"):
        yield Case(f"backbone {backbone}", {"model": {"backbone": backbone}}, BF16)


USUAL = [
    Case("adaface, cutmix, fp16 and an average", {"model": {"head": "adaface"}, **CUTMIX, **AVERAGED}, FP16),
    Case(
        "curricularface mixup bf16 streamed",
        {"model": {"head": "curricularface"}, **MIXUP},
        BF16,
        "memory_map",
    ),
    Case(
        "combined_margin in old memory format",
        {"model": {"head": "combined_margin"}, "train": {"channels_last": False}},
    ),
    Case(
        "fewer sampled classes than labels",
        {"model": {"head": "arcface"}, "margin": {"sampled_classes": 0.3}, **CUTMIX},
    ),
    Case("centre loss", {"loss": {"metric": "center"}}),
    Case("accumulated fp16", {"train": {"accumulate_steps": 2, "ema_decay": 0.9}}, FP16, steps=2),
    Case("growing images", {"train": {"start_image_size": 8, "grow_epochs": 2}, **CUTMIX}, FP16),
    Case("frozen backbone", {"train": {"freeze_backbone_epochs": 1}}),
    Case("one by one", transforms(*TRANSFORMS["mirror"]), None, "workers"),
    Case(
        "maps and colours",
        transforms(*TRANSFORMS["affine map"], *TRANSFORMS["colour jitter"], *TRANSFORMS["gamma"]),
    ),
    Case("radam is taken back on the device", {"optim": {"name": "radam"}}, FP16),
]
RARE = [
    Case("linear head, not compiled", {"train": {"compile": False}}),
    Case(
        "subcenter_arcface by class size",
        {"model": {"head": "subcenter_arcface"}, "margin": {"by_class_size": {}}},
    ),
    Case("semi-hard triplets", {"loss": {"metric": "triplet"}, **CUTMIX}, BF16),
    Case(
        "crops and erasing",
        transforms(*TRANSFORMS["pad and crop"], *TRANSFORMS["erasing"]),
        None,
        "memory_map",
    ),
    Case(
        "adamw with layer decay",
        {"optim": {"name": "adamw", "layer_decay": 0.8, "head_lr_factor": 3.0}},
        FP16,
    ),
]
"""Each is near to a usual one; they run with `-m slow`."""
CASES = [*map(usual, USUAL), *RARE, *head_cases(), *loss_cases(), *part_cases()]


def test_case_names_differ() -> None:
    assert len({case.name for case in CASES}) == len(CASES) > 100


def on_cuda(
    config: Config, networks: Networks, case: Case, distillation: DistillationSource | None = None
) -> SmallTraining:
    return SmallTraining.on(CUDA, config, networks, case.amp_dtype, case.placement, moved, distillation)


def problems_in_training(case: Case, distillation: DistillationSource | None = None) -> list[str]:
    """What waits in the steps of a case."""
    config = config_of(case.settings)
    networks = Networks.of(config)
    with fake_cuda() as watch:
        training = on_cuda(config, networks, case, distillation)
        if not skips_by_itself(training.state.optimizer):
            begin_optimizer(training)
        watch.found.clear()  # networks are brought to a device once
        return watch.found + raised_by(partial(training.steps, case.steps))


def begin_optimizer(training: SmallTraining) -> None:
    """An update as the first step makes it, where optimisers that are not fused wait."""
    for parameter in training.state.network.parameters():
        parameter.grad = torch.empty_like(parameter)
    training.state.optimizer.step()
    training.state.optimizer.zero_grad(set_to_none=True)


@pytest.fixture(autouse=True)
def frequent_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "_STEPS_BETWEEN_POLLS", 2)


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=case.name, marks=[] if case.usual else pytest.mark.slow) for case in CASES],
)
def test_no_step_waits_for_the_device(case: Case) -> None:
    assert problems_in_training(case) == []


@pytest.mark.parametrize("placement", ["device", "memory_map", "workers"])
def test_an_epoch_begins_without_a_wait(placement: Placement) -> None:
    case = Case("beginning", transforms({"HorizontalFlip": {"p": 0.5}}), placement=placement)
    config = config_of(case.settings)
    networks = Networks.of(config)
    with fake_cuda() as watch:
        training = on_cuda(config, networks, case)
        watch.found.clear()
        batch = next(training.batches.epoch(3, 2))
        assert watch.found == []
    assert batch.labels.device == CUDA
    assert batch.images.device == (torch.device("cpu") if placement == "workers" else CUDA)


def test_distilled_steps_do_not_wait() -> None:
    rows = np.arange(IMAGES)
    logits, vectors = np.zeros((IMAGES, CLASSES), np.float32), np.ones((IMAGES, 8), np.float32)
    teacher = OutOfFold("other", np.zeros(IMAGES, np.int64), rows, (logits,), (vectors,))
    config = config_of({"loss": {"distill": {"runs": ["other"]}}})
    source = DistillationSource([teacher], config.loss.distill)
    assert problems_in_training(Case("distilled", {"loss": {"distill": {"runs": ["other"]}}}), source) == []


def test_embedding_waits_for_nothing_but_its_results() -> None:
    networks = Networks.of(config_of({"model": {"head": "arcface"}}))
    cache = image_cache()
    with fake_cuda() as watch:
        network = moved(networks.network)
        watch.found.clear()
        batches = evaluation_batches(cache, cache.image_ids, 16, CUDA)
        found = list(embed_batches(networks.network, batches, CUDA, FP16, flip=True))
    assert network is networks.network
    assert [batch.embeddings.shape for batch in found] == [(16, 8)] * 3
    # Three batches of embeddings and of logits.
    assert [line.partition(" at ")[0] for line in watch.found] == ["waiting copy from cuda to cpu"] * 6


def test_validation_waits_for_nothing_but_its_results() -> None:
    networks = Networks.of(config_of({}))
    cache = image_cache()
    ids, labels = cache.image_ids, np.arange(IMAGES) % CLASSES
    people = np.array([f"n{number}" for number in range(CLASSES)])
    pairs = Pairs(np.array(["a", "b"]), ids[:2], ids[30:32], np.array([1, 0]))
    data = FoldData(0, ClassTable(people, people), cache, ids[:24], labels[:24], ids[24:], labels[24:], pairs)
    with fake_cuda() as watch:
        moved(networks.network)
        watch.found.clear()
        held_out = predict_held_out(networks.network, data, Evaluation(CUDA, BF16, 16, flip=False))
    assert held_out.predictions.logits.shape == (24, CLASSES)
    # 24 images in two batches with logits, and two more of pairs without: empty ones are copied too.
    assert {line.partition(" at ")[0] for line in watch.found} == {"waiting copy from cuda to cpu"}
    assert len(watch.found) == 2 * 2 + 2


# Tests of the test: what it must find is planted in the loss of a step.

Plant = Callable[[BatchLoss], object]


def planted(monkeypatch: pytest.MonkeyPatch, plant: Plant) -> list[str]:
    plain = steps.batch_loss

    def spoilt(*arguments: Any) -> BatchLoss:
        result = plain(*arguments)
        plant(result)
        return result

    monkeypatch.setattr(steps, "batch_loss", spoilt)
    return problems_in_training(Case("planted"))


def zero_large_logits(result: BatchLoss) -> None:
    result.logits.detach()[torch.ones(result.logits.shape, dtype=torch.bool)] = 0.0


PLANTS: dict[str, tuple[Plant, str]] = {
    "item": (lambda result: result.loss.item(), "host read aten._local_scalar_dense"),
    "bool": (lambda result: bool(result.loss > 0), "host read aten._local_scalar_dense"),
    "nonzero": (lambda result: result.logits.nonzero(), "host read aten.nonzero"),
    "mask": (lambda result: result.logits[result.logits > 0], "host read aten.nonzero"),
    "CPU mask": (zero_large_logits, "CUDA tensor indexed by a CPU tensor"),
    "CPU tensor": (lambda result: result.logits + torch.ones(BATCH, CLASSES), "found at least two devices"),
    "copy to the host": (lambda result: result.loss.detach().cpu(), "waiting copy from cuda to cpu"),
    "copy to the device": (lambda result: torch.ones(3).to(CUDA), "waiting copy from cpu to cuda"),
    "copy_": (
        lambda result: result.logits.detach().copy_(torch.ones(BATCH, CLASSES)),
        "waiting copy from cpu",
    ),
    "unpinned": (lambda result: torch.ones(1 << 15).to(CUDA, non_blocking=True), "memory that is not pinned"),
}

USUAL_PLANTS = ("item", "CPU mask", "copy to the device")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in USUAL_PLANTS else pytest.mark.slow) for name in PLANTS]
)
def test_a_planted_wait_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, words = PLANTS[name]
    found = planted(monkeypatch, plant)
    assert found and words in found[0] and " at train/step/step.py:" in found[0], found


def test_an_optimiser_that_is_not_fused_waits_at_its_first_step() -> None:
    config = config_of({"optim": {"name": "radam"}})
    networks = Networks.of(config)
    with fake_cuda():
        training = on_cuda(config, networks, Case("first step"))
        assert "train/optim/optimizer.py" in raised_by(partial(training.steps, 1))[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", WAITS_AT_EACH_STEP)
def test_optimisers_that_count_on_the_host_wait_at_each_step(name: str) -> None:
    found = problems_in_training(Case(name, {"optim": {"name": name, "lr": 0.01}}))
    assert len(found) == 1 and "train/optim/optimizer.py" in found[0]

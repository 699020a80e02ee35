"""Losses by parts of the classes, in one process that stands for all: each sum is then the part itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from kaggle_face.model.heads.class_sampling import ClassSample
from kaggle_face.model.heads.shards import ClassShard
from kaggle_face.train.losses import sharded
from kaggle_face.train.losses.sharded import sharded_cross_entropy, sharded_divergence

LABELS = torch.tensor([0, 2, 4, 4, 1])
ALL = ClassShard(0, 5, 5, lambda tensor: None)


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sharded, "take_largest", lambda tensor: None)
    monkeypatch.setattr(sharded, "add_up_parts", lambda tensor: tensor)
    yield


def logits(seed: int = 0) -> Tensor:
    return 20 * torch.randn(5, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropies_and_gradients_are_those_of_torch(smoothing: float) -> None:
    first, second = logits(1).requires_grad_(), logits(2).requires_grad_()
    labels_MB, classes = torch.stack([LABELS, LABELS.flip(0)]), ClassSample(None, ALL, None, 5)
    losses, _ = sharded_cross_entropy([first, second], labels_MB, first, classes, smoothing)
    expected = [
        F.cross_entropy(each, labels, label_smoothing=smoothing)
        for each, labels in zip((first, second), labels_MB, strict=True)
    ]
    torch.testing.assert_close(losses, torch.stack(expected))
    for each, loss in zip((first, second), expected, strict=True):
        torch.testing.assert_close(
            torch.autograd.grad(losses.sum(), each, retain_graph=True), torch.autograd.grad(loss, each)
        )


def test_the_answer_is_the_first_of_equal_logits() -> None:
    plain = torch.zeros(5, 5)
    plain[1, 2], plain[3, 4], plain[3, 3] = 1.0, 1.0, 1.0
    classes = ClassSample(None, ALL, None, 5)
    _, correct = sharded_cross_entropy([plain], LABELS[None], plain, classes, 0.0)
    assert int(correct) == int((plain.argmax(1) == LABELS).sum()) == 2


def test_columns_that_only_fill_a_length_do_not_count() -> None:
    indices = torch.tensor([0, 1, 2, 4, 4, 4])
    filled = torch.tensor([True, True, True, True, False, False])
    some = torch.randn(5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    some[:, 4:] = 99.0
    some.requires_grad_()
    classes = ClassSample(indices, ALL, filled, 4)
    losses, correct = sharded_cross_entropy([some], LABELS[None], some, classes, 0.1)
    columns = torch.tensor([0, 2, 3, 3, 1])
    torch.testing.assert_close(losses[0], F.cross_entropy(some[:, :4], columns, label_smoothing=0.1))
    assert int(correct) == int((some[:, :4].argmax(1) == columns).sum())
    (gradient,) = torch.autograd.grad(losses.sum(), some)
    assert (gradient[:, 4:] == 0.0).all() and torch.isfinite(gradient).all()


def test_a_process_without_classes_adds_nothing() -> None:
    empty = torch.zeros(5, 0, requires_grad=True)
    parts: list[Tensor] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sharded, "add_up_parts", lambda tensor: parts.append(tensor) or tensor)
        classes = ClassSample(None, ClassShard(5, 5, 5, lambda tensor: None), None, 5)
        sharded_cross_entropy([empty], LABELS[None], empty, classes, 0.1)
    assert (parts[0] == 0.0).all() and parts[0].requires_grad


def test_the_divergence_is_that_of_torch() -> None:
    scores, target = logits(4).requires_grad_(), logits(5).softmax(1)
    target[1] = 0.0  # no teacher
    target[2] = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0])
    found = sharded_divergence(scores, target)
    expected = F.kl_div(F.log_softmax(scores, 1), target, reduction="none").sum(1)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(
        torch.autograd.grad(found.sum(), scores, retain_graph=True),
        torch.autograd.grad(expected.sum(), scores),
    )

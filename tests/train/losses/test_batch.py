"""The loss of a batch: its terms for mixed images, and what is added to the cross entropy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from kaggle_face.config import LossConfig, MarginConfig, ModelConfig
from kaggle_face.config.training import HeadName, MixedMargin
from kaggle_face.data.augmentation.mixing import Mix
from kaggle_face.model.heads.head import Head
from kaggle_face.model.heads.margin_heads import create_head
from kaggle_face.train.losses.batch import BatchLoss, LossSettings, Targets, batch_loss
from kaggle_face.train.losses.metric_learning import CenterLoss, MetricLoss, create_metric_loss

B, D, C = 7, 6, 4
"""An odd batch on purpose."""
LABELS = torch.tensor([0, 1, 2, 3, 0, 1, 2])
MIX = Mix(np.array([3, 0, 6, 1, 5, 2, 4]), 0.7)


def embeddings() -> Tensor:
    return torch.randn(B, D, generator=torch.Generator().manual_seed(1)).requires_grad_()


def head_called(name: HeadName) -> Head:
    torch.manual_seed(0)
    head = create_head(ModelConfig(head=name), MarginConfig(scale=8.0, margin=0.3), D, C)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.normal_()
    return head


def loss_of(
    head: Head,
    inputs: Tensor,
    targets: Targets,
    config: LossConfig,
    margin_on_mixed: MixedMargin = "two_term",
    metric: MetricLoss | None = None,
) -> BatchLoss:
    settings = LossSettings(config, margin_on_mixed)
    return batch_loss(head, metric, inputs, targets, settings, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_two_terms_of_a_linear_head_equal_cross_entropy_with_mixed_targets(smoothing: float) -> None:
    head, inputs = head_called("linear"), embeddings()
    found = loss_of(head, inputs, Targets(LABELS, MIX), LossConfig(label_smoothing=smoothing))
    targets = 0.7 * F.one_hot(LABELS, C) + 0.3 * F.one_hot(LABELS[torch.from_numpy(MIX.permutation)], C)
    expected = F.cross_entropy(head.similarity(inputs), targets, label_smoothing=smoothing)
    torch.testing.assert_close(found.loss, expected)


def test_a_margin_head_gets_its_margin_for_both_people_of_a_mixed_image() -> None:
    head, inputs = head_called("arcface"), embeddings()
    found = loss_of(head, inputs, Targets(LABELS, MIX), LossConfig(label_smoothing=0.0))
    first = loss_of(head, inputs, Targets(LABELS), LossConfig(label_smoothing=0.0))
    others = LABELS[torch.from_numpy(MIX.permutation)]
    second = loss_of(head, inputs, Targets(others), LossConfig(label_smoothing=0.0))
    torch.testing.assert_close(found.loss, 0.7 * first.loss + 0.3 * second.loss)


def test_unmixed_only_leaves_the_margin_out_of_mixed_batches_alone() -> None:
    head, inputs, config = head_called("cosface"), embeddings(), LossConfig(label_smoothing=0.0)
    found = loss_of(head, inputs, Targets(LABELS, MIX), config, "unmixed_only")
    targets = 0.7 * F.one_hot(LABELS, C) + 0.3 * F.one_hot(LABELS[torch.from_numpy(MIX.permutation)], C)
    torch.testing.assert_close(found.loss, F.cross_entropy(8.0 * head.similarity(inputs), targets))
    plain = loss_of(head, inputs, Targets(LABELS), config, "unmixed_only")
    torch.testing.assert_close(plain.loss, loss_of(head, inputs, Targets(LABELS), config).loss)


def test_the_metric_loss_is_added_with_its_weight() -> None:
    head, inputs = head_called("arcface"), embeddings()
    config = LossConfig(metric="triplet", metric_weight=0.25, classification_weight=2.0)
    metric = create_metric_loss(config, C, D)
    assert metric is not None
    found = loss_of(head, inputs, Targets(LABELS), config, metric=metric)
    alone = loss_of(head, inputs, Targets(LABELS), LossConfig())
    torch.testing.assert_close(found.loss, 2.0 * alone.loss + 0.25 * metric(inputs, LABELS))


def test_the_metric_loss_of_mixed_images_has_a_term_for_each_source() -> None:
    head, inputs, config = head_called("linear"), embeddings(), LossConfig(metric="supcon")
    metric = create_metric_loss(config, C, D)
    assert metric is not None
    alone = loss_of(head, inputs, Targets(LABELS, MIX), LossConfig())
    others = LABELS[torch.from_numpy(MIX.permutation)]
    expected = alone.loss + 0.7 * metric(inputs, LABELS) + 0.3 * metric(inputs, others)
    found = loss_of(head, inputs, Targets(LABELS, MIX), config, metric=metric)
    torch.testing.assert_close(found.loss, expected)
    left_out = loss_of(head, inputs, Targets(LABELS, MIX), config, "unmixed_only", metric)
    torch.testing.assert_close(left_out.loss, alone.loss)


def test_without_classification_weight_the_head_learns_and_the_backbone_hears_the_metric_loss_alone() -> None:
    head, inputs = head_called("linear"), embeddings()
    config = LossConfig(metric="triplet", classification_weight=0.0)
    metric = create_metric_loss(config, C, D)
    assert metric is not None
    loss_of(head, inputs, Targets(LABELS), config, metric=metric).loss.backward()
    assert all(p.grad is not None and (p.grad != 0).any() for p in head.parameters())
    alone = embeddings()
    metric(alone, LABELS).backward()
    assert inputs.grad is not None and alone.grad is not None
    torch.testing.assert_close(inputs.grad, alone.grad)


def test_centers_follow_the_source_with_the_larger_share() -> None:
    config = LossConfig(metric="center", classification_weight=0.0)
    mixed, plain = (CenterLoss(C, D, 0.5, True) for _ in range(2))
    mostly_second = Mix(MIX.permutation, 0.2)
    loss_of(head_called("linear"), embeddings(), Targets(LABELS, mostly_second), config, metric=mixed)
    others = LABELS[torch.from_numpy(MIX.permutation)]
    loss_of(head_called("linear"), embeddings(), Targets(others), config, metric=plain)
    torch.testing.assert_close(mixed.centers, plain.centers)


def test_correct_counts_images_without_the_margin() -> None:
    head, inputs = head_called("arcface"), embeddings()
    expected = (head.similarity(inputs).argmax(1) == LABELS).sum()
    assert loss_of(head, inputs, Targets(LABELS), LossConfig()).correct == expected

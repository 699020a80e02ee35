"""Lessons of other runs: who teaches which image, what is averaged, and what is learnt from it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kaggle_face.config.training import DistillConfig
from kaggle_face.data.augmentation.mixing import Mix
from kaggle_face.train.other_runs.distillation import (
    DistillationSource,
    DistillationTargets,
    OutOfFold,
    distillation_loss,
)

CPU = torch.device("cpu")
# Six images; images 0 to 2 were held out by one network, 3 and 4 by another, 5 by none.
NETWORK_OF = np.array([0, 0, 0, 1, 1, -1])
ROW_OF = np.array([2, 0, 1, 1, 0, -1])
DRAW = np.random.default_rng(0)
LOGITS = (DRAW.normal(size=(3, 4)).astype(np.float32), DRAW.normal(size=(2, 4)).astype(np.float32))
VECTORS = (DRAW.normal(size=(3, 5)).astype(np.float32), DRAW.normal(size=(2, 5)).astype(np.float32))


def run(network_of: np.ndarray = NETWORK_OF) -> OutOfFold:
    return OutOfFold("big", network_of, ROW_OF, LOGITS, VECTORS)


def softmax(logits: np.ndarray) -> np.ndarray:
    shares = np.exp(logits - logits.max())
    return shares / shares.sum()


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_each_image_is_taught_by_the_network_that_held_it_out() -> None:
    soft_targets = DistillationSource([run()], DistillConfig(temperature=2.0)).targets_of(
        np.array([4, 5, 0]), CPU
    )
    assert soft_targets.known.tolist() == [True, False, True]
    expected = [softmax(LOGITS[1][0] / 2), np.zeros(4), softmax(LOGITS[0][2] / 2)]
    np.testing.assert_allclose(soft_targets.probabilities.numpy(), expected, atol=1e-6)


def test_pairs_are_comparable_within_one_network_alone() -> None:
    soft_targets = DistillationSource([run()], DistillConfig()).targets_of(np.array([0, 1, 3, 5]), CPU)
    expected = np.zeros((4, 4), bool)
    expected[0, 1] = expected[1, 0] = True
    assert np.array_equal(soft_targets.comparable.numpy(), expected)
    assert soft_targets.cosines[0, 1] == pytest.approx(cosine(VECTORS[0][2], VECTORS[0][0]), abs=1e-6)


def test_teachers_are_averaged_over_those_that_know_an_image() -> None:
    second = run(np.array([0, -1, 0, 1, 1, -1]))
    soft_targets = DistillationSource([run(), second], DistillConfig()).targets_of(np.array([0, 1]), CPU)
    alone = DistillationSource([run()], DistillConfig()).targets_of(np.array([0, 1]), CPU)
    torch.testing.assert_close(soft_targets.probabilities, alone.probabilities)
    assert soft_targets.known.all()


def lesson_of(probabilities: list[list[float]], known: list[bool]) -> DistillationTargets:
    count = len(known)
    comparable = ~torch.eye(count, dtype=torch.bool)
    return DistillationTargets(
        torch.tensor(probabilities), torch.tensor(known), torch.full((count, count), 0.5), comparable
    )


def test_the_lesson_of_logits_is_the_scaled_divergence() -> None:
    logits = torch.tensor([[1.0, -1.0], [0.3, 0.2], [5.0, 5.0]], requires_grad=True)
    soft_targets = lesson_of([[0.7, 0.3], [0.1, 0.9], [0.0, 0.0]], [True, True, False])
    config = DistillConfig(temperature=4.0, logits_weight=0.5)
    found = distillation_loss(config, soft_targets, torch.randn(3, 2), logits, None)
    terms = []
    for row, target in ((0, (0.7, 0.3)), (1, (0.1, 0.9))):
        said = softmax(logits[row].detach().numpy() / 4.0)
        terms.append(sum(p * np.log(p / q) for p, q in zip(target, said, strict=True)))
    assert found.item() == pytest.approx(0.5 * 16.0 * np.mean(terms), rel=1e-5)
    found.backward()
    assert logits.grad is not None and (logits.grad[2] == 0).all()


def test_a_mixed_image_is_taught_the_mixed_answers() -> None:
    soft_targets = lesson_of([[1.0, 0.0], [0.0, 1.0]], [True, True])
    mix = Mix(np.array([1, 0]), 0.75)
    logits = torch.log(torch.tensor([[0.75, 0.25], [0.25, 0.75]]))
    config = DistillConfig(temperature=1.0)
    assert float(distillation_loss(config, soft_targets, torch.randn(2, 2), logits, mix)) == pytest.approx(
        0, abs=1e-6
    )


def test_a_student_whose_cosines_agree_has_nothing_left_to_learn() -> None:
    # Three unit vectors with 60 degrees between each two.
    vectors = torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 1.0]], requires_grad=True)
    soft_targets = lesson_of([[1.0, 0.0]] * 3, [True] * 3)
    config = DistillConfig(logits_weight=0.0, cosines_weight=1.0)
    loss = distillation_loss(config, soft_targets, vectors, torch.zeros(3, 2), None)
    assert loss.item() == pytest.approx(0.0, abs=1e-9)
    turned = torch.eye(3)  # cosines 0 instead of 0.5
    assert distillation_loss(config, soft_targets, turned, torch.zeros(3, 2), None).item() == pytest.approx(
        0.25
    )

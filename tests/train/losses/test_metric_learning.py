"""Metric losses against loops over single pairs and triplets in float64, written from the papers."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from kaggle_face.config import LossConfig
from kaggle_face.config.training import MultiSimilarityConfig
from kaggle_face.errors import InputError
from kaggle_face.train.losses.metric_learning import (
    CenterLoss,
    MetricLoss,
    MultiSimilarityLoss,
    SupervisedContrastiveLoss,
    TripletLoss,
    create_metric_loss,
)

Vectors = np.ndarray
Distance = Callable[[Vectors, Vectors], float]
LABELS = [0, 0, 1, 2, 1, 0, 3, 2, 1, 0, 4]


def vectors(seed: int = 0, count: int = len(LABELS)) -> Vectors:
    centers = np.random.default_rng(seed).normal(size=(8, 6))
    noise = np.random.default_rng(seed + 1).normal(size=(count, 6))
    return centers[np.resize(LABELS, count)] + noise


def units(rows: Vectors) -> Vectors:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def euclidean(a: Vectors, b: Vectors) -> float:
    return float(np.linalg.norm(a - b))


def cosine(a: Vectors, b: Vectors) -> float:
    return 1.0 - float(a @ b) / (np.linalg.norm(a) * np.linalg.norm(b))


def naive_triplets(rows: Vectors, labels: list[int], distance: Distance, margin: float, kind: str) -> float:
    terms = []
    everyone = range(len(rows))
    for a in everyone:
        positives = [distance(rows[a], rows[p]) for p in everyone if p != a and labels[p] == labels[a]]
        negatives = [distance(rows[a], rows[n]) for n in everyone if labels[n] != labels[a]]
        if not positives or not negatives:
            continue
        if kind == "hard":
            terms.append(max(0.0, max(positives) - min(negatives) + margin))
        elif kind == "semi_hard":
            for d in positives:
                further = [n for n in negatives if n > d]
                terms.append(max(0.0, d - (min(further) if further else max(negatives)) + margin))
        else:
            terms += [d - n + margin for d in positives for n in negatives if d - n + margin > 0]
    return sum(terms) / max(len(terms), 1)


def naive_supcon(rows: Vectors, labels: list[int], temperature: float) -> float:
    rows, everyone, terms = units(rows), range(len(rows)), []
    for i in everyone:
        positives = [p for p in everyone if p != i and labels[p] == labels[i]]
        total = math.log(sum(math.exp(rows[i] @ rows[a] / temperature) for a in everyone if a != i))
        if positives:
            terms.append(sum(total - rows[i] @ rows[p] / temperature for p in positives) / len(positives))
    return float(sum(terms) / len(terms))


def naive_multi_similarity(rows: Vectors, labels: list[int], config: MultiSimilarityConfig) -> float:
    rows, everyone, total = units(rows), range(len(rows)), 0.0
    for i in everyone:
        positives = [rows[i] @ rows[k] for k in everyone if k != i and labels[k] == labels[i]]
        negatives = [rows[i] @ rows[k] for k in everyone if labels[k] != labels[i]]
        kept_p = [s for s in positives if negatives and s - config.mining_margin < max(negatives)]
        kept_n = [s for s in negatives if positives and s + config.mining_margin > min(positives)]
        pull = sum(math.exp(-config.positive_scale * (s - config.offset)) for s in kept_p)
        push = sum(math.exp(config.negative_scale * (s - config.offset)) for s in kept_n)
        total += math.log(1 + pull) / config.positive_scale + math.log(1 + push) / config.negative_scale
    return total / len(rows)


@pytest.mark.parametrize("normalizes", [True, False])
@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
@pytest.mark.parametrize("selection", ["hard", "semi_hard", "all"])
def test_triplet_loss_equals_loops_over_triplets(selection: str, distance: str, normalizes: bool) -> None:
    rows = vectors()
    loss = TripletLoss(0.3, selection, distance, normalizes)  # type: ignore[arg-type]
    found = loss(torch.from_numpy(rows), torch.tensor(LABELS))
    measure = euclidean if distance == "euclidean" else cosine
    expected = naive_triplets(units(rows) if normalizes else rows, LABELS, measure, 0.3, selection)
    assert expected > 0.05
    assert float(found) == pytest.approx(expected, rel=1e-9)


def test_supervised_contrastive_loss_equals_loops_over_anchors() -> None:
    rows = vectors()
    found = SupervisedContrastiveLoss(0.1)(torch.from_numpy(rows), torch.tensor(LABELS))
    assert float(found) == pytest.approx(naive_supcon(rows, LABELS, 0.1), rel=1e-9)


def test_multi_similarity_loss_equals_loops_over_pairs() -> None:
    config, rows = MultiSimilarityConfig(), vectors()
    found = MultiSimilarityLoss()(torch.from_numpy(rows), torch.tensor(LABELS))
    assert float(found) == pytest.approx(naive_multi_similarity(rows, LABELS, config), rel=1e-9)


def test_centers_move_as_the_paper_says() -> None:
    loss = CenterLoss(3, 2, rate=0.5, normalizes=False)
    loss.centers[1] = torch.tensor([1.0, 1.0])
    rows, labels = torch.tensor([[2.0, 0.0], [4.0, 0.0], [1.0, 3.0]]), torch.tensor([0, 0, 1])
    # Half of the squared distances 4, 16 and 4, over three images.
    assert float(loss(rows, labels)) == pytest.approx((4 + 16 + 4) / 2 / 3)
    loss.advance(rows, labels)
    # c0 = 0 + 0.5 * (2 + 4) / (1 + 2); c1 = (1, 1) + 0.5 * (0, 2) / (1 + 1); nobody of class 2 was there.
    expected = torch.tensor([[1.0, 0.0], [1.0, 1.5], [0.0, 0.0]])
    torch.testing.assert_close(loss.centers, expected)


def test_a_batch_that_is_not_finite_moves_no_center() -> None:
    loss = CenterLoss(2, 2, rate=0.5, normalizes=False)
    loss.advance(torch.tensor([[torch.inf, 0.0], [1.0, 1.0]]), torch.tensor([0, 1]))
    assert (loss.centers == 0).all()


def every_loss() -> list[MetricLoss]:
    triplets = [
        TripletLoss(0.2, selection, distance, normalizes)
        for selection in ("semi_hard", "hard", "all")
        for distance in ("euclidean", "cosine")
        for normalizes in (True, False)
    ]
    others: list[MetricLoss] = [
        SupervisedContrastiveLoss(0.1),
        CenterLoss(6, 6, 0.5, True),
        MultiSimilarityLoss(),
    ]
    return [*triplets, *others]


DIFFICULT = {
    "identical": torch.ones(6, 6),
    "zero": torch.zeros(6, 6),
    "opposite": torch.cat([torch.ones(3, 6), -torch.ones(3, 6)]),
    "huge": 1e15 * torch.from_numpy(vectors(3, 6)).float(),
    "tiny": 1e-20 * torch.from_numpy(vectors(3, 6)).float(),
}


@pytest.mark.parametrize("labels", [[0, 0, 1, 1, 2, 2], [0] * 6, [0, 1, 2, 3, 4, 5]], ids=str)
@pytest.mark.parametrize("name", list(DIFFICULT))
def test_loss_and_gradient_are_finite_for_difficult_embeddings(name: str, labels: list[int]) -> None:
    for loss in every_loss():
        embeddings = DIFFICULT[name].clone().requires_grad_()
        value = loss(embeddings, torch.tensor(labels))
        value.backward()
        assert torch.isfinite(value), loss
        assert embeddings.grad is not None and torch.isfinite(embeddings.grad).all(), loss


@pytest.mark.parametrize("loss", every_loss(), ids=lambda loss: type(loss).__name__)
def test_a_batch_without_a_pair_teaches_nothing(loss: MetricLoss) -> None:
    if not isinstance(loss, CenterLoss):
        embeddings = torch.from_numpy(vectors(5, 4)).requires_grad_()
        loss(embeddings, torch.tensor([0, 1, 2, 3])).backward()
        assert embeddings.grad is not None
        # Multi-similarity without positives chooses no negative either; the others need a positive.
        assert (embeddings.grad == 0).all()


@pytest.mark.parametrize("loss", every_loss(), ids=lambda loss: type(loss).__name__)
def test_autocast_does_not_coarsen_a_loss(loss: MetricLoss) -> None:
    embeddings, labels = torch.from_numpy(vectors()).float(), torch.tensor(LABELS)
    labels = labels.clamp(max=5)
    with torch.autocast("cpu", torch.bfloat16):
        found = loss(embeddings, labels)
    assert found.dtype == torch.float32
    assert float(found) == float(loss(embeddings, labels))


def test_the_settings_choose_the_loss() -> None:
    kinds = {"triplet": TripletLoss, "supcon": SupervisedContrastiveLoss, "center": CenterLoss}
    for name, kind in kinds.items():
        config = LossConfig(metric=name)  # type: ignore[arg-type]
        assert type(create_metric_loss(config, 5, 6)) is kind
    assert create_metric_loss(LossConfig(), 5, 6) is None


def test_a_loss_shows_its_arguments() -> None:
    assert repr(CenterLoss(3, 4)) == "CenterLoss(num_classes=3, embedding_size=4, rate=0.5, normalizes=True)"
    assert repr(TripletLoss(margin=0.3)) == (
        "TripletLoss(margin=0.3, selection=semi_hard, distance=euclidean, normalizes=True)"
    )
    assert repr(SupervisedContrastiveLoss()) == "SupervisedContrastiveLoss(temperature=0.1)"


@pytest.mark.parametrize("value", [np.array([1, 2]), "x" * 5000, None, b"x", {}])
def test_a_choice_that_is_no_word_is_one_short_line(value: object) -> None:
    for name in ("selection", "distance", "margin"):
        with pytest.raises(InputError, match=f"^TripletLoss: {name} ") as caught:
            TripletLoss(**{name: value})  # type: ignore[arg-type]
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 300

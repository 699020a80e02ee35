"""Heads and losses in somebody else's loop: a batch of the wrong kind is refused in one line."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import torch

import kaggle_face as kf

FACES = torch.eye(4, 8)
LABELS = torch.tensor([0, 1, 2, 2])
WRONG = [
    (FACES.tolist(), LABELS, "embeddings must be a tensor, got list"),
    (FACES.numpy(), LABELS, "embeddings must be a tensor, got ndarray"),
    (None, LABELS, "embeddings must be a tensor, got NoneType"),
    (FACES[0], LABELS, "got torch.float32 of (8,)"),
    (FACES.long(), LABELS, "got torch.int64 of (4, 8)"),
    (FACES.to_sparse(), LABELS, "got sparse torch.float32 of (4, 8)"),
    (FACES, LABELS.tolist(), "labels must be a tensor, got list"),
    (FACES, np.array([0, 1, 2, 2]), "labels must be a tensor, got ndarray"),
    (FACES, pd.Series([0, 1, 2, 2]), "labels must be a tensor, got Series"),
    (FACES, LABELS[:3], "of shape (4,), got torch.int64 of (3,)"),
    (FACES, torch.eye(4).long(), "of shape (4,), got torch.int64 of (4, 4)"),
    (FACES, torch.tensor(1), "of shape (4,), got torch.int64 of ()"),
    (FACES, LABELS.to("meta"), "embeddings are on cpu, but labels on meta"),
]
OF_CLASSES = [
    (torch.eye(4, 9), LABELS, "of shape (B, 8), got torch.float32 of (4, 9)"),
    (FACES.to("meta"), LABELS, "embeddings are on meta, but the weights on cpu"),
    (FACES, LABELS.float(), "labels must be int64 of shape (4,), got torch.float32"),
    (FACES, LABELS > 0, "labels must be int64 of shape (4,), got torch.bool"),
    (FACES, torch.tensor([0, 1, 2, 3]), "labels must be in [0, 3), got 3"),
    (FACES, torch.tensor([0, 1, -1, 2]), "labels must be in [0, 3), got -1"),
]
LOSSES = [kf.losses.TripletLoss, kf.losses.SupervisedContrastiveLoss, kf.losses.MultiSimilarityLoss]


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(kf.InputError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("embeddings", "labels", "line"), WRONG + OF_CLASSES)
def test_a_wrong_batch_is_refused_by_heads_and_by_the_centre_loss(embeddings, labels, line: str) -> None:
    head, loss = kf.heads.ArcFace(3, 8), kf.losses.CenterLoss(3, 8)
    for name, call in (("ArcFace", head), ("CenterLoss", loss), ("CenterLoss", loss.advance)):
        if not (call is head and labels is None):
            text = refused(lambda call=call: call(embeddings, labels))
            assert text.startswith(f"{name}: ")
            assert line in text


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("embeddings", "labels", "line"), WRONG)
def test_a_wrong_batch_is_refused_by_losses_of_pairs(loss, embeddings, labels, line: str) -> None:
    assert line in refused(lambda: loss()(embeddings, labels))


@pytest.mark.parametrize("loss", [kind() for kind in LOSSES] + [kf.losses.CenterLoss(3, 8)])
def test_an_empty_batch_costs_nothing_and_nan_shows(loss) -> None:
    assert loss(FACES[:0], LABELS[:0]).item() == 0.0
    assert loss(FACES * torch.nan, LABELS).isnan()


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: kf.heads.ArcFace("3", 8), "ArcFace(num_classes=...) must be a whole number, got '3'"),
        (
            lambda: kf.heads.AdaFace(3, 8, margin="x"),
            "must be a number or a tensor, got 'x'",
        ),
        (lambda: kf.heads.ArcFace(3, 8, margin=torch.tensor([0.1, 4.0, 0.1])), "must all be >= 0 and <= pi"),
        (lambda: kf.heads.LinearHead(3, 8, scale=torch.inf), "scale must be > 0, got inf"),
        (lambda: kf.losses.TripletLoss(margin="x"), "margin must be > 0, got 'x'"),
        (lambda: kf.losses.CenterLoss(2.5, 8), "CenterLoss(num_classes=...) must be a whole number, got 2.5"),
        (lambda: kf.losses.CenterLoss(3, 8, rate=2), "rate must be > 0 and <= 1, got 2"),
        (lambda: kf.losses.MultiSimilarityLoss(mining_margin=-1), "mining_margin >= 0, got 0.5 and -1"),
        (
            lambda: kf.mixup(torch.zeros(2, 3, 4, 4).byte(), torch.zeros(2)),
            "got torch.uint8",
        ),
        (lambda: kf.cutmix(torch.zeros(2, 3, 4, 4), torch.tensor(1)), "got (2, 3, 4, 4) and ()"),
        (lambda: kf.cutmix(torch.zeros(2, 3, 0, 0), torch.zeros(2)), "takes square images (B, C, S, S)"),
        (lambda: kf.cutmix(torch.zeros(2, 3, 4, 4), torch.zeros(2), torch.inf), "alpha must be > 0, got inf"),
        (
            lambda: kf.cutmix(torch.zeros(2, 3, 4, 4), pd.Series([0, 1])),
            "got a value of type Series",
        ),
    ],
)
def test_settings_of_a_wrong_kind_are_refused(call: Callable[[], object], line: str) -> None:
    assert re.search(re.escape(line), refused(call))

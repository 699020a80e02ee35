"""Each margin head against its published formula, evaluated in float64 from the raw embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from kaggle_face.config import MarginConfig, ModelConfig
from kaggle_face.config.training import HeadName
from kaggle_face.errors import ConfigError
from kaggle_face.model.heads.head import Head
from kaggle_face.model.heads.margin_heads import AdaFace, CurricularFace, SubcenterArcFace, create_head

Array = npt.NDArray[np.float64]
B, D, C, S = 64, 24, 12, 64.0
RNG = np.random.default_rng(5)
VECTORS = (RNG.normal(size=(B, D)) * RNG.uniform(0.5, 8.0, size=(B, 1))).astype(np.float32)
LABELS = RNG.integers(0, C, size=B)
IS_LABEL = np.eye(C, dtype=bool)[LABELS]


def head_of(name: HeadName, **margin: Any) -> Head:
    return create_head(ModelConfig(head=name), MarginConfig(scale=S, **margin), D, C)


def logits_of(head: Head) -> Array:
    vectors = torch.from_numpy(VECTORS)
    logits = head.margin_logits(head.similarity(vectors), torch.from_numpy(LABELS), vectors.norm(dim=1))
    return logits.detach().double().numpy()


def unit(vectors: Array) -> Array:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def cosines_of(head: Any) -> Array:
    return unit(VECTORS.astype(np.float64)) @ unit(head.weight_CD.detach().double().numpy()).T


def assert_published(ours: Array, published_cosines: Array) -> None:
    np.testing.assert_allclose(ours / S, published_cosines, rtol=0, atol=1e-6)


def test_cosface() -> None:
    head = head_of("cosface", margin=0.35)
    assert_published(logits_of(head), cosines_of(head) - 0.35 * IS_LABEL)


def test_arcface() -> None:
    head = head_of("arcface", margin=0.5)
    cosines = cosines_of(head)
    assert_published(logits_of(head), np.where(IS_LABEL, np.cos(np.arccos(cosines) + 0.5), cosines))


def test_combined_margin() -> None:
    head = head_of("combined_margin", multiplier=1.1, margin=0.3, cosine_margin=0.2)
    cosines = cosines_of(head)
    harder = np.cos(1.1 * np.arccos(cosines) + 0.3) - 0.2
    assert_published(logits_of(head), np.where(IS_LABEL, harder, cosines))


def test_subcenter_arcface_takes_the_nearest_centre() -> None:
    head = head_of("subcenter_arcface", margin=0.4, centers=3)
    assert isinstance(head, SubcenterArcFace)
    centres = unit(head.weight_CKD.detach().double().numpy())
    cosines = np.einsum("bd,ckd->bck", unit(VECTORS.astype(np.float64)), centres).max(axis=2)
    assert_published(logits_of(head), np.where(IS_LABEL, np.cos(np.arccos(cosines) + 0.4), cosines))


def test_adaface() -> None:
    """Kim et al. 2022, equations 14 to 16, with given mean and standard deviation of the norms."""
    head = head_of("adaface", margin=0.4)
    assert isinstance(head, AdaFace)
    head.norm_mean.fill_(20.0)
    head.norm_std.fill_(10.0)
    cosines = cosines_of(head)
    norms = np.linalg.norm(VECTORS.astype(np.float64), axis=1, keepdims=True)
    quality = np.clip((norms - 20.0) / (10.0 + 1e-3) * 0.333, -1.0, 1.0)
    harder = np.cos(np.arccos(cosines) - 0.4 * quality) - (0.4 + 0.4 * quality)
    head.eval()
    assert_published(logits_of(head), np.where(IS_LABEL, harder, cosines))


def test_adaface_of_a_worst_image_is_arcface_and_of_a_middling_one_cosface() -> None:
    """Kim et al. 2022, section 3.3: quality -1 is ArcFace, 0 is CosFace."""
    head = head_of("adaface", margin=0.4).eval()
    assert isinstance(head, AdaFace)
    cosines = cosines_of(head)
    norms = torch.from_numpy(VECTORS).norm(dim=1)
    similarity = head.similarity(torch.from_numpy(VECTORS))
    for quality, expected in ((-1.0, np.cos(np.arccos(cosines) + 0.4)), (0.0, cosines - 0.4)):
        head.norm_mean.fill_(20.0)
        head.norm_std.fill_(1e-2)
        same = torch.full_like(norms, 20.0 if quality == 0.0 else 1.0)
        logits = head.margin_logits(similarity, torch.from_numpy(LABELS), same).detach().double().numpy()
        assert_published(logits, np.where(IS_LABEL, expected, cosines))


def test_adaface_statistics_move_by_one_hundredth() -> None:
    head = head_of("adaface").train()
    assert isinstance(head, AdaFace)
    logits_of(head)
    norms = np.linalg.norm(VECTORS, axis=1)
    assert head.norm_mean.item() == pytest.approx(0.99 * 20.0 + 0.01 * norms.mean(), rel=1e-6)
    assert head.norm_std.item() == pytest.approx(0.99 * 100.0 + 0.01 * norms.std(ddof=1), rel=1e-6)


def test_adaface_statistics_survive_a_broken_batch() -> None:
    head = head_of("adaface").train()
    assert isinstance(head, AdaFace)
    head.update_statistics(torch.zeros(2), torch.tensor([1.0, float("nan")]))
    assert (head.norm_mean.item(), head.norm_std.item()) == (20.0, 100.0)


def test_curricularface() -> None:
    """Huang et al. 2020, equations 9 to 11, with a given t."""
    head = head_of("curricularface", margin=0.5).eval()
    assert isinstance(head, CurricularFace)
    head.t.fill_(0.3)
    cosines = cosines_of(head)
    own = np.cos(np.arccos(cosines[IS_LABEL]) + 0.5)
    is_hard = cosines > own[:, None]
    assert is_hard[~IS_LABEL].any()
    assert (~is_hard[~IS_LABEL]).any()
    published = np.where(is_hard, cosines * (0.3 + cosines), cosines)
    assert_published(logits_of(head), np.where(IS_LABEL, own[:, None], published))


def test_curricularface_t_moves_by_one_hundredth() -> None:
    head = head_of("curricularface").train()
    assert isinstance(head, CurricularFace)
    logits_of(head)
    assert head.t.item() == pytest.approx(0.01 * cosines_of(head)[IS_LABEL].mean(), rel=1e-5)


@pytest.mark.parametrize(
    ("name", "margin", "message"),
    [
        (
            "cosface",
            {"cosine_margin": 0.2},
            r"margin\.cosine_margin belongs to .*whose margin is margin\.margin",
        ),
        ("arcface", {"multiplier": 1.3}, r"margin\.multiplier belongs to model\.head=combined_margin"),
        ("adaface", {"easy": True}, r"margin\.easy is known to .*, not to adaface"),
    ],
)
def test_a_margin_of_another_head_is_refused(name: HeadName, margin: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        head_of(name, **margin)


def test_a_linear_head_does_not_mind_any_margin() -> None:
    head_of("linear", easy=True, multiplier=2.0)

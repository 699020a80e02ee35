"""What all heads share: precision, finite gradients, warm-up, sampled classes, mixed batches."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from kaggle_face.config import MarginConfig, ModelConfig
from kaggle_face.config.training import ClassSizeMargin, HeadName
from kaggle_face.errors import ConfigError, InputError
from kaggle_face.model import heads
from kaggle_face.model.heads.head import Head, LinearHead
from kaggle_face.model.heads.margin_head import MarginHead
from kaggle_face.model.heads.margin_heads import ArcFace, create_head

HEADS: tuple[HeadName, ...] = get_args(HeadName)
MARGIN_HEADS = tuple(name for name in HEADS if name != "linear")
# Embedding size and classes.
D, C = 16, 10


def head_of(name: HeadName, **margin: Any) -> Head:
    return create_head(ModelConfig(head=name), MarginConfig(**margin), D, C)


def embeddings(count: int = 6) -> Tensor:
    return torch.randn(count, D, generator=torch.Generator().manual_seed(3)) * 4.0


LABELS = torch.tensor([0, 1, 2, 9, 9, 4])


def margin_logits(head: Head, embeddings_BD: Tensor, labels_B: Tensor = LABELS) -> Tensor:
    norms_B = embeddings_BD.detach().float().norm(dim=1)
    return head.margin_logits(head.similarity(embeddings_BD), labels_B, norms_B)


def class_weights(head: Head) -> Tensor:
    """One vector per class: the weight, or the first of its centres."""
    weight = head.weight_CKD[:, 0] if hasattr(head, "weight_CKD") else head.weight_CD
    assert isinstance(weight, Tensor)
    return weight.detach()


@pytest.mark.parametrize("name", MARGIN_HEADS)
def test_similarities_are_cosines(name: HeadName) -> None:
    head = head_of(name, centers=1)
    weight_CD = class_weights(head).double().numpy()
    vectors_BD = embeddings().double().numpy()
    cosines = (vectors_BD / np.linalg.norm(vectors_BD, axis=1, keepdims=True)) @ (
        weight_CD / np.linalg.norm(weight_CD, axis=1, keepdims=True)
    ).T
    np.testing.assert_allclose(head.similarity(embeddings()).detach().numpy(), cosines, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["cosface", "arcface", "subcenter_arcface", "combined_margin", "adaface"])
def test_zero_margin_equals_scaled_softmax(name: HeadName) -> None:
    head = head_of(name, margin=0.0, scale=30.0)
    logits_BC = margin_logits(head, embeddings())
    torch.testing.assert_close(logits_BC, 30.0 * head.similarity(embeddings()), rtol=0, atol=3e-5)


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_similarities_are_the_same_under_autocast(name: HeadName, dtype: torch.dtype) -> None:
    head = head_of(name)
    plain = head.similarity(embeddings())
    with torch.autocast("cpu", dtype=dtype):
        lowered = head.similarity(embeddings())
    assert lowered.dtype == torch.float32
    assert torch.equal(plain, lowered)


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("dtype", [None, torch.bfloat16, torch.float16])
def test_identical_opposite_and_zero_embeddings_have_finite_gradients(
    name: HeadName, dtype: torch.dtype | None
) -> None:
    head = head_of(name, scale=64.0).train()
    own = class_weights(head)[LABELS[:3]]
    vectors_BD = torch.cat([30.0 * own[0:1], -30.0 * own[1:2], torch.zeros(1, D)]).requires_grad_()
    with torch.autocast("cpu", dtype=dtype, enabled=dtype is not None):
        logits_BC = margin_logits(head, vectors_BD, LABELS[:3])
        loss = F.cross_entropy(logits_BC, LABELS[:3])
    loss.backward()
    assert bool(logits_BC.isfinite().all())
    assert vectors_BD.grad is not None
    assert bool(vectors_BD.grad.isfinite().all())
    for parameter in head.parameters():
        assert parameter.grad is not None
        assert bool(parameter.grad.isfinite().all())


@pytest.mark.parametrize("name", MARGIN_HEADS)
def test_the_margin_lowers_the_label_and_nothing_else_of_an_easy_batch(name: HeadName) -> None:
    head = head_of(name, margin=0.3)
    vectors_BD = class_weights(head)[LABELS] * 100.0 + 0.05 * embeddings()
    plain_BC, harder_BC = head.logits(head.similarity(vectors_BD)), margin_logits(head, vectors_BD)
    is_label_BC = F.one_hot(LABELS, C).bool()
    assert bool((harder_BC[is_label_BC] < plain_BC[is_label_BC]).all())
    torch.testing.assert_close(harder_BC[~is_label_BC], plain_BC[~is_label_BC])


@pytest.mark.parametrize("name", HEADS)
def test_the_first_labels_logits_do_not_depend_on_the_second_labels(name: HeadName) -> None:
    """The two terms of a mixed batch: one similarity, a margin for each of the two labels."""
    head, alone = head_of(name).train(), head_of(name).train()
    alone.load_state_dict(head.state_dict())
    vectors_BD = embeddings()
    norms_B = vectors_BD.norm(dim=1)
    similarity_BC = head.similarity(vectors_BD)
    first_BC = head.margin_logits(similarity_BC, LABELS, norms_B)
    second_BC = head.margin_logits(similarity_BC, LABELS.flip(0), norms_B)
    torch.testing.assert_close(first_BC, margin_logits(alone, vectors_BD))
    # The running statistics moved once: the second call sees those of the first.
    statistics = dict(head.named_buffers())
    for label_name, buffer in alone.named_buffers():
        torch.testing.assert_close(statistics[label_name], buffer)
    torch.testing.assert_close(
        second_BC, alone.margin_logits(similarity_BC.detach(), LABELS.flip(0), norms_B)
    )


@pytest.mark.parametrize("name", ["adaface", "curricularface"])
def test_evaluation_leaves_the_running_statistics_alone(name: HeadName) -> None:
    head = head_of(name).eval()
    before = {key: value.clone() for key, value in head.state_dict().items()}
    margin_logits(head, embeddings())
    assert all(torch.equal(before[key], value) for key, value in head.state_dict().items())


def test_margin_and_scale_grow_linearly_over_the_warm_up() -> None:
    head = head_of("arcface", margin=0.5, scale=40.0, start_scale=10.0, warmup_epochs=4.0)
    assert isinstance(head, MarginHead)
    head.set_progress(1.0)
    assert (head.margin_factor, head.scale) == (0.25, 17.5)
    quarter = margin_logits(head, embeddings())
    same = head_of("arcface", margin=0.125, scale=17.5)
    same.load_state_dict(head.state_dict())
    torch.testing.assert_close(quarter, margin_logits(same, embeddings()))
    head.set_progress(9.0)
    assert (head.margin_factor, head.scale) == (1.0, 40.0)


def test_a_head_that_was_told_nothing_has_its_whole_margin() -> None:
    head = head_of("arcface", warmup_epochs=4.0, start_scale=1.0)
    assert isinstance(head, MarginHead)
    assert (head.margin_factor, head.scale) == (1.0, 30.0)


def test_the_margin_follows_the_class_size() -> None:
    by_size = ClassSizeMargin(scale=0.271, power=0.364, offset=0.05)
    counts = torch.tensor([1, 10, 100, 0, 1, 1, 1, 1, 1, 1])
    head = create_head(ModelConfig(head="cosface"), MarginConfig(by_class_size=by_size), D, C, counts)
    assert isinstance(head, MarginHead)
    # 0.271 * n^-0.364 + 0.05 worked out with a calculator; a class without images counts as one of size 1.
    expected = [0.321, 0.1672112, 0.1006955, 0.321]
    assert head.class_margins[:4].tolist() == pytest.approx(expected, abs=1e-6)
    similarity_BC = head.similarity(embeddings())
    harder_BC = head.margin_logits(similarity_BC, torch.tensor([0, 1, 2, 3, 0, 1]))
    lowered = (head.logits(similarity_BC) - harder_BC).sum(dim=1) / 30.0
    assert lowered.tolist() == pytest.approx([*expected, *expected[:2]], abs=1e-5)


def test_a_head_for_inference_needs_no_class_sizes() -> None:
    margin = MarginConfig(by_class_size=ClassSizeMargin())
    trained = create_head(ModelConfig(head="arcface"), margin, D, C, torch.full((C,), 5))
    head = create_head(ModelConfig(head="arcface"), margin, D, C)
    head.load_state_dict(trained.state_dict())
    assert torch.equal(
        head.logits(head.similarity(embeddings())), trained.logits(trained.similarity(embeddings()))
    )


@pytest.mark.parametrize("name", HEADS)
def test_sampled_classes_give_the_logits_of_those_classes(name: HeadName) -> None:
    whole = head_of(name).train()
    sampled = head_of(name, sampled_classes=0.7).train()
    sampled.load_state_dict(whole.state_dict())
    classes = sampled.choose_classes(LABELS, torch.Generator().manual_seed(0))
    assert classes.indices is not None
    assert len(classes.indices) == 7
    vectors_BD, norms_B = embeddings(), embeddings().norm(dim=1)
    part_BS = sampled.margin_logits(sampled.similarity(vectors_BD, classes), LABELS, norms_B, classes)
    torch.testing.assert_close(part_BS, margin_logits(whole, vectors_BD)[:, classes.indices])


@pytest.mark.parametrize("name", HEADS)
def test_the_loss_over_every_class_is_the_whole_loss(name: HeadName) -> None:
    head = head_of(name, sampled_classes=1.0).eval()
    classes = head.choose_classes(LABELS, torch.Generator().manual_seed(0))
    norms_B = embeddings().norm(dim=1)
    logits_BC = head.margin_logits(head.similarity(embeddings(), classes), LABELS, norms_B, classes)
    loss = F.cross_entropy(logits_BC, classes.positions(LABELS))
    assert torch.equal(loss, F.cross_entropy(margin_logits(head, embeddings()), LABELS))


def test_classes_outside_the_sample_get_no_gradient() -> None:
    head = head_of("arcface", sampled_classes=0.6)
    classes = head.choose_classes(LABELS, torch.Generator().manual_seed(0))
    assert classes.indices is not None
    head.margin_logits(head.similarity(embeddings(), classes), LABELS, None, classes).sum().backward()
    assert isinstance(head, MarginHead)
    assert head.weight_CD.grad is not None
    touched = head.weight_CD.grad.abs().sum(dim=1) > 0
    assert torch.equal(touched.nonzero()[:, 0], classes.indices)


def test_a_linear_head_is_a_linear_layer() -> None:
    head = head_of("linear")
    assert isinstance(head, LinearHead)
    expected = embeddings() @ head.weight_CD.T + head.bias_C
    torch.testing.assert_close(margin_logits(head, embeddings()), expected)
    torch.testing.assert_close(head.logits(head.similarity(embeddings())), expected)


@pytest.mark.parametrize("sampled", [1.0, 0.5])
def test_a_linear_head_may_put_embeddings_and_class_weights_on_the_sphere(sampled: float) -> None:
    model = ModelConfig(head="linear", normalize_features=True)
    head = create_head(model, MarginConfig(scale=12.0, sampled_classes=sampled), D, C)
    assert isinstance(head, LinearHead) and [name for name, _ in head.named_parameters()] == ["weight_CD"]
    with torch.no_grad():
        head.weight_CD.mul_(torch.arange(1, C + 1)[:, None])  # lengths that must not matter
    classes = head.choose_classes(torch.tensor([1, 2]), torch.Generator().manual_seed(0))
    weight = head.weight_CD if classes.indices is None else head.weight_CD[classes.indices]
    found = head.logits(head.similarity(embeddings(), classes)).detach()
    expected = 12.0 * F.cosine_similarity(embeddings()[:, None], weight[None], dim=2)
    torch.testing.assert_close(found, expected)


def test_a_double_precision_input_stays_double() -> None:
    assert head_of("arcface").similarity(embeddings().double()).dtype == torch.float64


@pytest.mark.parametrize("name", HEADS)
def test_a_call_is_similarity_and_margin_in_one(name: HeadName) -> None:
    head, stepwise = head_of(name).train(), head_of(name).train()
    stepwise.load_state_dict(head.state_dict())
    assert torch.equal(head(embeddings(), LABELS), margin_logits(stepwise, embeddings()))
    assert torch.equal(head(embeddings()), stepwise.logits(stepwise.similarity(embeddings())))


@pytest.mark.parametrize(("name", "public"), [("arcface", heads.ArcFace), ("cosface", heads.CosFace)])
def test_a_head_made_by_arguments_is_that_of_the_settings(name: HeadName, public: type[MarginHead]) -> None:
    torch.manual_seed(0)
    ours = head_of(name, margin=0.35, scale=64.0)
    torch.manual_seed(0)
    theirs = public(num_classes=C, embedding_size=D, margin=0.35, scale=64.0)
    assert torch.equal(ours(embeddings(), LABELS), theirs(embeddings(), LABELS))


@pytest.mark.parametrize(
    ("vectors", "labels", "message"),
    [
        (torch.zeros(2, D + 1), None, rf"ArcFace: embeddings must be floating of shape \(B, {D}\), got"),
        (torch.zeros(2, D, dtype=torch.int64), None, "must be floating"),
        (
            torch.zeros(2, D),
            torch.tensor([1]),
            r"labels must be int64 of shape \(2,\), got torch.int64 of \(1,\)",
        ),
        (torch.zeros(2, D), torch.tensor([1.0, 2.0]), "labels must be int64"),
        (torch.zeros(2, D), torch.tensor([0, C]), rf"labels must be in \[0, {C}\), got {C}"),
        (torch.zeros(2, D), torch.tensor([-1, 0]), rf"labels must be in \[0, {C}\), got -1"),
    ],
)
def test_a_call_refuses_what_it_cannot_take(vectors: Tensor, labels: Tensor | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        heads.ArcFace(C, D)(vectors, labels)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_classes": 0}, "ArcFace: num_classes must be >= 1, got 0"),
        ({"embedding_size": 0}, "embedding_size must be >= 1"),
        ({"margin": -0.1}, "margin must be >= 0 and <= pi, got -0.1"),
        ({"margin": float("nan")}, "margin must be >= 0 and <= pi, got nan"),
        ({"margin": torch.zeros(3)}, rf"margin must be one number or {C}, got a tensor of shape \(3,\)"),
        ({"scale": 0.0}, "scale must be > 0"),
        ({"start_scale": -1.0}, "start_scale must be > 0"),
        ({"warmup_epochs": -1.0}, "warmup_epochs must be >= 0"),
        ({"sampled_classes": 0.0}, "sampled_classes must be > 0 and <= 1"),
    ],
)
def test_an_argument_out_of_range_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        heads.ArcFace(**{"num_classes": C, "embedding_size": D, **arguments})


def test_a_mixed_batch_in_plain_torch_is_two_terms_over_one_similarity() -> None:
    """CutMix with two calls of the head, against one matrix product with a margin for each label."""
    head = head_of("arcface").train()
    vectors_BD, others, lam = embeddings(), LABELS.flip(0), 0.3
    plain = lam * F.cross_entropy(head(vectors_BD, LABELS), LABELS)
    plain = plain + (1.0 - lam) * F.cross_entropy(head(vectors_BD, others), others)
    similarity_BC = head.similarity(vectors_BD)
    first, second = (head.margin_logits(similarity_BC, labels_B) for labels_B in (LABELS, others))
    expected = lam * F.cross_entropy(first, LABELS) + (1.0 - lam) * F.cross_entropy(second, others)
    torch.testing.assert_close(plain, expected)


def test_a_head_shows_its_sizes_margin_and_scale() -> None:
    shown = {
        heads.ArcFace(3, 4, margin=0.35): "ArcFace(num_classes=3, embedding_size=4, margin=0.35, scale=30.0)",
        LinearHead(3, 4): "LinearHead(num_classes=3, embedding_size=4, scale=1.0)",
        heads.SubcenterArcFace(3, 4, torch.tensor([0.1, 0.2, 0.3]), centers=2, easy=True): (
            "SubcenterArcFace(num_classes=3, embedding_size=4, margin=one for each class, scale=30.0, "
            "centers=2, easy=True)"
        ),
        heads.AdaFace(3, 4, scale=8.0, sampled_classes=0.5): (
            "AdaFace(num_classes=3, embedding_size=4, margin=0.5, scale=8.0, sampled_classes=0.5)"
        ),
    }
    assert {head: repr(head) for head in shown} == shown


def test_a_size_that_no_tensor_has_is_one_line() -> None:
    for sizes in ((10**30, 4), (4, 10**30)):
        with pytest.raises(ConfigError, match=f"must be <= 2147483647, got {10**30}"):
            heads.ArcFace(*sizes)


def test_a_head_of_ones_own_shows_the_arguments_that_it_keeps() -> None:
    class Own(ArcFace):
        def __init__(self, num_classes: int, embedding_size: int, sharpness: float = 2.0) -> None:
            super().__init__(num_classes, embedding_size)

    assert repr(Own(3, 4)) == "Own(num_classes=3, embedding_size=4)"

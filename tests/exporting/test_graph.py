"""Graphs of networks and blends against the code that predicts and blends."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pytest
import torch

from kaggle_face.config import MarginConfig, ModelConfig
from kaggle_face.ensemble.blended import weighted_unit_vectors
from kaggle_face.ensemble.blending import ClassSpace, WeightedTerm, blend_classes
from kaggle_face.evaluation.member_scores import MemberScores
from kaggle_face.exporting.graph import OUTPUTS, ExportedGraph, Part, trace_graph
from kaggle_face.inference.embedding import embed_all
from kaggle_face.inference.onnx_embedder import open_session, run_session
from kaggle_face.inference.onnx_file import OutputName
from kaggle_face.model.network import FaceNetwork, create_network
from tests.support.networks import tiny_network

Pixels = npt.NDArray[np.uint8]
CPU = torch.device("cpu")
ALL = np.ones(7, bool)


def pixels(count: int, size_px: int = 32) -> Pixels:
    return np.random.default_rng(count).integers(0, 256, (count, size_px, size_px, 3)).astype(np.uint8)


def predicted(network: FaceNetwork, images: Pixels, flip: bool) -> tuple[npt.NDArray[np.float32], ...]:
    """Unit embeddings and logits, as prediction computes them."""
    vectors, logits = embed_all(network, [images], len(images), CPU, flip=flip)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), logits


def computed(
    parts: Sequence[Part], images: Pixels, outputs: Sequence[OutputName] = OUTPUTS
) -> Callable[..., list]:
    space = None if len(parts) == 1 else "probabilities"
    data = trace_graph(ExportedGraph(parts, outputs, space), images.shape[1])
    session = open_session(data, "the graph")
    return lambda batch: run_session(session, batch, tuple(outputs), "the graph")


def spread(network: FaceNetwork) -> FaceNetwork:
    """The network with running statistics that make embeddings of random images differ."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            assert module.running_mean is not None and module.running_var is not None
            module.running_mean.add_(0.1 * torch.randn(module.num_features, generator=generator))
            module.running_var.mul_(0.5 + torch.rand(module.num_features, generator=generator))
    return network.eval()


@pytest.mark.parametrize(
    "settings",
    [
        {"backbone": "test_resnet", "head": "subcenter_arcface", "pooling": "gem"},
        {"backbone": "test_vit", "head": "linear", "pooling": "avg", "center_crop": 0.65},
        pytest.param(
            {"backbone": "test_convnext", "head": "cosface", "pooling": "max"}, marks=pytest.mark.slow
        ),
        pytest.param({"backbone": "test_efficientnet", "head": "adaface"}, marks=pytest.mark.slow),
        pytest.param({"backbone": "test_byobnet", "head": "curricularface"}, marks=pytest.mark.slow),
        pytest.param({"backbone": "test_nfnet", "head": "combined_margin"}, marks=pytest.mark.slow),
        pytest.param({"backbone": "test_mambaout", "normalize_features": True}, marks=pytest.mark.slow),
        pytest.param({"backbone": "mobilefacenet", "pooling": "gdc", "neck": "bn"}, marks=pytest.mark.slow),
        pytest.param(
            {"backbone": "iresnet18", "pooling": "flatten", "head": "arcface"}, marks=pytest.mark.slow
        ),
        pytest.param({"backbone": "shufflenetv2_x0_5", "neck": "none"}, marks=pytest.mark.slow),
        pytest.param({"backbone": "resnet18", "small_stem": "on"}, marks=pytest.mark.slow),
    ],
    ids=lambda settings: str(settings["backbone"]),
)
def test_a_graph_computes_what_prediction_computes_for_any_number_of_images(
    settings: dict[str, object],
) -> None:
    network = spread(tiny_network(**settings))
    run = computed([Part(network, True, False, ALL)], pixels(1))
    for count in (1, 2, 5):
        images = pixels(count)
        embeddings, logits = predicted(network, images, flip=True)
        found = run(images)
        assert np.max(1 - (found[0].astype(float) * embeddings).sum(axis=1)) < 1e-5
        scale = max(1.0, float(np.abs(logits).max()))
        np.testing.assert_allclose(found[1] / scale, logits / scale, atol=1e-4)


def test_pixels_are_scaled_as_the_network_scales_them() -> None:
    config = ModelConfig(backbone="test_resnet", embedding_size=4)
    network = create_network(config, MarginConfig(), 7, 32).eval()
    network.backbone.input_mean.copy_(torch.tensor([0.485, 0.456, 0.406]))
    network.backbone.input_std.copy_(torch.tensor([0.229, 0.224, 0.225]))
    images = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)
    graph = ExportedGraph([Part(network, False, False, ALL)], ("embeddings",), None)
    found = graph.networks[0].input_scaling(torch.from_numpy(images))  # type: ignore[operator]
    assert torch.equal(found, network.normalize(torch.from_numpy(images)))


@pytest.mark.parametrize(
    ("flip", "crops"), [(False, False), pytest.param(False, True, marks=pytest.mark.slow)]
)
def test_mirror_images_and_crops_are_a_choice(flip: bool, crops: bool) -> None:
    network, images = spread(tiny_network()), pixels(3)
    found = computed([Part(network, flip, crops, ALL)], images, ("embeddings",))(images)[0]
    network.averages_crops = crops
    np.testing.assert_allclose(found, predicted(network, images, flip)[0], atol=1e-5)


def test_a_class_that_was_never_trained_has_no_chance() -> None:
    network, images = tiny_network().eval(), pixels(2)
    known = np.array([1, 1, 0, 1, 1, 0, 1], bool)
    found = computed([Part(network, True, False, known)], images, ("logits",))(images)[0]
    assert np.all(np.isneginf(found) == ~known)
    np.testing.assert_allclose(found[:, known], predicted(network, images, True)[1][:, known], atol=1e-5)


@pytest.mark.parametrize(
    "space", ["probabilities", pytest.param("log_probabilities", marks=pytest.mark.slow)]
)
def test_a_blend_scores_as_blends_do(space: ClassSpace) -> None:
    networks = [
        spread(tiny_network(head=head, embedding_size=size)) for head, size in (("arcface", 8), ("linear", 6))
    ]
    images, known = pixels(4), [np.array([1, 1, 1, 0, 1, 0, 1], bool), np.array([1, 1, 1, 1, 1, 0, 0], bool)]
    parts = [
        Part(networks[0], True, False, known[0], pair_share=0.7, class_share=0.25, temperature=2.0),
        Part(networks[1], False, False, known[1], pair_share=0.3, class_share=0.75, temperature=0.5),
    ]
    data = trace_graph(ExportedGraph(parts, OUTPUTS, space), 32)  # type: ignore[arg-type] # ranks are left out
    embeddings, logits = run_session(open_session(data, "x"), images, OUTPUTS, "x")
    alone = [predicted(part.network, images, part.flip) for part in parts]
    joined = np.concatenate(
        [weighted_unit_vectors(each, share) for (each, _), share in zip(alone, (0.7, 0.3), strict=True)],
        axis=1,
    )
    np.testing.assert_allclose(embeddings, joined, atol=2e-3)  # blends keep half precision
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)
    terms = [
        WeightedTerm(
            MemberScores(str(n), np.where(known[n], alone[n][1], -np.inf)), part.class_share, part.temperature
        )
        for n, part in enumerate(parts)
    ]
    ((_, expected),) = blend_classes(terms, space, len(images))
    assert np.array_equal(np.isneginf(logits), np.isneginf(expected))
    some = ~np.isneginf(expected)
    np.testing.assert_allclose(logits[some], expected[some], atol=1e-3)

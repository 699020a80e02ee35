"""Files with smaller numbers."""

from __future__ import annotations

import sys

import numpy as np
import onnx
import pytest

from kaggle_face.errors import InputError, MissingExtraError
from kaggle_face.exporting.graph import OUTPUTS, ExportedGraph, Part, trace_graph
from kaggle_face.exporting.parity import measure_parity
from kaggle_face.exporting.precision import half_precision, quantized
from kaggle_face.inference.onnx_embedder import open_session, run_session
from tests.support.gallery_stubs import invented_face
from tests.support.networks import tiny_network


def faces(count: int) -> np.ndarray:
    return np.stack([invented_face(person, 0, 32) for person in range(count)])


def test_half_precision_and_int8_are_smaller_and_near() -> None:
    network = tiny_network(backbone="test_resnet", head="arcface").eval()
    graph = ExportedGraph([Part(network, True, False, np.array([1, 1, 1, 1, 1, 1, 0], bool))], OUTPUTS, None)
    data, images = trace_graph(graph, 32), faces(12)
    expected = graph.compute(images)
    for smaller, most_bytes, most_distance in (
        (half_precision(data), 0.6, 1e-4),
        (quantized(data, images[:8]), 0.45, 2e-2),
    ):
        embeddings, logits = run_session(open_session(smaller, "x"), images, OUTPUTS, "x")
        assert len(smaller) < most_bytes * len(data)
        found = measure_parity(OUTPUTS, {0: embeddings, 1: logits}, dict(enumerate(expected)))
        assert found.cosine_distance is not None and found.cosine_distance < most_distance
        assert np.all(np.isneginf(logits[:, 6])) and np.all(np.isfinite(logits[:, :6]))
    weights = {onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT}
    types = {each.data_type for each in onnx.load_from_string(half_precision(data)).graph.initializer}
    assert onnx.TensorProto.FLOAT16 in types and types <= weights | {
        onnx.TensorProto.INT64,
        onnx.TensorProto.BOOL,
    }


def test_what_cannot_be_converted_is_one_line() -> None:
    with pytest.raises(InputError, match="cannot be written in half precision"):
        half_precision(b"no graph at all")
    with pytest.raises(InputError, match="cannot be quantised"):
        quantized(b"no graph at all", faces(1))


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"'onnxruntime'.*kaggle-face\[onnx\]"):
        half_precision(b"")
    with pytest.raises(MissingExtraError, match=r"'onnxruntime'.*kaggle-face\[onnx\]"):
        open_session(b"", "x")

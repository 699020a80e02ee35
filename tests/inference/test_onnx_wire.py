"""What is found in an ONNX file before a library reads it, on files that onnx itself wrote."""

from __future__ import annotations

import onnx
import pytest
from onnx import TensorProto, helper

from kaggle_face.inference.onnx_wire import has_external_data, metadata_of


def tensor(is_external: bool) -> TensorProto:
    made = helper.make_tensor("w", TensorProto.FLOAT, [2], [1.0, 2.0])
    if is_external:
        made.data_location = TensorProto.EXTERNAL
        made.external_data.add(key="location", value="/etc/passwd")
    return made


def file_with(place: str, is_external: bool) -> bytes:
    """A model with one tensor: an initializer, a node's value, or one inside a branch."""
    value = tensor(is_external)
    if place == "initializer":
        graph = helper.make_graph([], "g", [], [], [value])
    elif place == "constant":
        graph = helper.make_graph([helper.make_node("Constant", [], ["y"], value=value)], "g", [], [])
    elif place == "function":
        node = helper.make_node("Constant", [], ["y"], value=value)
        function = helper.make_function("d", "f", [], ["y"], [node], [helper.make_opsetid("", 17)])
        return bytes(
            helper.make_model(helper.make_graph([], "g", [], []), functions=[function]).SerializeToString()
        )
    else:
        branch = helper.make_graph([], "b", [], [], [value])
        graph = helper.make_graph([helper.make_node("If", ["c"], ["y"], then_branch=branch)], "g", [], [])
    return bytes(helper.make_model(graph).SerializeToString())


@pytest.mark.parametrize("place", ["initializer", "constant", "branch", "function"])
def test_external_data_are_found_wherever_tensors_stand(place: str) -> None:
    assert has_external_data(file_with(place, is_external=True))
    assert not has_external_data(file_with(place, is_external=False))


def test_metadata_are_what_onnx_wrote() -> None:
    model = helper.make_model(helper.make_graph([], "g", [], []))
    helper.set_model_props(model, {"a": "1", "Zoë": "王"})
    assert metadata_of(model.SerializeToString()) == {"a": "1", "Zoë": "王"}
    assert metadata_of(b"") == {}


def test_a_name_that_stands_twice_is_refused() -> None:
    model = onnx.ModelProto()
    for value in ("1", "2"):
        model.metadata_props.add(key="a", value=value)
    with pytest.raises(ValueError, match="'a' twice"):
        metadata_of(model.SerializeToString())


@pytest.mark.parametrize(
    "data", [b"\x08", b"\xff" * 20, b"words that are no protocol buffer", b"\x3a\x7f\x01"]
)
def test_what_is_cut_off_or_another_file_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"cut off|not an ONNX file"):
        list(metadata_of(data))


def test_deep_nesting_is_refused() -> None:
    graph = helper.make_graph([], "g", [], [])
    for _ in range(12):  # of three messages each
        graph = helper.make_graph([helper.make_node("If", ["c"], ["y"], then_branch=graph)], "g", [], [])
    with pytest.raises(ValueError, match="nested too deeply"):
        has_external_data(helper.make_model(graph).SerializeToString())

"""Exported files that were damaged, changed, cut off, or written by others: one line each."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from kaggle_face.errors import RunError
from kaggle_face.exporting.precision import described
from kaggle_face.inference.onnx_file import KEY, OnnxDescription, read_onnx, with_checksum


def test_a_file_says_what_it_holds(exported_once: Path) -> None:
    data, about = read_onnx(exported_once / "export" / "model.onnx")
    assert (about.run, about.fold, about.checkpoint, about.precision) == ("faces/main", 0, "best_ver", "fp32")
    assert (about.image_size, about.embedding_size, about.classes) == (32, 16, ("a", "b", "c"))
    assert [one.name for one in about.networks] == ["faces/main/fold0@best_ver"]
    props = {each.key: each.value for each in onnx.load_from_string(data).metadata_props}
    values = json.loads(props[KEY])
    assert values["format"] == 1 and values["classes"] == ["a", "b", "c"]
    assert values["networks"][0]["weights"] == about.networks[0].weights


def test_any_changed_byte_is_found(exported_once: Path, tmp_path: Path) -> None:
    data = (exported_once / "export" / "model.onnx").read_bytes()
    changed = tmp_path / "model.onnx"
    for place in np.linspace(0, len(data) - 1, 40).astype(int).tolist():
        changed.write_bytes(data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :])
        with pytest.raises(RunError) as error:
            read_onnx(changed)
        assert str(changed) in str(error.value) and "\n" not in str(error.value)


def test_a_file_that_is_cut_off_is_one_line(exported_once: Path, tmp_path: Path) -> None:
    data = (exported_once / "export" / "model.onnx").read_bytes()
    short = tmp_path / "model.onnx"
    for length in (0, 1, 100, len(data) // 2, len(data) - 1):
        short.write_bytes(data[:length])
        with pytest.raises(RunError, match=r"cut off|made by another program|damaged"):
            read_onnx(short)
    with pytest.raises(RunError, match="cannot be read"):
        read_onnx(tmp_path / "none.onnx")
    with pytest.raises(RunError, match="cannot be read"):
        read_onnx(tmp_path)


def test_a_file_of_another_program_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "foreign.onnx"
    onnx.save(helper.make_model(helper.make_graph([], "g", [], [])), path)
    with pytest.raises(RunError, match=r"made by another program .kaggle-face export makes one"):
        read_onnx(path)


def test_external_data_are_refused_though_the_checksum_fits(exported_once: Path, tmp_path: Path) -> None:
    data, about = read_onnx(exported_once / "export" / "model.onnx")
    model = onnx.load_from_string(data)
    weights = model.graph.initializer[0]
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="secret.bin")
    path = tmp_path / "external.onnx"
    path.write_bytes(described(model.SerializeToString(), about))
    with pytest.raises(RunError, match="its weights lie in another file, and no other file is read"):
        read_onnx(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"format": 1', '"format": 2', "of format 2, and this version reads 1"),
        ('"image_size": 32', '"image_size": "x"', "image_size"),
        ('"embedding_size": 16', '"embedding_size": -1', "embedding_size"),
        ('"fold": 0, ', "", "fold"),
        ('"classes": ["a", "b", "c"]', '"classes": 3', "classes"),
    ],
)
def test_a_description_of_other_types_is_one_line(
    exported_once: Path, tmp_path: Path, old: str, new: str, message: str
) -> None:
    data, about = read_onnx(exported_once / "export" / "model.onnx")
    text = about.to_text()
    assert old in text
    model = onnx.load_from_string(data)
    model.metadata_props[0].value = text.replace(old, new)
    path = tmp_path / "other.onnx"
    path.write_bytes(with_checksum(model.SerializeToString()))
    with pytest.raises(RunError, match=message):
        read_onnx(path)


def test_names_of_any_script_come_back(exported_once: Path, tmp_path: Path) -> None:
    data, about = read_onnx(exported_once / "export" / "model.onnx")
    odd: OnnxDescription = dataclasses.replace(about, classes=('"checksum": "x', "王芳", "a\nb"))
    path = tmp_path / "odd.onnx"
    path.write_bytes(described(data, odd))
    assert read_onnx(path)[1] == odd

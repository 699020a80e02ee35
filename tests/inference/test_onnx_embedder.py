"""Exported files as embedders, without torch."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kaggle_face.errors import ConfigError, DataError, RunError
from kaggle_face.exporting.precision import described
from kaggle_face.inference.embedder import load_embedder
from kaggle_face.inference.onnx_embedder import OnnxEmbedder, session_threads
from kaggle_face.inference.onnx_file import read_onnx
from tests.support.gallery_stubs import invented_face


def test_a_file_embeds_as_its_run_does(exported_once: Path) -> None:
    faces = [invented_face(person, 0, 48) for person in range(3)]
    of_run = load_embedder(exported_once / "runs" / "faces" / "main", device="cpu")
    of_file = load_embedder(exported_once / "export" / "model.onnx")
    assert isinstance(of_file, OnnxEmbedder) and of_file.image_size == 32
    found = of_file.embed(faces)
    np.testing.assert_allclose(found, of_run.embed(faces), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    assert of_file.embed([]).shape == (0, 16) and of_file.logits(faces).shape == (3, 3)
    assert repr(of_file).endswith("model.onnx, fp32, 32 px -> 16 numbers)")
    with pytest.raises(DataError, match=r"write \[image\]"):
        of_file.embed("a.jpg")


def test_a_file_is_one_network_on_the_cpu(exported_once: Path, tmp_path: Path) -> None:
    file = exported_once / "export" / "model.onnx"
    with pytest.raises(RunError, match="holds one network; leave fold and checkpoint out"):
        load_embedder(file, fold=1)
    with pytest.raises(ConfigError, match="computed on the CPU here, got device 'cuda'"):
        load_embedder(file, device="cuda")
    with pytest.raises(RunError, match=r"none\.onnx cannot be read"):
        load_embedder(tmp_path / "none.onnx")


def test_a_graph_that_is_not_what_it_describes_is_refused(exported_once: Path, tmp_path: Path) -> None:
    data, about = read_onnx(exported_once / "export" / "model.onnx")
    path = tmp_path / "odd.onnx"
    path.write_bytes(described(data, replace(about, image_size=64)))
    with pytest.raises(RunError, match="does not hold the graph that it describes"):
        OnnxEmbedder(path)


def test_threads_are_those_of_the_process_or_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kaggle_face.inference.onnx_embedder.available_cpus", lambda: 4)
    for text, expected in (("1", 1), ("3", 3), ("16", 4), ("", 4), ("many", 4)):
        monkeypatch.setenv("OMP_NUM_THREADS", text)
        assert session_threads() == expected


def test_the_door_embeds_without_torch(exported_once: Path) -> None:
    code = (
        "import sys, numpy as np, kaggle_face as kf\n"
        f"embedder = kf.load_embedder({str(exported_once / 'export' / 'model.onnx')!r})\n"
        "assert embedder.embed([np.zeros((40, 40, 3), np.uint8)]).shape == (1, 16)\n"
        "print('torch' in sys.modules, 'onnx' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]

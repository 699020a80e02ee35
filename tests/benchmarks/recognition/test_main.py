"""The table beside dlib's, with a stand-in of dlib."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from benchmarks.recognition import __main__ as script
from kaggle_face.progress import Progress
from tests.support.gallery_stubs import PixelEmbedder, invented_face, jpeg_of, write_trained_run

Float32 = npt.NDArray[np.float32]


class Pixels:
    """Compares coarse pixels."""

    name = fingerprint = "pixels"

    def embed(self, crops: Sequence[npt.NDArray[np.uint8]], progress: Progress) -> Float32:
        return PixelEmbedder().embed(crops)

    def similarity(self, probes: Float32, known: Float32) -> Float32:
        return probes @ known.T

    def template(self, images: Float32) -> Float32:
        mean: Float32 = images.mean(axis=0)
        return mean


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for person in range(5):
        (tmp_path / "crops" / f"p{person}").mkdir(parents=True)
        for picture in range(3):
            data = jpeg_of(invented_face(person, picture, 64))
            (tmp_path / "crops" / f"p{person}" / f"{picture}.jpg").write_bytes(data)
    write_trained_run(tmp_path / "run" / "fold0")
    return tmp_path


def test_both_models_are_measured_on_the_same_draws(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(script, "DlibRecognizer", Pixels)
    where = [str(folder / "crops"), "--aligned", "--model", str(folder / "run"), "--device", "cpu"]
    assert script.main([*where, "--sizes", "4", "--shots", "1", "--ways", "2", "--draws", "2", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in values["models"]][1] == "pixels"
    assert (values["comparisons"][0]["second"], values["comparisons"][0]["size"]) == ("pixels", 4)


def test_without_dlib_the_extra_is_named_in_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "dlib", None)
    assert script.main([str(folder / "crops"), "--aligned", "--model", str(folder / "run")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "kaggle-face[compare]" in line

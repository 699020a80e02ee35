from __future__ import annotations

import sys

import numpy as np
import pytest

from benchmarks.recognition.dlib_recognizer import DlibRecognizer
from kaggle_face.errors import MissingExtraError
from kaggle_face.progress import SilentProgress
from tests.support.gallery_stubs import invented_face


def test_without_dlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(MissingExtraError, match=r"kaggle-face\[compare\]"):
        DlibRecognizer()


def test_pictures_of_one_person_are_nearer_than_of_two() -> None:
    pytest.importorskip("dlib", reason="dlib is not installed: pip install 'kaggle-face[compare]'")
    crops = [invented_face(person, 0, 112) for person in (1, 2)]
    shaken = [np.roll(crop, 1, axis=1) for crop in crops]
    system = DlibRecognizer(num_processes=1)
    vectors = system.embed([*crops, *shaken], SilentProgress())
    assert vectors.shape == (4, 128)
    scores = system.similarity(vectors[:2], vectors[2:])
    distance = np.linalg.norm(vectors[0] - vectors[3])
    assert scores[0, 1] == pytest.approx(-distance, abs=1e-4)
    assert scores[0, 0] > scores[0, 1]
    assert scores[1, 1] > scores[1, 0]

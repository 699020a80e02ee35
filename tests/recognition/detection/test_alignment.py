from __future__ import annotations

import math

import numpy as np
import pytest

from kaggle_face.recognition.detection.alignment import aligned_crop, similarity_transform, template


def test_a_turned_scaled_and_moved_pattern_is_brought_back() -> None:
    angle, scale, move = 0.4, 2.5, np.array([30.0, -7.0])
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    points = np.array([[0.0, 0.0], [4.0, 1.0], [2.0, 5.0], [-3.0, 2.0]])
    found = similarity_transform(points, scale * points @ turn.T + move)
    assert found[:, :2] == pytest.approx(scale * turn)
    assert found[:, 2] == pytest.approx(move)


def test_a_mirrored_pattern_is_not_reflected() -> None:
    points = np.array([[0.0, 0.0], [4.0, 1.0], [2.0, 5.0], [-3.0, 2.0]])
    found = similarity_transform(points, points * [-1.0, 1.0])
    assert np.linalg.det(found[:, :2]) > 0


def test_the_least_squares_transform_of_four_points_is_that_of_complex_regression() -> None:
    # A similarity of the plane is z -> a z + b over the complex numbers: a linear regression.
    rng = np.random.default_rng(3)
    points, goals = rng.normal(size=(5, 2)), rng.normal(size=(5, 2))
    z, w = points @ [1, 1j], goals @ [1, 1j]
    a, b = np.linalg.lstsq(np.stack([z, np.ones(5)], axis=1), w, rcond=None)[0]
    found = similarity_transform(points, goals)
    assert found == pytest.approx(np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]]))


@pytest.mark.parametrize("scale", [0.5, 1.0, 7.0])
def test_the_landmarks_of_a_photo_come_to_lie_on_the_template(scale: float) -> None:
    landmarks = template(112) * scale + [37.0, 21.0]
    light = np.zeros((1000, 1000))
    rows, columns = np.mgrid[0:1000, 0:1000] + 0.5
    for x, y in landmarks:
        light += np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * max(1.0, scale) ** 2))
    photo = np.repeat((255 * light).round().astype(np.uint8)[:, :, None], 3, axis=2)
    crop = aligned_crop(photo, landmarks, 112)[:, :, 0].astype(float)
    for x, y in template(112):
        left, top = int(x) - 4, int(y) - 4
        window = crop[top : top + 9, left : left + 9]
        middle_x = (window.sum(axis=0) @ (np.arange(9) + left + 0.5)) / window.sum()
        middle_y = (window.sum(axis=1) @ (np.arange(9) + top + 0.5)) / window.sum()
        assert (middle_x, middle_y) == pytest.approx((x, y), abs=0.2)


def test_a_crop_beyond_the_edge_is_black_there() -> None:
    photo = np.full((112, 112, 3), 200, np.uint8)
    crop = aligned_crop(photo, template(112) - [40.0, 0.0], 112)
    assert crop[56, 100].tolist() == [200, 200, 200]
    assert crop[56, 10].tolist() == [0, 0, 0]


def test_a_large_face_is_averaged_and_not_thinned_out() -> None:
    stripes = np.zeros((1200, 1200, 3), np.uint8)
    stripes[:, ::2] = 255  # a pattern of one pixel: every tenth column alone would be all black or all white
    crop = aligned_crop(stripes, template(112) * 10, 112)
    assert crop.mean() == pytest.approx(127.5, abs=3)
    assert crop.std() < 10


def test_the_template_is_larger_for_larger_networks() -> None:
    assert template(224) == pytest.approx(2 * template(112))

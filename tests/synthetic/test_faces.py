from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from kaggle_face.synthetic.faces import (
    Appearance,
    Identity,
    draw_appearance,
    draw_identity,
    render_face,
)
from kaggle_face.synthetic.traits import OCCLUSIONS, Expression, Light, Occlusion, Pose

FRONT = Pose(yaw=0.0, pitch=0.0, roll=0.0, scale=1.0, shift_x=0.0, shift_y=0.0)
EVEN_LIGHT = Light(
    azimuth_radians=np.pi / 2,
    height=1.0,
    strength=0.0,
    exposure=1.0,
    gamma=1.0,
    saturation=1.0,
    tint=(1.0, 1.0, 1.0),
)
CALM = Expression(mouth_open=0.0, smile=0.0, brow_raise=0.0, eyes_open=1.0, gaze_x=0.0, gaze_y=0.0)
GREY = (128, 128, 128)
PLAIN = Appearance(
    pose=FRONT,
    light=EVEN_LIGHT,
    expression=CALM,
    glasses_chance=0.0,
    occlusion="none",
    occlusion_x=0.1,
    occlusion_y=0.4,
    occlusion_colour=(200, 30, 30),
    background=(GREY, GREY, GREY),
    clothes=(40, 40, 160),
    blur_sigma_px=0.0,
    noise_sigma=0.0,
    jpeg_quality=95,
    detail_seed=0,
)


def picture(person: int, image: int, size_px: int = 32) -> np.ndarray:
    return render_face(draw_identity(0, person), draw_appearance(0, person, image), size_px)


def difference(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first.astype(np.float64) - second).mean())


@lru_cache(maxsize=1)
def twenty_people() -> np.ndarray:
    """18 pictures of each of 20 people at 16 pixels as numbers in [0, 1]: (20, 18, 768)."""
    pictures = [[picture(person, image, 16) for image in range(18)] for person in range(20)]
    return np.array(pictures).reshape(20, 18, -1) / 255.0


def train_and_test() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """12 and 6 pictures of each of 20 people (chance 0.05), and who is on them."""
    train, test = twenty_people()[:, :12].reshape(240, -1), twenty_people()[:, 12:].reshape(120, -1)
    return train, np.repeat(np.arange(20), 12), test, np.repeat(np.arange(20), 6)


@pytest.mark.parametrize("size_px", [16, 47, 64, 112])
def test_a_picture_has_the_asked_size_in_bytes_of_rgb(size_px: int) -> None:
    drawn = picture(1, 1, size_px)
    assert drawn.shape == (size_px, size_px, 3)
    assert drawn.dtype == np.uint8
    assert drawn.flags.c_contiguous


def test_another_process_draws_the_same_bytes() -> None:
    program = (
        "import hashlib; from kaggle_face.synthetic.faces import *; "
        "print(hashlib.sha256(render_face(draw_identity(5, 2), draw_appearance(5, 2, 3), 64)).hexdigest())"
    )
    here = hashlib.sha256(render_face(draw_identity(5, 2), draw_appearance(5, 2, 3), 64)).hexdigest()
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    there = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)
    assert there.stdout.decode().strip() == here


def test_a_picture_does_not_depend_on_what_was_drawn_before() -> None:
    places = [(person, image) for person in range(3) for image in range(3)]
    forwards = {place: picture(*place) for place in places}
    backwards = {place: picture(*place) for place in reversed(places)}
    assert all((forwards[place] == backwards[place]).all() for place in places)


def test_drawing_leaves_the_global_random_state_alone() -> None:
    np.random.seed(7)
    expected = np.random.random(3)
    np.random.seed(7)
    picture(0, 0)
    assert (np.random.random(3) == expected).all()


def test_no_two_of_300_people_are_alike_and_seeds_differ() -> None:
    people = {draw_identity(seed, number) for seed in (0, 1) for number in range(150)}
    assert len(people) == 300


def test_no_two_pictures_of_a_person_have_the_same_circumstances() -> None:
    assert len({draw_appearance(0, 3, image) for image in range(100)}) == 100


def test_a_linear_classifier_knows_people_above_chance_but_not_all() -> None:
    train, train_people, test, test_people = train_and_test()
    mean = train.mean(0)
    train, test = train - mean, test - mean
    # Ridge regression to one-hot targets, solved in the space of the images.
    weights = train.T @ np.linalg.solve(train @ train.T + 10.0 * np.eye(len(train)), np.eye(20)[train_people])
    accuracy = ((test @ weights).argmax(1) == test_people).mean()
    assert 0.25 < accuracy < 0.85


def test_the_nearest_mean_picture_rarely_names_the_person() -> None:
    train, train_people, test, test_people = train_and_test()
    means = np.array([train[train_people == person].mean(0) for person in range(20)])
    distances = ((test[:, None] - means[None]) ** 2).sum(2)
    accuracy = (distances.argmin(1) == test_people).mean()
    assert 0.10 < accuracy < 0.50


def test_pictures_of_one_person_vary_nearly_as_much_as_those_of_two() -> None:
    rows, people = twenty_people()[:, :6].reshape(120, -1), np.repeat(np.arange(20), 6)
    distances = np.abs(rows[:, None] - rows[None]).mean(2)
    same = (people[:, None] == people[None]) & ~np.eye(len(people), dtype=bool)
    ratio = distances[same].mean() / distances[people[:, None] != people[None]].mean()
    assert 0.75 < ratio < 0.98


def test_the_same_face_in_the_same_light_is_nearer_to_itself_than_to_others() -> None:
    faces = [render_face(draw_identity(0, person), PLAIN, 32) for person in range(12)]
    turned = replace(PLAIN, pose=replace(FRONT, yaw=0.08), expression=replace(CALM, smile=0.4))
    for person, face in enumerate(faces):
        again = render_face(draw_identity(0, person), turned, 32)
        nearest = min(range(12), key=lambda other: difference(again, faces[other]))
        assert nearest == person, f"person {person} looks like {nearest}; {difference(again, face)}"


def test_a_symmetric_head_turned_the_other_way_is_the_mirror_image() -> None:
    person = draw_identity(0, 0)
    bald = replace(person, hair=replace(person.hair, bald=True, length=0.0), moles_xy=(), freckles_xy=())
    right, left = (
        render_face(bald, replace(PLAIN, pose=replace(FRONT, yaw=yaw), detail_seed=_empty_scene()), 64)
        for yaw in (0.4, -0.4)
    )
    assert difference(right[:, ::-1], left) < 1.5 < 5 < difference(right, left)


def _empty_scene() -> int:
    """A seed for which no shapes lie in the background: it then draws 0 of them."""
    return next(seed for seed in range(100) if np.random.default_rng(seed).integers(0, 5) == 0)


@pytest.mark.parametrize("azimuth", [0.0, np.pi])
def test_the_side_of_the_light_is_brighter(azimuth: float) -> None:
    lit = replace(PLAIN, light=replace(EVEN_LIGHT, azimuth_radians=azimuth, strength=0.8, height=0.5))
    drawn = render_face(draw_identity(0, 1), lit, 64).astype(float)
    right_minus_left = drawn[20:44, 36:48].mean() - drawn[20:44, 16:28].mean()
    assert right_minus_left * np.cos(azimuth) > 10


@pytest.mark.parametrize("occlusion", [occlusion for occlusion in OCCLUSIONS if occlusion != "none"])
def test_each_occlusion_hides_a_part_and_not_all(occlusion: Occlusion) -> None:
    person = draw_identity(0, 2)
    free, hidden = (
        render_face(person, PLAIN, 64),
        render_face(person, replace(PLAIN, occlusion=occlusion), 64),
    )
    changed = (np.abs(free.astype(int) - hidden).max(axis=2) > 24).mean()
    assert 0.02 < changed < 0.6


def _others(person: Identity) -> dict[str, Identity]:
    """The person with one trait changed."""
    head, eyes, nose_mouth, hair = person.head, person.eyes, person.nose_mouth, person.hair
    return {
        "width": replace(person, head=replace(head, width=head.width + 0.06)),
        "jaw": replace(person, head=replace(head, jaw=head.jaw - 0.12)),
        "eye distance": replace(person, eyes=replace(eyes, x=eyes.x + 0.05)),
        "brows": replace(person, eyes=replace(eyes, brow_thickness=eyes.brow_thickness + 0.03)),
        "nose": replace(person, nose_mouth=replace(nose_mouth, nose_width=nose_mouth.nose_width + 0.05)),
        "mouth": replace(person, nose_mouth=replace(nose_mouth, mouth_width=nose_mouth.mouth_width + 0.07)),
        "hair length": replace(person, hair=replace(hair, length=1.2, bald=False)),
        "fringe": replace(person, hair=replace(hair, fringe_y=tuple(y - 0.1 for y in hair.fringe_y))),
        "skin": replace(person, skin=(90, 60, 40)),
        "beard": replace(person, beard="full"),
        "glasses": replace(person, glasses="square", glasses_habit=1.0),
        "mole": replace(person, moles_xy=((0.3, 0.3),)),
    }


@pytest.mark.parametrize("trait", sorted(_others(draw_identity(0, 0))))
def test_each_trait_is_seen(trait: str) -> None:
    person = draw_identity(0, 0)
    person = replace(person, beard="none", glasses="none", moles_xy=(), skin=(230, 190, 160))
    person = replace(person, hair=replace(person.hair, bald=False, length=0.0))
    change = np.abs(
        render_face(person, PLAIN, 64).astype(int) - render_face(_others(person)[trait], PLAIN, 64)
    )
    assert change.max() > 30


def test_glasses_are_worn_only_below_the_habit() -> None:
    person = replace(draw_identity(0, 4), glasses="round", glasses_habit=0.5)
    bare = render_face(replace(person, glasses_habit=0.0), PLAIN, 64)
    worn, left_off = (render_face(person, replace(PLAIN, glasses_chance=c), 64) for c in (0.49, 0.51))
    assert (left_off == bare).all()
    assert (worn != bare).any()

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kaggle_face.errors import GalleryError
from kaggle_face.project import gallery as door
from kaggle_face.recognition.detection.pictures import Face
from kaggle_face.recognition.gallery.images import remove_images, similarities_to_others, summarize_images
from kaggle_face.recognition.gallery.people import Gallery
from kaggle_face.recognition.gallery.tables import NewImage, NewPerson
from kaggle_face.recognition.recognizer import Recognizer
from tests.support.gallery_stubs import PIXEL_CARD, PixelEmbedder, invented_face, random_person


@pytest.fixture
def ann(gallery: Gallery) -> Gallery:
    """Ann with three images without pictures, Bob with one."""
    people = [random_person("Ann", 0, num_images=3), random_person("Bob", 1)]
    gallery.enroll(people, PIXEL_CARD)
    return gallery


def numbers_of(gallery: Gallery, name: str) -> list[int]:
    return [one.image.number for one in summarize_images(gallery, name)[1]]


def test_the_similarity_is_the_cosine_to_the_mean_of_the_others() -> None:
    vectors = np.random.default_rng(3).normal(size=(4, 8)).astype(np.float32)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    expected = []
    for row in range(4):
        mean = np.delete(unit, row, axis=0).sum(axis=0)
        expected.append(float(unit[row] @ mean / np.linalg.norm(mean)))
    assert similarities_to_others(vectors) == pytest.approx(expected, abs=1e-6)


def test_another_persons_picture_resembles_the_others_least(gallery: Gallery) -> None:
    vectors = np.array([[1, 0.1], [1, -0.1], [0, 1]], np.float32) @ np.eye(2, 256, dtype=np.float32)
    images = tuple(NewImage(f"{row}.jpg", str(row), vector) for row, vector in enumerate(vectors))
    gallery.enroll([NewPerson("Ann", images)], PIXEL_CARD)
    found = summarize_images(gallery, "ann")[1]
    assert min(found, key=lambda one: one.similarity or 0).image.source == "2.jpg"


def test_a_summary_says_what_is_known_and_no_more(ann: Gallery) -> None:
    person, (only,) = summarize_images(ann, "BOB")
    values = only.as_json()
    assert (person.name, values["source"], values["kept"], values["similarity"]) == (
        "Bob",
        "Bob-0.jpg",
        False,
        None,
    )


def test_a_removed_image_is_gone_with_its_file_name_in_the_audit(ann: Gallery) -> None:
    first, second, third = numbers_of(ann, "Ann")
    before = ann.revision()
    assert remove_images(ann, "ann", [second]).num_images == 2
    assert numbers_of(ann, "Ann") == [first, third]
    assert len(ann.embeddings_of(ann.person("Ann"))) == 2
    assert ann.revision() == before + 1
    rows = [(row.action, row.details) for row in ann.audit() if row.name == "Ann"]
    assert rows == [("enroll", {"images": ["Ann-0.jpg", "Ann-2.jpg"]}), ("remove-picture", {"images": 1})]


def test_a_file_name_that_another_image_of_the_person_has_stays_in_the_audit(gallery: Gallery) -> None:
    one, two = random_person("Ann", 0, num_images=2).images
    images = tuple(NewImage("same.jpg", image.fingerprint, image.embedding) for image in (one, two))
    gallery.enroll([NewPerson("Ann", images)], PIXEL_CARD)
    remove_images(gallery, "Ann", numbers_of(gallery, "Ann")[:1])
    assert gallery.audit()[0].details == {"images": ["same.jpg", "same.jpg"]}


def test_a_removed_picture_is_in_no_file_of_the_gallery_any_more(gallery: Gallery) -> None:
    one, two = random_person("Ann", 0, num_images=2).images
    png = b"the bytes of a picture " * 200
    images = (NewImage("a.jpg", "a", one.embedding, png), NewImage("b.jpg", "b", two.embedding))
    gallery.enroll([NewPerson("Ann", images)], PIXEL_CARD)
    remove_images(gallery, "Ann", numbers_of(gallery, "Ann")[:1])
    files = [
        path.read_bytes() for path in gallery.path.parent.glob(f"{gallery.path.name}*") if path.is_file()
    ]
    assert not any(b"the bytes of a picture" in data for data in files)


@pytest.mark.parametrize(
    ("name", "wanted", "reason"),
    [
        ("Ann", [], "no picture is named"),
        ("Ann", [4], "Ann has no picture number 4; see the numbers: kaggle-face people show Ann"),  # Bob's
        ("Ann", [1, 10**30], "has no picture number 1000"),
        ("Ann", [1, 2, 3], "remove the person instead: kaggle-face people remove Ann"),
        ("Bob", [4], "no picture of Bob would be left"),
        ("Chi", [1], "nobody is enrolled as 'Chi'"),
    ],
)
def test_what_cannot_be_removed_is_refused_and_nothing_is(
    ann: Gallery, name: str, wanted: list[int], reason: str
) -> None:
    with pytest.raises(GalleryError, match=reason) as caught:
        remove_images(ann, name, wanted)
    assert "\n" not in str(caught.value)
    assert (numbers_of(ann, "Ann"), numbers_of(ann, "Bob")) == ([1, 2, 3], [4])


def test_a_picture_is_kept_only_where_that_is_wanted(gallery: Gallery) -> None:
    face = Face(invented_face(1, 0, 112), "a.jpg")
    Recognizer(PixelEmbedder(), gallery, keep_pictures=False).enroll("Ann", [face])
    (image,) = gallery.images(gallery.person("Ann"))
    assert (image.has_picture, gallery.picture(image.number)) == (False, None)


def test_a_face_that_is_enrolled_again_with_its_picture_gets_it(gallery: Gallery) -> None:
    face, recognizer = Face(invented_face(1, 0, 112), "a.jpg"), Recognizer(PixelEmbedder(), gallery)
    recognizer.enroll("Ann", [face], keep_pictures=False)
    outcome = recognizer.enroll("Ann", [face], "add")
    assert (outcome.num_added, outcome.num_known) == (0, 1)
    assert [image.has_picture for image in gallery.images(outcome.person)] == [True]


def test_a_gallery_in_python_shows_and_removes_pictures(ann: Gallery, tmp_path: Path) -> None:
    opened = door.open_gallery(ann.path)
    table = opened.pictures("Ann")
    assert table["source"].tolist() == ["Ann-0.jpg", "Ann-1.jpg", "Ann-2.jpg"]
    assert table["kept"].tolist() == [False] * 3
    assert np.isfinite(table["similarity"]).all()
    opened.remove_pictures("Ann", table["number"].iloc[0]).remove_pictures("Ann", {2})
    assert np.isnan(opened.pictures("Ann")["similarity"]).tolist() == [True]

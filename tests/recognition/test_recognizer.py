from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kaggle_face.errors import GalleryError, InputError
from kaggle_face.progress import SilentProgress
from kaggle_face.recognition import recognizer as recognizer_module
from kaggle_face.recognition.detection.pictures import Face
from kaggle_face.recognition.gallery.model_card import Threshold
from kaggle_face.recognition.gallery.people import Gallery
from kaggle_face.recognition.gallery.reembedding import re_embed
from kaggle_face.recognition.recognizer import Decision, Recognizer
from kaggle_face.recognition.search import Prototypes, read_prototypes
from tests.support.gallery_stubs import PIXEL_CARD, PixelEmbedder, invented_face, random_person

HALF = Threshold("given", 0.5)


def face(person: int, noise: int = 0) -> Face:
    """The crop of an invented person, with a little noise that makes it another picture."""
    pixels = invented_face(person, 1, 112).astype(int)
    shaken = pixels + np.random.default_rng(noise).integers(-noise, noise + 1, pixels.shape)
    return Face(shaken.clip(0, 255).astype(np.uint8), f"{person}-{noise}.png")


@pytest.fixture
def filled(recognizer: Recognizer) -> Recognizer:
    for person in (1, 2, 3):
        recognizer.enroll(f"p{person}", [face(person)])
    return recognizer


def test_a_score_at_the_threshold_is_accepted() -> None:
    assert Decision(0.5, HALF).accepted
    assert not Decision(0.4999, HALF).accepted
    assert Decision(0.75, HALF).margin == 0.25


def test_another_picture_of_a_person_is_verified_and_somebody_else_is_not(filled: Recognizer) -> None:
    assert filled.verify_person("P2", face(2, noise=9), HALF)[1].accepted
    assert not filled.verify_person("p2", face(3), Threshold("given", 0.99))[1].accepted


def test_two_pictures_are_compared_without_a_gallery() -> None:
    pairs = Recognizer(PixelEmbedder())
    assert pairs.verify_faces(face(1), face(1, noise=5), HALF).score > 0.99
    assert pairs.verify_faces(face(1), face(1), HALF).score == pytest.approx(1.0)


def test_the_right_person_is_identified_among_everyone(filled: Recognizer) -> None:
    answer = filled.identify([face(3, noise=9)], HALF)[0]
    assert answer.known is not None
    assert answer.known.name == "p3"
    scores = [candidate.score for candidate in answer.candidates]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 3


def test_below_the_threshold_the_answer_is_unknown_with_the_nearest_shown(filled: Recognizer) -> None:
    answer = filled.identify([face(7)], Threshold("given", 0.999))[0]
    assert answer.known is None
    assert len(answer.candidates) == 3


def test_several_images_make_one_person_and_one_score(recognizer: Recognizer) -> None:
    recognizer.enroll("many", [face(1), face(1, noise=9), face(1, noise=30)])
    answer = recognizer.identify([face(1)], HALF, k=5)[0]
    images = recognizer.embedder.embed([face(1).crop, face(1, noise=9).crop, face(1, noise=30).crop])
    mean = images.mean(axis=0)
    expected = float(images[0] @ mean / np.linalg.norm(mean))
    assert [candidate.score for candidate in answer.candidates] == [pytest.approx(expected, abs=1e-6)]
    assert recognizer.verify_person("many", face(1), HALF)[1].score == pytest.approx(expected, abs=1e-6)


def test_who_is_enrolled_meanwhile_is_found(filled: Recognizer, gallery: Gallery) -> None:
    filled.identify([face(1)], HALF)
    Recognizer(PixelEmbedder(), Gallery(gallery.path)).enroll("new", [face(9)])
    answer = filled.identify([face(9)], HALF)[0]
    assert answer.known is not None
    assert answer.known.name == "new"


def test_decisions_are_written_down_with_whom_they_named(filled: Recognizer, gallery: Gallery) -> None:
    filled.verify_person("p1", face(1), HALF)
    filled.identify([face(2), face(8)], Threshold("given", 0.9999))
    rows = [(row.action, row.name, row.details["accepted"]) for row in gallery.audit()[3:]]
    assert rows == [("verify", "p1", True), ("identify", "p2", True), ("identify", "", False)]


def test_an_empty_gallery_cannot_identify(recognizer: Recognizer) -> None:
    with pytest.raises(GalleryError, match="nobody is enrolled"):
        recognizer.identify([face(1)], HALF)


def test_a_gallery_of_another_model_is_refused(filled: Recognizer, gallery: Gallery) -> None:
    other = Recognizer(PixelEmbedder(replace(PIXEL_CARD, fingerprint="e" * 32)), gallery)
    for ask in (lambda: other.identify([face(1)], HALF), lambda: other.verify_person("p1", face(1), HALF)):
        with pytest.raises(GalleryError, match="people re-embed"):
            ask()


def test_a_gallery_that_is_re_embedded_while_it_is_read_is_refused_for_good(
    filled: Recognizer, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(gallery: Gallery) -> Prototypes:
        re_embed(gallery, PixelEmbedder(replace(PIXEL_CARD, fingerprint="e" * 32)), SilentProgress())
        return read_prototypes(gallery)

    monkeypatch.setattr(recognizer_module, "read_prototypes", read)
    for _ in range(2):
        with pytest.raises(GalleryError, match="people re-embed"):
            filled.identify([face(1)], HALF)


def test_no_candidates_at_all_is_refused(filled: Recognizer) -> None:
    with pytest.raises(InputError, match="at least 1, got 0"):
        filled.identify([face(1)], HALF, k=0)


def test_all_people_are_searched_and_not_the_first_block_alone(
    recognizer: Recognizer, gallery: Gallery
) -> None:
    gallery.enroll([random_person(f"r{number}", number) for number in range(3000)], PIXEL_CARD)
    recognizer.enroll("last", [face(4)])
    answer = recognizer.identify([face(4)], HALF)[0]
    assert answer.known is not None
    assert answer.known.name == "last"
    assert recognizer.num_people() == 3001

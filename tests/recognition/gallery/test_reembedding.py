from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from kaggle_face.errors import GalleryError
from kaggle_face.progress import SilentProgress
from kaggle_face.recognition.detection.pictures import Face
from kaggle_face.recognition.gallery import reembedding
from kaggle_face.recognition.gallery.model_card import Threshold
from kaggle_face.recognition.gallery.people import Gallery
from kaggle_face.recognition.gallery.reembedding import re_embed
from kaggle_face.recognition.recognizer import Recognizer
from tests.support.gallery_stubs import PIXEL_CARD, PixelEmbedder, invented_face, random_person

NEW_CARD = replace(PIXEL_CARD, fingerprint="d" * 32, run="new/main", embedding_size=4, thresholds=())


class MeanEmbedder:
    """Calls the mean colour of a crop, and a one, its embedding."""

    card = NEW_CARD

    def __init__(self, most_calls: int = 1000) -> None:
        self.calls_left = most_calls

    def embed(self, crops: Sequence[np.ndarray]) -> np.ndarray:
        self.calls_left -= 1
        if self.calls_left < 0:
            raise KeyboardInterrupt
        return np.array([[*crop.mean(axis=(0, 1)) / 255, 1.0] for crop in crops], np.float32)


@pytest.fixture
def filled(recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch) -> Gallery:
    monkeypatch.setattr(reembedding, "_IMAGES_AT_ONCE", 2)
    for person in range(5):
        recognizer.enroll(f"p{person}", [Face(invented_face(person, 0, 112), f"{person}.png")])
    return recognizer.gallery


def test_all_embeddings_are_made_anew_from_the_kept_pictures(filled: Gallery) -> None:
    assert re_embed(filled, MeanEmbedder(), SilentProgress()) == 5
    expected = MeanEmbedder().embed([invented_face(3, 0, 112)])
    assert np.array_equal(filled.embeddings_of(filled.person("p3")), expected)
    assert filled.model() == NEW_CARD


def test_a_re_embedded_gallery_answers_with_the_new_model(filled: Gallery) -> None:
    re_embed(filled, MeanEmbedder(), SilentProgress())
    answer = Recognizer(MeanEmbedder(), filled).identify(
        [Face(invented_face(2, 0, 112), "q")], Threshold("given", 0.9)
    )
    assert answer[0].candidates[0].person.name == "p2"


def test_until_it_is_done_the_gallery_stays_of_the_old_model_and_goes_on_after_a_stop(
    filled: Gallery,
) -> None:
    before = filled.embeddings_of(filled.person("p1"))
    with pytest.raises(KeyboardInterrupt):
        re_embed(filled, MeanEmbedder(most_calls=2), SilentProgress())
    assert filled.model() == PIXEL_CARD
    assert np.array_equal(filled.embeddings_of(filled.person("p1")), before)
    rest = MeanEmbedder(most_calls=1)  # four of five images wait already
    re_embed(filled, rest, SilentProgress())
    assert filled.model() == NEW_CARD
    with closing(sqlite3.connect(filled.path)) as connection:
        assert connection.execute("SELECT count(*) FROM renewed").fetchone() == (0,)


def test_an_image_without_its_picture_is_named(filled: Gallery) -> None:
    filled.enroll([random_person("bare", 1)], PIXEL_CARD)
    with pytest.raises(GalleryError, match=r"the picture bare-0\.jpg was not kept"):
        re_embed(filled, MeanEmbedder(), SilentProgress())
    assert filled.model() == PIXEL_CARD


def test_an_empty_gallery_cannot_be_re_embedded(gallery: Gallery) -> None:
    with pytest.raises(GalleryError, match="nothing to re-embed"):
        re_embed(gallery, PixelEmbedder(), SilentProgress())

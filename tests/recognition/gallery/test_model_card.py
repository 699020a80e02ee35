from __future__ import annotations

from dataclasses import replace

import pytest

from kaggle_face.errors import GalleryError, InputError
from kaggle_face.recognition.gallery.model_card import Threshold, card_from_text
from tests.support.gallery_stubs import PIXEL_CARD, STRICT


def test_a_card_comes_back_from_its_text() -> None:
    assert card_from_text(PIXEL_CARD.to_text()) == PIXEL_CARD


def test_a_threshold_is_found_by_its_name() -> None:
    assert PIXEL_CARD.threshold("fpr-1e-3") == STRICT


def test_a_number_is_a_threshold_that_was_given() -> None:
    found = PIXEL_CARD.threshold("0.25")
    assert (found.name, found.value, found.num_same, found.num_different) == ("given", 0.25, 0, 0)


@pytest.mark.parametrize("wanted", ["strict", "2", "-1.5", "nan", ""])
def test_anything_else_is_refused(wanted: str) -> None:
    with pytest.raises(InputError, match="a threshold is fpr-1e-2, fpr-1e-3, eer or a number"):
        PIXEL_CARD.threshold(wanted)


def test_a_run_without_pairs_has_no_named_threshold_and_says_what_to_do() -> None:
    with pytest.raises(GalleryError, match="no labelled out-of-fold pairs; give a number"):
        replace(PIXEL_CARD, thresholds=()).threshold("eer")


def test_a_rate_that_was_not_measured_is_null_in_json() -> None:
    assert Threshold("given", 0.5).as_json()["fpr"] is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"thresholds": [{"x": 1}]}'])
def test_a_damaged_card_is_an_error_of_one_line(text: str) -> None:
    with pytest.raises(GalleryError, match="the description of the gallery's model is damaged"):
        card_from_text(text)

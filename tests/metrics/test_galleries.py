"""The best match of each probe, and the threshold below which nobody is named."""

from __future__ import annotations

import numpy as np
import pytest

from kaggle_face.errors import DataError
from kaggle_face.metrics import galleries
from kaggle_face.metrics.galleries import BestMatches, accuracy_of, choose_threshold, search_gallery
from kaggle_face.records import Embeddings, Gallery

# Two people on the axes; Ann has two images, one of them long: length must not matter.
IDS = np.array(["ann1", "ann2", "bob1", "p0", "p1", "p2"])
VECTORS = np.array([[1, 0, 0], [90, 10, 0], [0, 2, 0], [0.9, 0.1, 0], [0.1, 5, 0], [0.1, 0.1, 1]])


def gallery(*truth: str, no_match: str | None = "nobody") -> Gallery:
    return Gallery(
        IDS[:3],
        np.array(["Ann", "Ann", "Bob"]),
        np.array(["0", "1", "2"]),
        IDS[3:],
        np.array(truth),
        no_match,
    )


def test_each_probe_gets_the_person_of_the_highest_cosine() -> None:
    matches = search_gallery(Embeddings(IDS, VECTORS), gallery("", "", ""))
    assert matches.names.tolist() == ["Ann", "Bob", "Ann"]
    mean = np.array([1, 0, 0]) + np.array([90, 10, 0]) / np.hypot(90, 10)
    expected = np.array([0.9, 0.1, 0]) @ mean / np.hypot(0.9, 0.1) / np.linalg.norm(mean)
    assert matches.scores[0] == pytest.approx(expected, rel=1e-6)


def test_the_order_of_probes_and_images_does_not_matter() -> None:
    order = np.array([5, 0, 4, 2, 3, 1])
    shuffled = Embeddings(IDS[order], VECTORS[order])
    found = search_gallery(shuffled, gallery("", "", ""))
    expected = search_gallery(Embeddings(IDS, VECTORS), gallery("", "", ""))
    assert found.names.tolist() == expected.names.tolist()
    assert np.allclose(found.scores, expected.scores, rtol=1e-6)


def test_the_threshold_lies_between_the_unknown_and_the_known() -> None:
    known = gallery("Ann", "Bob", "nobody")
    matches = search_gallery(Embeddings(IDS, VECTORS), known)
    best = choose_threshold(matches, known)
    assert best is not None and best.accuracy == 1.0
    assert matches.scores[2] < best.threshold < matches.scores[:2].min()
    answers = matches.answers(best.threshold, "nobody")
    assert answers.tolist() == ["Ann", "Bob", "nobody"]
    assert accuracy_of(answers, known) == 1.0


def test_without_a_word_for_no_match_everybody_is_named() -> None:
    known = gallery("Ann", "Bob", "Ann", no_match=None)
    matches = search_gallery(Embeddings(IDS, VECTORS), known)
    assert choose_threshold(matches, known) is None
    assert matches.answers(np.inf, None).tolist() == ["Ann", "Bob", "Ann"]


def test_a_threshold_needs_the_truth() -> None:
    matches = BestMatches(np.array(["0"]), np.array(["Ann"]), np.array([0.5], np.float32))
    with pytest.raises(DataError, match="true name of probe 2 is not known"):
        choose_threshold(matches, gallery("Ann", "Bob", ""))


def test_blocks_change_no_match(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(1)
    ids = np.array([f"{number:03d}" for number in range(300)])
    faces = Embeddings(ids, draw.standard_normal((300, 8)))
    people = np.array([f"person {number}" for number in draw.integers(0, 60, 200)])
    probes = Gallery(ids[:200], people, ids[200:], ids[200:], np.full(100, ""))
    whole = search_gallery(faces, probes)
    for name in ("_PROBES_AT_ONCE", "_PEOPLE_AT_ONCE", "_IMAGES_AT_ONCE"):
        monkeypatch.setattr(galleries, name, 7)
    in_blocks = search_gallery(faces, probes)
    assert in_blocks.names.tolist() == whole.names.tolist()
    np.testing.assert_allclose(in_blocks.scores, whole.scores, rtol=0, atol=1e-6)


def test_of_people_who_are_equally_alike_the_first_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(galleries, "_PEOPLE_AT_ONCE", 1)
    twins = Gallery(IDS[:2], np.array(["Bea", "Ada"]), np.array(["0"]), IDS[2:3], np.array([""]))
    same = Embeddings(IDS[:3], np.ones((3, 3)))
    assert search_gallery(same, twins).names.tolist() == ["Ada"]
